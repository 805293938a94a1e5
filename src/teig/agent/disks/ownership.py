"""Which volume is a guest's own: what is written down in its directory, against what LVM tells.

    diskN.json           it is clean: its UUID, its group and the physical volumes of that, the image that is on it
    diskN.leaving.json   it is being removed, or made: it is not clean
    diskN.gone           it was removed: what has its name now is somebody's copy

The device-mapper's UUID of a volume is `LVM-`, its group's UUID and its own, of 32 characters each (LVM2,
lib/uuid/uuid.h and lib/activate/dev_manager.c). What happens to groups leaves other parts of that as they were, seen on
LVM 2.03.16: `vgrename` all of it, `vgmerge` and `vgsplit` the volume's UUID and the physical volumes', `vgimportclone`
the volume's UUID alone. So one of that UUID in another group is the guest's own where it lies on a physical volume of
before, else it may be a copy. Names say nothing: copies have the same. The disks of a group change while its volumes
are in use, so where these lie is written down again whenever a server asks for the host's facts (`note`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Optional, Protocol, TypeVar

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.disks import pools
from teig.agent.host.state import GONE, PIECES, State, read_json, write_json

_LEAVING = ".leaving.json"


class LvmGroup(NamedTuple):
    """A volume group as LVM knows it; `physical_volumes` are UUIDs."""

    name: str
    uuid: str
    physical_volumes: frozenset[str]
    exported: bool = False
    missing: int = 0


class LogicalVolume(NamedTuple):
    """A logical volume as LVM knows it, active or not; `uuid` is what the device-mapper calls it."""

    group: LvmGroup
    name: str
    uuid: str
    origin: str = ""
    """What it is a snapshot of."""

    @property
    def full_name(self) -> str:
        """What LVM's commands take."""
        return f"{self.group.name}/{self.name}"


class Lvm(NamedTuple):
    """What LVM tells at one moment."""

    groups: list[LvmGroup]
    volumes: list[LogicalVolume]

    def called(self, name: str) -> list[LogicalVolume]:
        """Return the volumes of one name, in whatever groups they are."""
        return [volume for volume in self.volumes if volume.name == name]

    def group(self, name: str) -> LvmGroup:
        """Return a group that volumes can be made in; a host fault where it is none."""
        found = next((group for group in self.groups if group.name == name), None)
        if found is None:
            raise no_group(name)
        self.refuse_unusable(found)
        return found

    def refuse_unusable(self, group: LvmGroup) -> None:
        """Raise a host fault where LVM would do nothing in a group, or perhaps in another."""
        if group.exported:
            raise host_fault(
                "no_volume_group", f"Volume group {group.name} is exported.", f"Import it: vgimport {group.name}"
            )
        if sum(other.name == group.name for other in self.groups) > 1:
            raise host_fault(
                "lvm_failed",
                f"Two volume groups are called {group.name}.",
                "Rename one of them by its UUID: vgs -o vg_name,vg_uuid,pv_name; vgrename UUID NAME",
            )


def lvm() -> Lvm:
    """Return all groups and logical volumes, those of exported groups too, which `lvs` leaves out. One process."""
    return lvm_of(pools.reports())


def lvm_of(reports: Sequence[dict[str, Any]]) -> Lvm:
    """Return the groups and volumes in what `lvm fullreport` says."""
    groups, volumes = [], []
    for report in reports:
        about = report["vg"][0]
        group = LvmGroup(
            about["vg_name"],
            _plain(about["vg_uuid"]),
            frozenset(_plain(row["pv_uuid"]) for row in report.get("pv", [])),
            bool(about["vg_exported"]),
            int(about["vg_missing_pv_count"] or 0),
        )
        groups.append(group)
        for row in report.get("lv", []):
            uuid = f"LVM-{group.uuid}{_plain(row['lv_uuid'])}"
            volumes.append(LogicalVolume(group, row["lv_name"], uuid, row["origin"]))
    return Lvm(groups, volumes)


def _plain(uuid: str) -> str:
    return uuid.replace("-", "")


