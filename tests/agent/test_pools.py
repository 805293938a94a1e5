"""Volume groups: what LVM 2.03.16 says of them, and what the kernel says of the disks below."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.disks import pool_bench, pools
from teig.agent.disks.pools import Group, groups_of, parsed
from teig.agent.host import facts
from teig.agent.host.state import State
from teig.model.host import VolumeGroup
from teig.record import load

GIB = 1 << 30


def report(*physical_volumes: str, missing: int = 0, sick: str = "") -> str:
    about: dict[str, Any] = {
        "vg": [{"vg_name": "vg0", "vg_size": str(16 * GIB), "vg_free": str(GIB), "vg_missing_pv_count": str(missing)}],
        "pv": [{"pv_name": name} for name in physical_volumes],
        "lv": [{"lv_name": "data", "lv_health_status": sick}],
        "pvseg": [{"pvseg_start": "0"}],
        "seg": [{"segtype": "linear"}],
    }
    return json.dumps({"report": [about]})


class Sys:
    """A /sys/class/block with the disks that a test puts there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def disk(self, name: str, rotational: str = "0") -> None:
        self._write(self.root / name / "queue/rotational", rotational)

    def partition(self, disk: str, name: str) -> None:
        self._write(self.root / disk / name / "partition", "1")
        (self.root / name).symlink_to(self.root / disk / name)

    def array(self, name: str, level: str, *members: str, degraded: str = "0") -> None:
        self.disk(name)
        for file, word in (("level", level), ("degraded", degraded), ("raid_disks", str(len(members)))):
            self._write(self.root / name / "md" / file, word)
        (self.root / name / "slaves").mkdir()
        for member in members:
            (self.root / name / "slaves" / member).symlink_to(self.root / member)

    def _write(self, path: Path, word: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{word}\n")


@pytest.fixture
def block(tmp_path: Path) -> Sys:
    return Sys(tmp_path)


def only(text: str, block: Sys) -> Group:
    (group,) = groups_of(parsed(text), block.root)
    assert load(VolumeGroup, group._asdict()).name == "vg0"
    return group


def test_one_plain_disk(block: Sys) -> None:
    block.disk("vdb", rotational="1")
    assert only(report("/dev/vdb"), block) == Group("vg0", 16 * GIB, GIB, "sas", "none", "")


def test_a_partition_of_a_solid_state_disk(block: Sys) -> None:
    block.disk("nvme0n1")
    block.partition("nvme0n1", "nvme0n1p3")
    assert only(report("/dev/nvme0n1p3"), block)[3:6] == ("ssd", "none", "")


def test_a_mirror_that_lacks_a_disk(block: Sys) -> None:
    for disk in ("sda", "sdb"):
        block.disk(disk)
        block.partition(disk, f"{disk}2")
    block.array("md0", "raid1", "sda2", "sdb2", degraded="1")
    assert only(report("/dev/md0"), block)[3:6] == ("ssd", "raid1", "md0 (raid1) lacks 1 of its 2 disks")


def test_the_weakest_and_the_slowest_count(block: Sys) -> None:
    for disk in ("sda", "sdb", "sdc"):
        block.disk(disk, rotational="1" if disk == "sdc" else "0")
    block.array("md0", "raid10", "sda", "sdb")
    assert only(report("/dev/md0"), block)[3:5] == ("ssd", "raid10")
    assert only(report("/dev/md0", "/dev/sdc"), block)[3:5] == ("sas", "none")


def test_raid5_is_no_mirror(block: Sys) -> None:
    block.disk("sda")
    block.array("md0", "raid5", "sda")
    assert only(report("/dev/md0"), block).redundancy == "none"


def test_what_lvm_misses(block: Sys) -> None:
    block.disk("sda")
    problem = only(report("/dev/sda", "[unknown]", missing=1, sick="partial"), block).problem
    assert problem == "1 of its physical volumes are missing; logical volume data: partial"


def test_a_group_in_which_lvm_does_nothing_is_told_as_such(block: Sys) -> None:
    """`lvm fullreport` names exported groups, and both of two that have one name."""
    told = json.loads(report("/dev/sda"))["report"][0]
    exported = {**told, "vg": [{**told["vg"][0], "vg_name": "vg1", "vg_exported": "exported"}]}
    plain, carried_off, *_ = groups_of(parsed(json.dumps({"report": [told, exported]})), block.root)
    assert (plain.problem, carried_off.problem) == ("", "it is exported, and LVM does nothing in it (vgimport)")
    twice = groups_of(parsed(json.dumps({"report": [told, told]})), block.root)
    assert ["another group has the same name" in group.problem for group in twice] == [True, True]


def test_what_lvm_says_between_is_no_part_of_its_report(block: Sys) -> None:
    """LVM 2.03.16, where a disk's metadata is damaged: it says so on standard output, and leaves that group out."""
    block.disk("sda")
    lines = json.dumps(json.loads(report("/dev/sda")), indent=4).splitlines()
    orphan = ',{"pv": [{"pv_name": "/dev/sdb"}]}'
    text = "\n".join([*lines[:2], "  Retrying metadata scan.", *lines[2:-2], orphan, *lines[-2:]])
    assert only(text, block).name == "vg0"


@pytest.mark.parametrize("said", ["", "{", "[]", '{"report": [5]}', '{"report": [{"vg": [{"vg_name": "vg0"}]}]}'])
def test_what_lvm_prints_oddly_is_told_and_hides_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str
) -> None:
    monkeypatch.setattr(pools, "must", lambda *_: said)
    told = facts._groups(State(tmp_path))
    assert told["volume_groups"] == []
    assert told["lvm_failure"]


def test_what_lvm_says_instead_of_its_groups_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pools, "must", lambda *_: _raise(host_fault("lvm_failed", "lvm failed: No.")))
    assert facts._groups(State(tmp_path)) == {"volume_groups": [], "lvm_failure": "lvm failed: No."}


def _raise(failure: Failure) -> str:
    raise failure


def test_what_a_killed_measurement_left_does_not_keep_out_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its volume may be all that was free."""
    left = [1 << 30]

    def lvm(argv: list[str], *_: object) -> str:
        if argv[0] == "lvremove":
            left[0] = 0
        return ""

    monkeypatch.setattr(pool_bench, "run", lvm)
    monkeypatch.setattr(pool_bench, "must", lvm)
    groups = lambda: [Group("vg0", 1 << 30, (1 << 30) - left[0], "ssd", "none", "")]  # noqa: E731
    monkeypatch.setattr(pools, "groups", groups)
    monkeypatch.setattr(pool_bench, "measure", lambda *_: {"read_iops": 1})
    assert pool_bench.pool_bench(State(tmp_path), "vg0")["rate"] == {"read_iops": 1}


def test_a_measurement_ends_and_has_four_figures() -> None:
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as volume:  # on a disk: it is read and written past the cache
        volume.truncate(pool_bench.LEAST_BYTES)
        figures = pool_bench.measure(volume.name, pool_bench.LEAST_BYTES, seconds=0.2)
    assert sorted(figures) == ["read_bps", "read_iops", "write_bps", "write_iops"]
    assert min(figures.values()) > 0
