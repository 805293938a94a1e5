"""Guests' volumes: logical volumes that read as zeros before a guest first sees them.

A volume is `teig-GUEST-diskN` in the volume group that the server names, linear, tagged `teig` and `teig-guest-GUEST`.
What was measured and why it is linear and wiped is in docs/agent.md.

LVM gives a new volume with its previous owner's bytes. So it is wiped, and only then is `diskN.json` written, with the
volume's own device-mapper UUID: a crash in between leaves a volume without that file, which `guest_start` refuses and
`volume_create` wipes again. Which volume is a guest's own, among copies too, is `teig.agent.disks.ownership`'s part.
What the kernel knows of volumes is read from /sys, because starting an LVM program takes up to half a second on a slow
Dom0.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.contract.spec import ImageFile
from teig.agent.disks import ownership, pools
from teig.agent.disks.ownership import LogicalVolume, Lvm, LvmGroup, clean_mark, gone_mark, leaving_mark, mark_of
from teig.agent.host import progress
from teig.agent.host.process import Done, must, run
from teig.agent.host.state import read_json, sync_dir, write_json

BLKZEROOUT = 0x127F  # linux/fs.h: _IO(0x12, 127)
_GROWING = "growing"
_WIPE_STEP = 64 << 20
_BLOCK = 64 << 10
_ZEROS = bytes(_BLOCK)
_READ = 1 << 18
_MAPPED = Path("/sys/block")
_DEV = Path("/dev")
_OURS = re.compile(
    r"(?P<vg>(?:[^-]|--)+)-teig--(?P<guest>[0-9a-f]{8}(?:--[0-9a-f]{4}){3}--[0-9a-f]{12})--(?P<what>seed|disk[0-7])"
)
_REMOVE_WAIT_S = 15.0


class Volume(NamedTuple):
    """A logical volume of ours that is active; `uuid` is the device-mapper's and belongs to this volume alone."""

    vg: str
    guest: str
    what: str
    uuid: str

    @property
    def path(self) -> str:
        """The block device."""
        return f"{_DEV}/{self.vg}/{volume_name(self.guest, self.what)}"


def volume_name(guest: str, what: str) -> str:
    """Return the name of a guest's volume; `what` is `disk0` to `disk7` or `seed`."""
    return f"teig-{guest}-{what}"


def mapped() -> list[Volume]:
    """Return all active volumes of ours, from /sys. The device-mapper doubles hyphens within names."""
    found = []
    for name_file in _MAPPED.glob("dm-*/dm/name"):
        try:
            match = _OURS.fullmatch(name_file.read_text().strip())
            uuid = (name_file.parent / "uuid").read_text().strip()
        except OSError:
            continue
        if match:
            vg, guest = (match[part].replace("--", "-") for part in ("vg", "guest"))
            found.append(Volume(vg, guest, match["what"], uuid))
    return found


def find(folder: Path, guest: str, what: str) -> Volume | None:
    """Return a guest's own volume, None where it is not active."""
    same = [volume for volume in mapped() if (volume.guest, volume.what) == (guest, what)]
    return ownership.own_among(mark_of(folder, what), same) if same else None


def disks_of(folder: Path, guest: str, volumes: list[Volume]) -> dict[int, Volume]:
    """Return a guest's own disks among some volumes, by their indices and in their order."""
    found: dict[int, list[Volume]] = {}
    for volume in volumes:
        if volume.guest == guest and volume.what.startswith("disk"):
            found.setdefault(int(volume.what[4:]), []).append(volume)
    own = {index: ownership.own_among(mark_of(folder, f"disk{index}"), same) for index, same in sorted(found.items())}
    return {index: volume for index, volume in own.items() if volume is not None}