class Mark(NamedTuple):
    """What is written down of a volume. Of one that is being made its group is known, and its own UUID not yet."""

    path: Path
    uuid: str = ""
    vg_uuid: str = ""
    vg: str = ""
    physical_volumes: frozenset[str] = frozenset()

    @property
    def gone(self) -> bool:
        """Whether the volume was removed."""
        return self.path.suffix == GONE

    def fits(self, uuid: str) -> bool:
        """Say whether a volume of the guest's name is this one."""
        return uuid == self.uuid if self.uuid else _group_of(uuid) == self.vg_uuid != ""

    def is_kin(self, volume: LogicalVolume) -> bool:
        """Say whether a volume is this one or a copy of it."""
        return bool(self.uuid) and volume.uuid[-32:] == self.uuid[-32:]

    @property
    def leaving(self) -> bool:
        """Whether the volume is being removed, or made."""
        return self.path.name.endswith(_LEAVING)

    def remember(self, uuid: str, group: str, physical_volumes: frozenset[str] = frozenset(), keep: int = 0) -> None:
        """Write down where the guest's own volume lies by now; OSError where there is no room for that."""
        known = physical_volumes or self.physical_volumes
        if self.uuid and not self.gone and not self.says(uuid, group, known):
            lies = {"physical_volumes": sorted(known)} if known else {}
            write_json(self.path, {**read_json(self.path), "uuid": uuid, "vg": group, **lies}, keep)

    def says(self, uuid: str, group: str, physical_volumes: frozenset[str]) -> bool:
        """Say whether this is written down."""
        return (uuid, group, physical_volumes) == (self.uuid, self.vg, self.physical_volumes)


def _group_of(uuid: str) -> str:
    return uuid[4:36]


def clean_mark(folder: Path, what: str) -> Path:
    """Return the file that says that a volume is clean."""
    return folder / f"{what}.json"


def leaving_mark(folder: Path, what: str) -> Path:
    """Return where a volume's mark is while it is being made or removed."""
    return folder / f"{what}{_LEAVING}"


def gone_mark(folder: Path, what: str) -> Path:
    """Return the file that says that a volume was removed."""
    return folder / f"{what}{GONE}"


def mark_of(folder: Path, what: str) -> Optional[Mark]:
    """Return what is written down of a volume, None where nothing is; of a damaged file, only that it is there."""
    for path in (clean_mark(folder, what), leaving_mark(folder, what), gone_mark(folder, what)):
        try:
            told = read_json(path)
        except Exception:  # noqa: BLE001  (it may be damaged in every way)
            return Mark(path)
        if told is not None:
            return _mark(path, told)
    return None


def _mark(path: Path, told: Any) -> Mark:
    told = told if isinstance(told, dict) else {}
    uuid, vg_uuid, vg = (told[name] if isinstance(told.get(name), str) else "" for name in ("uuid", "vg_uuid", "vg"))
    physical = told.get("physical_volumes")
    known = physical if isinstance(physical, list) else []
    return Mark(path, uuid, _group_of(uuid) if uuid else vg_uuid, vg, frozenset(map(str, known)))


class _HasUuid(Protocol):
    @property
    def uuid(self) -> str: ...


_AnyVolume = TypeVar("_AnyVolume", bound=_HasUuid)


def own_among(mark: Optional[Mark], same: Sequence[_AnyVolume]) -> Optional[_AnyVolume]:
    """Return which of the volumes of one name is the guest's own, None where none is, or nobody knows.

    Where nothing says which, as after Domain-0 was made anew, it is the only one.
    """
    if mark is None or not (mark.gone or mark.vg_uuid):
        return same[0] if len(same) == 1 else None
    return next((one for one in same if not mark.gone and mark.fits(one.uuid)), None)


def own_of(mark: Optional[Mark], same: Sequence[LogicalVolume], known: Lvm) -> Optional[LogicalVolume]:
    """Return which of the volumes that LVM knows by one name is the guest's own, None where none is.

    A Failure where nobody knows, or where it has another name: what is a copy must not be removed, and what is none
    not be told as removed.
    """
    found = own_among(mark, same)
    if found is not None or (mark.gone if mark else not same):
        return found
    if mark is None or (same and not mark.vg_uuid):
        raise Failure(
            "conflict",
            f"{_listed(same)} have one name, and no file says which is the guest's.",
            "Rename or remove what is a copy: lvrename, lvremove",
            code="volume_ambiguous",
        )
    kin = [one for one in known.volumes if mark.is_kin(one)]
    moved = [one for one in kin if one.uuid == mark.uuid or one.group.physical_volumes & mark.physical_volumes]
    if len(moved) == 1 and moved[0] in same:
        return moved[0]
    if len(moved) == 1:
        raise host_fault(
            "volume_renamed",
            f"A volume of the guest is called {moved[0].full_name} now.",
            f"Give it back the name that ends with its guest's UUID and {_what(mark)}: lvrename",
        )
    # A copy, where that of which it is one was being removed, and all disks are there that it can have been on.
    if kin and (moved or not mark.leaving or not mark.physical_volumes or not _is_whole(mark, known)):
        raise Failure(
            "conflict",
            f"{_listed(kin)} may be the guest's own, in a group that was merged or split, or a copy of it.",
            f"If it is its own: sed -i s/{mark.uuid}/{kin[0].uuid}/ {mark.path}   If it is a copy: bring back the "
            f"guest's own, or where that is gone for good: {_for_good(mark)}",
            code="volume_ambiguous",
        )
    return None


