"""The host's volume groups: their size, and what they are made of and whether that is whole.

Sizes and LVM's own word come from one `lvm fullreport`; what lies below a volume group is read from /sys.
Sources: lvmreport(7); Documentation/admin-guide/md.rst (md/level, md/degraded); Documentation/ABI/stable/sysfs-block.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from teig.agent.contract.failure import host_fault
from teig.agent.host.process import must

CLASS_BLOCK = Path("/sys/class/block")
_REPORT = (
    "lvm", "fullreport", "--reportformat", "json", "--units", "b", "--nosuffix",
    "--configreport", "vg", "-o", "vg_name,vg_uuid,vg_exported,vg_size,vg_free,vg_missing_pv_count,vg_extent_size",
    "--configreport", "pv", "-o", "pv_name,pv_uuid",
    "--configreport", "lv", "-o", "lv_name,lv_uuid,origin,lv_health_status,lv_size,lv_tags",
    "--configreport", "pvseg", "-o", "pvseg_start",
    "--configreport", "seg", "-o", "segtype",
)  # fmt: skip
_MIRRORED = ("raid1", "raid10")
_JSON = ("{", "}", "[", "]", ",", '"')
"""How a line of LVM's JSON begins."""


class Group(NamedTuple):
    """A volume group as teig.model.host.VolumeGroup; sizes in bytes."""

    name: str
    size_bytes: int
    free_bytes: int
    medium: str
    redundancy: str
    problem: str
    extent_bytes: int = 4 << 20
    guests_bytes: int = 0


def groups() -> list[Group]:
    """Return the host's volume groups, the largest first."""
    return groups_of(reports())


def groups_of(found: list[dict[str, Any]], block: Path = CLASS_BLOCK) -> list[Group]:
    """Return the volume groups in some reports, the largest first, with what /sys says of their disks."""
    names = [report["vg"][0]["vg_name"] for report in found]
    told = [_group(report, block, names.count(name) > 1) for report, name in zip(found, names)]  # noqa: B905
    return sorted(told, key=lambda group: (-group.size_bytes, group.name))


def reports() -> list[dict[str, Any]]:
    """Return what `lvm fullreport` says of each volume group: of exported ones too, and of all volumes in them."""
    return parsed(must(_REPORT, "lvm_failed"))


def parsed(text: str) -> list[dict[str, Any]]:
    """Return the reports of groups. LVM 2.03.16 prints words on lines between: "Retrying metadata scan."."""
    told = "\n".join(line for line in text.splitlines() if line.lstrip()[:1] in _JSON)
    try:
        return [report for report in json.loads(told)["report"] if report.get("vg")]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise host_fault(
            "lvm_failed",
            f"What lvm fullreport printed cannot be read: {error!r}.",
            f"Run it on the host by hand: {' '.join(_REPORT)}",
        ) from error


def _group(report: dict[str, Any], block: Path, has_namesake: bool) -> Group:
    about = report["vg"][0]
    devices = [Path(row["pv_name"]).resolve().name for row in report["pv"] if row["pv_name"].startswith("/dev/")]
    there = [block / name for name in devices if (block / name).exists()]
    below = [path for device in there for path in [device, *_all_below(device)]]
    return Group(
        about["vg_name"],
        int(about["vg_size"]),
        int(about["vg_free"]),
        medium_of(below),
        redundancy_of(there),
        "; ".join([*_lvm_problems(report, has_namesake), *md_problems(below)]),
        int(about.get("vg_extent_size") or 4 << 20),
        sum(int(row["lv_size"]) for row in report.get("lv", []) if "teig" in row.get("lv_tags", "").split(",")),
    )


def _all_below(device: Path) -> Iterator[Path]:
    """Yield every block device that a device lies on; a partition lies on its disk."""
    real = device.resolve()
    if (real / "partition").exists():
        yield real.parent
    for slave in sorted((real / "slaves").glob("*")):
        yield slave.resolve()
        yield from _all_below(slave)


def medium_of(devices: list[Path]) -> str:
    """Return `sas` where one of the disks turns (or the kernel does not know better), else `ssd`."""
    words = {_word(device / "queue/rotational") for device in devices if not list((device / "slaves").glob("*"))}
    return "ssd" if words and words <= {"0", ""} and "0" in words else "sas"


def redundancy_of(physical_volumes: list[Path]) -> str:
    """Return the weakest redundancy among a group's physical volumes.

    RAID 5 and 6 count as none: no plan that promises a mirror may be put on them.
    """
    order = ("none", "raid1", "raid10")
    kinds = [_redundancy(device) for device in physical_volumes]
    return min(kinds, key=order.index) if kinds else "none"


def _redundancy(device: Path) -> str:
    for path in [device, *_all_below(device)]:
        level = _word(path / "md/level")
        if level in _MIRRORED:
            return level
    return "none"


def md_problems(devices: list[Path]) -> list[str]:
    """Return a sentence for each md array that is not whole."""
    found = []
    for device in dict.fromkeys(path.resolve() for path in devices):
        missing = _word(device / "md/degraded")
        if missing not in ("", "0"):
            level, disks = _word(device / "md/level"), _word(device / "md/raid_disks")
            found.append(f"{device.name} ({level}) lacks {missing} of its {disks} disks")
    return found


def _lvm_problems(report: dict[str, Any], has_namesake: bool) -> list[str]:
    about = report["vg"][0]
    missing = int(about["vg_missing_pv_count"] or 0)
    found = [f"{missing} of its physical volumes are missing"] if missing else []
    if about.get("vg_exported"):
        found.append("it is exported, and LVM does nothing in it (vgimport)")
    if has_namesake:
        found.append("another group has the same name, and LVM does nothing in either (vgrename UUID NAME)")
    sick = [row for row in report.get("lv", []) if row["lv_health_status"]]
    return found + [f"logical volume {row['lv_name']}: {row['lv_health_status']}" for row in sick]


def _word(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