class Volumes:
    """Making, growing and removing volumes."""

    def has(self, folder: Path, guest: str, what: str, size_bytes: int) -> bool:
        """Say whether a volume of that size is there, and clean or its guest's own."""
        volume = find(folder, guest, what)
        return volume is not None and is_clean(folder, volume) and _fits(folder, volume, size_bytes)

    def create(self, folder: Path, guest: str, what: str, size_bytes: int, pool: str = "") -> Volume:
        """Make a volume that reads as zeros, or return the one that is there already and clean.

        It is made in the volume group `pool`, or where the guest's first volume is. LVM rounds its size up.
        """
        look = activated if clean_mark(folder, what).exists() else find  # the host may have booted just now
        volume = look(folder, guest, what)
        if volume and is_clean(folder, volume) and not _fits(folder, volume, size_bytes):
            raise Failure(
                "conflict",
                f"Volume {volume.path} is there and has {size_of(volume.path)} bytes, not {size_bytes}.",
                code="volume_differs",
            )
        if volume and is_clean(folder, volume):
            return volume
        known = ownership.lvm()
        group = known.group(pool or self._beside(folder, guest))
        self._clear(folder, guest, what, known, group)  # what is half made: its size may be another
        volume, mark = self._lvcreate(folder, guest, what, size_bytes, group)
        wipe(volume.path, size_of(volume.path))
        write_json(clean_mark(folder, what), {**mark, "uuid": volume.uuid, "size_bytes": size_bytes})
        for path in (leaving_mark(folder, what), gone_mark(folder, what)):
            path.unlink(missing_ok=True)
        return volume

    def _beside(self, folder: Path, guest: str) -> str:
        first = find(folder, guest, "disk0")
        if first is None:
            raise Failure("conflict", "The volume of xvda is not there.", "Create it first.", code="no_volume")
        return first.vg

    def _lvcreate(
        self, folder: Path, guest: str, what: str, size_bytes: int, group: LvmGroup
    ) -> tuple[Volume, dict[str, Any]]:
        name, making = volume_name(guest, what), leaving_mark(folder, what)
        mark = {"vg": group.name, "physical_volumes": sorted(group.physical_volumes)}
        write_json(making, {**mark, "vg_uuid": group.uuid})  # if it is broken off, what it has made is not clean
        done = run(
            ["lvcreate", "--quiet", "--yes", "--wipesignatures", "n", "--zero", "n", "--size", f"{size_bytes}b",
             "--addtag", "teig", "--addtag", f"teig-guest-{guest}", "--name", name, group.name]
        )  # fmt: skip
        if done.status != 0:
            making.unlink()
            raise _refused(done.said, group.name, size_bytes)
        made = find(folder, guest, what)
        if made is None:
            raise host_fault("lvm_failed", f"lvcreate made no volume {name}: {done.said}")
        return made, mark

    def grow(self, folder: Path, guest: str, what: str, size_bytes: int) -> None:
        """Make a volume larger; what is added reads as zeros. Its guest must not run: it would read what lay there.

        One that was broken off is finished by the next, which begins where the first began.
        """
        volume = find(folder, guest, what)
        if volume is None or not is_clean(folder, volume):
            return
        mark = _marked(folder, volume)
        size = size_of(volume.path)
        if size >= size_bytes and _GROWING not in mark:
            return
        start = mark.get(_GROWING, size)
        mark["vg"] = volume.vg  # which the first agents did not write down
        write_json(clean_mark(folder, what), {**mark, _GROWING: start})
        done = Done(0, "", "")
        if size < size_bytes:
            done = run(["lvextend", "--quiet", "--size", f"{size_bytes}b", f"{volume.vg}/{volume_name(guest, what)}"])
        # Before anything else can fail: an earlier try may have been cut, and the guest may start with what there is.
        wipe(volume.path, size_of(volume.path), start)
        grown = {key: value for key, value in mark.items() if key != _GROWING}
        asked = {"size_bytes": size_bytes} if done.status == 0 else {}
        write_json(clean_mark(folder, what), {**grown, **asked})
        if done.status != 0:
            raise _refused(done.said, volume.vg, size_bytes - size)

    def delete(self, folder: Path, guest: str, what: str) -> None:
        """Remove a volume, in whatever group it is; one that LVM knows nothing of is removed already.

        Its bytes are wiped first: the extents may next go to a volume that somebody makes without Teig. One that cannot
        be wiped, because a disk is missing, is not removed, and that is told; nor is one whose group is away.
        """
        self._clear(folder, guest, what, ownership.lvm())

    def _clear(self, folder: Path, guest: str, what: str, known: Lvm, within: LvmGroup | None = None) -> None:
        """Do what `delete` does; where nothing says which volume is the guest's, only what is in a group."""
        mark, same = mark_of(folder, what), known.called(volume_name(guest, what))
        own = ownership.own_of(
            mark, same if mark or not within else [one for one in same if one.group == within], known
        )
        if own is None:
            ownership.refuse_away(mark, known)
        else:
            known.refuse_unusable(own.group)
            ownership.refuse_snapshots(own, known)
        leaving = leaving_mark(folder, what)
        if own and mark:
            with suppress(OSError):  # on a full disk too, what is to go must go
                mark.remember(own.uuid, own.group.name, own.group.physical_volumes)
        # It is clean no more, and where it lies is known until it is gone. A rename needs no room on a full disk.
        if clean_mark(folder, what).exists():
            clean_mark(folder, what).replace(leaving)
            sync_dir(folder)
        elif own and mark is None:
            physical_volumes = sorted(own.group.physical_volumes)
            write_json(leaving, {"uuid": own.uuid, "vg": own.group.name, "physical_volumes": physical_volumes})
        if own:
            remove(own)
        if leaving.exists():  # it may be deleted again, long after its guest's other files, and a copy stays
            leaving.replace(gone_mark(folder, what))