def _listed(volumes: Sequence[LogicalVolume]) -> str:
    names = ", ".join(volume.full_name for volume in volumes)
    return f"Volumes {names}" if len(volumes) > 1 else f"Volume {names}"


def _for_good(mark: Mark) -> str:
    return f"mv {mark.path} {gone_mark(mark.path.parent, _what(mark))}"


def _what(mark: Mark) -> str:
    return mark.path.name.split(".")[0]


def refuse_away(mark: Optional[Mark], known: Lvm) -> None:
    """Raise a host fault where a volume of which LVM knows nothing may be in a group that the host does not see whole.

    Of an exported group or one that lacks disks, what LVM tells may be old.
    """
    if mark is None or mark.gone:
        return
    if _is_whole(mark, known):
        return
    group = next((group for group in known.groups if group.uuid == mark.vg_uuid), None)
    if group is not None and group.exported:
        known.refuse_unusable(group)
    name = group.name if group else mark.vg
    where = f"volume group {name}" if name else "a volume group of which nobody wrote down the name"
    seen = "which lacks disks that it had" if group else "and the host does not see it"
    uuid = f" (UUID {mark.vg_uuid})" if mark.vg_uuid else ""
    raise host_fault(
        "no_volume_group",
        f"A volume of the guest lies in {where}, {seen}{uuid}: it is not removed.",
        f"Bring the group's disks back. If they are gone for good: {_for_good(mark)}",
    )


def _is_whole(mark: Mark, known: Lvm) -> bool:
    """Say whether all of a volume's group is there: then what LVM does not tell of is nowhere else.

    A disk that was split off, or given up as lost, may come back with what lies on it.
    """
    group = next((group for group in known.groups if group.uuid == mark.vg_uuid), None)
    if group is None or group.missing or group.exported:
        return False
    return mark.physical_volumes <= group.physical_volumes


def note(state: State, known: Lvm) -> None:
    """Write down on which disks each guest's volumes lie by now: LVM moves them, and their groups are split later.

    A volume that somebody works on is left for the next time, and so is one of a group that lacks disks.
    """
    here = {volume.uuid: volume.group for volume in known.volumes if not volume.group.missing}
    for guest in state.guests():
        folder = state.guest_dir(guest)
        for path in [*folder.glob("disk*.json"), *folder.glob("seed*.json")]:
            what = path.name.split(".")[0]
            mark = mark_of(folder, what)
            group = here.get(mark.uuid) if mark else None
            if mark and group and not mark.says(mark.uuid, group.name, group.physical_volumes):
                _note(state, guest, what, mark, group)


def _note(state: State, guest: str, what: str, mark: Mark, group: LvmGroup) -> None:
    with suppress(Failure, OSError), state.changing(guest, None, wait_s=0.0):
        if mark == mark_of(state.guest_dir(guest), what):  # nobody was faster
            mark.remember(mark.uuid, group.name, group.physical_volumes, keep=PIECES // 2)  # what may fail


def refuse_snapshots(own: LogicalVolume, known: Lvm) -> None:
    """Raise a host fault where a volume has snapshots: they would take its bytes as it is wiped, and go with it."""
    for taken in known.volumes:
        if taken.origin == own.name and taken.group == own.group:
            raise host_fault(
                "volume_has_snapshot",
                f"Volume {own.full_name} has the snapshot {taken.full_name}, which keeps its bytes: it is not removed.",
                f"If nobody needs it: lvremove {taken.full_name}",
            )


def no_group(name: str, said: str = "") -> Failure:
    """Return the error of a volume group that is not there."""
    told = f": {said}" if said else "."
    return host_fault(
        "no_volume_group", f"The host has no volume group {name}{told}", "Look at its disks on the host: vgs"
    )
