"""LVM in miniature: groups on physical volumes, volumes as files, and its commands with the refusals of LVM 2.03.16.

What `lvm fullreport` prints, what the commands refuse and which UUIDs change was seen in a lab host's Domain-0.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from teig.agent.contract.failure import host_fault
from teig.agent.disks import pools, volumes
from teig.agent.host.process import Done
from tests.agent.given import GUEST

EXTENT = 4096
OWN = b"the guest's own".ljust(EXTENT, b"g")
SIZE = EXTENT
OTHER = "99999999-2222-4333-8444-555555555555"
_PARTS = (6, 4, 4, 4, 4, 4, 6)


def uuid_of(word: str) -> str:
    """Return a UUID as LVM writes it in metadata, without its hyphens: the same for the same word."""
    return hashlib.sha256(word.encode()).hexdigest()[:32]


def _hyphened(uuid: str) -> str:
    ends = list(itertools.accumulate(_PARTS))
    return "-".join(uuid[end - size : end] for end, size in zip(ends, _PARTS, strict=True))


@dataclass
class Group:
    name: str
    uuid: str
    physical: list[str]
    exported: bool = False
    missing: int = 0
    broken: bool = False
    """Its volumes cannot be activated."""
    full: bool = False


@dataclass
class Logical:
    group: Group
    name: str
    uuid: str
    data: bytes
    origin: str = ""
    active: bool = True
    tags: list[str] = field(default_factory=list)

    @property
    def dm_uuid(self) -> str:
        return f"LVM-{self.group.uuid}{self.uuid}"


class Lvm:
    """A host's LVM; `log` are the programs that were started, and what was wiped."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.groups: list[Group] = []
        self.volumes: list[Logical] = []
        self.log: list[str] = []
        self._numbers = itertools.count()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(volumes, "_MAPPED", self.root / "block")
        patch.setattr(volumes, "_DEV", self.root / "dev")
        patch.setattr(volumes, "fcntl", SimpleNamespace(ioctl=self._zero))
        patch.setattr(volumes, "run", self.run)
        patch.setattr(volumes, "must", self.must)
        patch.setattr(pools, "must", self.must)

    def group(self, name: str, *physical: str) -> Group:
        """Make a group (vgcreate)."""
        made = Group(name, uuid_of(f"vg{next(self._numbers)}"), list(physical) or [uuid_of(f"pv{name}")])
        self.groups.append(made)
        return made

    def volume(self, group: Group, what: str, data: bytes, guest: str = GUEST, **changes: Any) -> Logical:
        """Make a volume (lvcreate); it holds what lay there."""
        name = volumes.volume_name(guest, what)
        made = Logical(group, name, uuid_of(f"lv{next(self._numbers)}"), data, **{"tags": ["teig"], **changes})
        self.volumes.append(made)
        self._show(made)
        return made

    def clone(self, group: Group, name: str, *, active: bool = True) -> Group:
        """Copy a group's disks byte by byte, then vgimportclone: the volumes keep their names and UUIDs."""
        made = self.group(name, *(uuid_of(f"copy of {one}") for one in group.physical))
        for volume in [one for one in self.volumes if one.group is group]:
            self.volumes.append(replace(volume, group=made, data=self.read(volume), active=active))
            self._show(self.volumes[-1])
        return made

    def rename(self, group: Group, name: str) -> None:
        """Run vgrename."""
        self._again(group, lambda: setattr(group, "name", name))

    def merge(self, into: Group, group: Group) -> None:
        """Run vgmerge: the volumes keep their UUIDs, and the physical ones theirs; it refuses active volumes."""
        self.deactivate(group)
        for volume in self.volumes:
            volume.group = into if volume.group is group else volume.group
        into.physical += group.physical
        self.groups.remove(group)

    def export(self, group: Group) -> None:
        """Run vgexport, which refuses active volumes."""
        self.deactivate(group)
        group.exported = True

    def lose(self, group: Group) -> list[Logical]:
        """Take a group's disks away; return its volumes."""
        self.deactivate(group)
        taken = [volume for volume in self.volumes if volume.group is group]
        self.groups.remove(group)
        self.volumes = [volume for volume in self.volumes if volume.group is not group]
        return taken

    def deactivate(self, group: Group) -> None:
        """Run vgchange --activate n."""
        for volume in self.volumes:
            if volume.group is group and volume.active:
                volume.data, volume.active = self.read(volume), False
                self._hide(volume)

    def device(self, volume: Logical) -> Path:
        return self.root / "dev" / volume.group.name / volume.name

    def read(self, volume: Logical) -> bytes:
        return self.device(volume).read_bytes() if volume.active else volume.data

    def must(self, argv: list[str], code: str, *_: object) -> str:
        done = self.run(argv)
        if done.status != 0:
            raise host_fault(code, f"{argv[0]} failed: {done.said}")
        return done.stdout

    def run(self, argv: list[str] | tuple[str, ...], *_: object) -> Done:
        self.log.append(argv[0] if argv[0] != "lvm" else argv[1])
        if argv[0] == "lvm":
            return Done(0, json.dumps({"report": [self._report(group, argv) for group in self.groups]}), "")
        name, volume = f"{argv[-1]}/".split("/")[:2]
        same = [group for group in self.groups if group.name == name]
        if len(same) != 1:
            many = f"Multiple VGs found with the same name: skipping {name}"
            return Done(5, "", many if same else f'Volume group "{name}" not found')
        if same[0].exported:
            return Done(5, "", f"Volume group {name} is exported")
        found = next((one for one in self.volumes if one.group is same[0] and one.name == volume), None)
        if argv[0] == "lvcreate":
            return self._lvcreate(same[0], argv)
        if found is None:
            return Done(5, "", f'Failed to find logical volume "{argv[-1]}"')
        return {"lvremove": self._lvremove, "lvchange": self._lvchange, "lvextend": self._lvextend}[argv[0]](
            found, argv
        )

    def _lvcreate(self, group: Group, argv: list[str] | tuple[str, ...]) -> Done:
        name = argv[argv.index("--name") + 1]
        if any(one.group is group and one.name == name for one in self.volumes):
            return Done(5, "", f'Logical Volume "{name}" already exists in volume group "{group.name}"')
        if group.full:
            return Done(5, "", f'Volume group "{group.name}" has insufficient free space (0 extents): 1 required.')
        tags = [argv[at + 1] for at, word in enumerate(argv) if word == "--addtag"]
        made = Logical(group, name, uuid_of(f"lv{next(self._numbers)}"), b"S" * _size(argv), tags=tags)
        self.volumes.append(made)
        self._show(made)
        return Done(0, "", "")

    def _lvremove(self, volume: Logical, _argv: object) -> Done:
        volume.data = self.read(volume)
        self.volumes.remove(volume)
        self._hide(volume)
        return Done(0, "", "")

    def _lvchange(self, volume: Logical, _argv: object) -> Done:
        if volume.group.broken:
            return Done(5, "", f"Refusing activation of partial LV {volume.group.name}/{volume.name}.")
        volume.active = True
        self._show(volume)
        return Done(0, "", "")

    def _lvextend(self, volume: Logical, argv: list[str] | tuple[str, ...]) -> Done:
        self.device(volume).write_bytes(self.read(volume).ljust(_size(argv), b"S"))
        return Done(0, "", "")

    def _report(self, group: Group, argv: list[str] | tuple[str, ...]) -> dict[str, Any]:
        inside = [one for one in self.volumes if one.group is group]
        rows: dict[str, list[dict[str, str]]] = {
            "vg": [
                {
                    "vg_name": group.name,
                    "vg_uuid": _hyphened(group.uuid),
                    "vg_exported": "exported" if group.exported else "",
                    "vg_size": str(1 << 30),
                    "vg_free": str(1 << 29),
                    "vg_missing_pv_count": str(group.missing),
                    "vg_extent_size": str(EXTENT),
                }
            ],
            "pv": [{"pv_name": f"/dev/{uuid[:4]}", "pv_uuid": _hyphened(uuid)} for uuid in group.physical],
            "lv": [
                {
                    "lv_name": one.name,
                    "lv_uuid": _hyphened(one.uuid),
                    "origin": one.origin,
                    "lv_health_status": "partial" if group.missing else "",
                    "lv_size": str(len(self.read(one))),
                    "lv_tags": ",".join(one.tags),
                }
                for one in inside
            ],
        }
        asked = {part: argv[at + 3].split(",") for at, part in enumerate(argv[1:]) if argv[at] == "--configreport"}
        return {part: [{name: row[name] for name in asked[part]} for row in found] for part, found in rows.items()}

    def _again(self, group: Group, change: Any) -> None:
        shown = [one for one in self.volumes if one.group is group and one.active]
        data = [self.read(one) for one in shown]
        for one in shown:
            self._hide(one)
        change()
        for one, held in zip(shown, data, strict=True):
            one.data = held
            self._show(one)

    def _mapped(self, volume: Logical) -> Path:
        return self.root / "block" / f"dm-{volume.dm_uuid}" / "dm"

    def _show(self, volume: Logical) -> None:
        if volume.active:
            folder, device = self._mapped(volume), self.device(volume)
            folder.mkdir(parents=True)
            doubled = (word.replace("-", "--") for word in (volume.group.name, volume.name))
            (folder / "name").write_text("-".join(doubled) + "\n")
            (folder / "uuid").write_text(f"{volume.dm_uuid}\n")
            device.parent.mkdir(parents=True, exist_ok=True)
            device.write_bytes(volume.data)

    def _hide(self, volume: Logical) -> None:
        for path in (self._mapped(volume) / "name", self._mapped(volume) / "uuid", self.device(volume)):
            path.unlink(missing_ok=True)
        if self._mapped(volume).exists():
            self._mapped(volume).rmdir()
            self._mapped(volume).parent.rmdir()

    def _zero(self, handle: int, request: int, args: bytes) -> None:
        assert request == volumes.BLKZEROOUT
        offset, size = struct.unpack("=QQ", args)
        os.pwrite(handle, bytes(size), offset)
        self.log.append("wipe")


def _size(argv: list[str] | tuple[str, ...]) -> int:
    asked = int(argv[argv.index("--size") + 1].removesuffix("b"))
    return -(-asked // EXTENT) * EXTENT