def activated(folder: Path, guest: str, what: str) -> Volume | None:
    """Return a guest's own volume, activated where it is not: its group may have come late at the host's boot.

    None: there is none. Where it lies is written down anew where that has changed.
    """
    found, mark = find(folder, guest, what), mark_of(folder, what)
    if found is None:
        known = ownership.lvm()
        own = ownership.own_of(mark, known.called(volume_name(guest, what)), known)
        if own is None:
            return None
        known.refuse_unusable(own.group)
        found = _active(own)
        if mark:
            mark.remember(found.uuid, own.group.name, own.group.physical_volumes)
    elif mark:
        mark.remember(found.uuid, found.vg)
    return found


def _active(own: LogicalVolume) -> Volume:
    """Return a volume as the kernel has it, activated where it is not. A copy may have the device of its name."""
    found = _in_kernel(own)
    if found is None:
        must(["lvchange", "--quiet", "--yes", "--ignoreactivationskip", "--activate", "y", own.full_name], "lvm_failed")
        found = _in_kernel(own)
    if found is None:
        raise host_fault("lvm_failed", f"LVM has not activated {own.full_name}.", "Look on the host: dmsetup info")
    return found


def _in_kernel(own: LogicalVolume) -> Volume | None:
    return next((volume for volume in mapped() if volume.uuid == own.uuid), None)


def remove(own: LogicalVolume) -> None:
    """Wipe a volume, activating it where it is not, and remove it."""
    device = _active(own).path
    wipe(device, size_of(device))
    deadline = time.monotonic() + _REMOVE_WAIT_S
    while True:
        done = run(["lvremove", "--quiet", "--yes", own.full_name])
        if done.status == 0:
            return
        # The domain has gone, but blkback or udev may hold the device for a moment longer.
        if time.monotonic() >= deadline:
            raise host_fault("volume_in_use", f"Volume {own.full_name} could not be removed: {done.said}")
        time.sleep(0.3)


def _refused(said: str, group: str, size_bytes: int) -> Failure:
    there = {one.name: one for one in pools.groups()}
    if group not in there:
        return ownership.no_group(group, said)
    if "insufficient" in said.lower():
        return host_fault(
            "volume_group_full",
            f"Volume group {group} has {there[group].free_bytes >> 20} MiB free, and the volume needs "
            f"{size_bytes >> 20} MiB.",
            "Delete a guest, extend the volume group (vgextend), or use another host.",
        )
    return host_fault("lvm_failed", f"LVM made no volume in {group}: {said}")


def _fits(folder: Path, volume: Volume, size_bytes: int) -> bool:
    """Say whether a clean volume is the one that was asked for, before LVM rounded its size up."""
    size, asked = size_of(volume.path), _marked(folder, volume).get("size_bytes")
    if asked is None and size != size_bytes:  # an older agent, which did not write down what was asked for
        extent = {group.name: group.extent_bytes for group in pools.groups()}.get(volume.vg, size)
        return -(-size_bytes // extent) * extent == size
    return size_bytes in {size, asked}


def _marked(folder: Path, volume: Volume) -> dict[str, Any]:
    mark = read_json(clean_mark(folder, volume.what))
    return mark if isinstance(mark, dict) and mark.get("uuid") == volume.uuid else {}


def is_clean(folder: Path, volume: Volume) -> bool:
    """Say whether a volume was wiped, or made clean and then used by its own guest."""
    return bool(_marked(folder, volume))


def is_growing(folder: Path, volume: Volume) -> bool:
    """Say whether a volume was made larger, and what was added not wiped yet: somebody else's bytes may be there."""
    return _GROWING in _marked(folder, volume)


def image_on(folder: Path, volume: Volume) -> str | None:
    """Return the image that was written onto a volume whole, None before that."""
    return _marked(folder, volume).get("image")


def size_of(path: str) -> int:
    """Return a block device's (or file's) size in bytes."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.lseek(handle, 0, os.SEEK_END)
    finally:
        os.close(handle)


def size_of_active(volume: Volume) -> int:
    """Return an active volume's size in bytes, 0 where it has just gone."""
    try:
        return size_of(volume.path)
    except OSError:
        return 0


def wipe(path: str, size_bytes: int, start: int = 0) -> None:
    """Make every byte of a block device from `start` on zero. Where the device can do it, it does (BLKZEROOUT)."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        for offset in range(start, size_bytes, _WIPE_STEP):
            progress.step(offset - start, size_bytes - start)
            fcntl.ioctl(handle, BLKZEROOUT, struct.pack("=QQ", offset, min(_WIPE_STEP, size_bytes - offset)))
        os.fsync(handle)
    finally:
        os.close(handle)


def write_image(folder: Path, volume: Volume, image: str, source: Path, entry: ImageFile) -> None:
    """Put an image's root file system onto a clean volume; one that has it already is left as it is.

    Raises image_corrupt where the file is not what its manifest promises: the volume then counts as not written.
    """
    mark = _marked(folder, volume)
    if not mark:
        raise Failure("conflict", f"Volume {volume.path} was not made clean.", "Create it again.", code="volume_dirty")
    if mark.get("image") == image:
        return
    if mark.get("image"):
        raise Failure("conflict", f"Volume {volume.path} holds image {mark['image']}.", code="volume_written")
    raw_size, size_bytes = entry.raw_size or entry.size, size_of(volume.path)
    if raw_size > size_bytes:
        raise Failure(
            "invalid", f"The image holds {raw_size >> 20} MiB and the volume has {size_bytes >> 20} MiB.",
            "Use a larger disk.", code="disk_too_small",
        )  # fmt: skip
    half_written = "writing" in mark
    kept = {key: value for key, value in mark.items() if key != "writing"}
    write_json(clean_mark(folder, volume.what), {**kept, "writing": image})
    try:
        copy(source, entry, volume.path, skip_zeros=not half_written)
    except Failure as failure:
        if failure.kind == "image_corrupt":
            # Without it the image is not there whole, and the server sends it again.
            source.unlink(missing_ok=True)
        raise
    write_json(clean_mark(folder, volume.what), {**kept, "image": image})


def copy(source: Path, entry: ImageFile, target: str, *, skip_zeros: bool) -> None:
    """Unpack a file onto a device, checking its SHA-256, and write it out to the disk.

    Blocks of zeros are left out where the device is known to read as zeros.
    """
    digest = hashlib.sha256()
    written = 0
    handle = os.open(target, os.O_WRONLY | os.O_CLOEXEC)
    try:
        for block in _blocks(_unpacked(source, entry, digest)):
            if not (skip_zeros and block == _ZEROS[: len(block)]):
                _write_all(handle, block, written)
            written += len(block)
            progress.step(written, entry.raw_size or entry.size)
        os.fsync(handle)
    except zlib.error as error:
        raise _corrupt(source, str(error)) from error
    finally:
        os.close(handle)
    if digest.hexdigest() != entry.sha256:
        raise _corrupt(source, f"its SHA-256 is {digest.hexdigest()}, and its manifest promises {entry.sha256}")
    if written != (entry.raw_size or entry.size):
        raise _corrupt(source, f"it holds {written} bytes, and its manifest promises {entry.raw_size or entry.size}")


def _corrupt(source: Path, why: str) -> Failure:
    return Failure(
        "image_corrupt", f"The host's copy {source} is not whole: {why}.", "Try again: the image is sent anew."
    )


def _write_all(handle: int, block: bytes, offset: int) -> None:
    view = memoryview(block)
    while view:
        count = os.pwrite(handle, view, offset)
        view, offset = view[count:], offset + count


def _unpacked(source: Path, entry: ImageFile, digest: hashlib._Hash) -> Iterator[bytes]:
    """Yield a file's bytes, uncompressed where it ends in .gz, never more than was promised at a time."""
    packed = entry.file.endswith(".gz")
    unpack = zlib.decompressobj(wbits=31)
    with source.open("rb") as file:
        while chunk := file.read(_READ):
            digest.update(chunk)
            if not packed:
                yield chunk
            while packed and chunk and not unpack.eof:
                yield unpack.decompress(chunk, _READ * 4)
                chunk = unpack.unconsumed_tail


def _blocks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut a stream into blocks of one size; only the last may be shorter."""
    pending = bytearray()
    for chunk in chunks:
        pending += chunk
        whole = len(pending) - len(pending) % _BLOCK
        for start in range(0, whole, _BLOCK):
            yield bytes(pending[start : start + _BLOCK])
        del pending[:whole]
    if pending:
        yield bytes(pending)
