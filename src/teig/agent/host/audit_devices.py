"""What /sys, /proc and /dev say of disks, file systems and bridges, as plain values for `audit_facts`.

Sources: Linux, Documentation/ABI/stable/sysfs-block, Documentation/admin-guide/md.rst, Documentation/networking/bridge;
proc(5).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TIME_SERVICES = ("chronyd", "ntpd", "systemd-timesyn", "openntpd", "ptp4l")
"""Names as the kernel has them: at most 15 characters."""
MOST_LINKS = 4000
_VIRTUAL = re.compile(r"loop|ram|dm-|md|zram|sr|fd|nbd|drbd|xvd")
_OCTAL = re.compile(r"\\([0-7]{3})")


def devices(root: Path) -> dict[str, Any]:
    """Return all of it."""
    block = root / "sys/block"
    return {
        "disks": [_disk(path) for path in sorted(block.glob("*")) if not _VIRTUAL.match(path.name)],
        "arrays": [_array(path) for path in sorted(block.glob("md*")) if (path / "md/level").exists()],
        "mounted": mounted(_word(root / "proc/mounts"), _word(root / "proc/swaps")),
        "bridges": [_bridge(path) for path in sorted(root.glob("sys/class/net/*/bridge")) if _is_text(path.parent)],
        "bridge_netfilter": _word(root / "proc/sys/net/bridge/bridge-nf-call-iptables") == "1",
        "time_service": _time_service(root),
        "links": list(_links(root)),
    }


def _disk(path: Path) -> dict[str, Any]:
    elevators = _word(path / "queue/scheduler").split()
    active = [word[1:-1] for word in elevators if word.startswith("[")]
    return {
        "name": path.name,
        "elevator": active[0] if active else "".join(elevators[:1]),
        "elevators": [word.strip("[]") for word in elevators],
        "rotational": _word(path / "queue/rotational") == "1",
        "write_cache": _word(path / "queue/write_cache"),
        "under_guests": any(_has_volumes(part) for part in (path, *sorted(path.glob(f"{path.name}*")))),
    }


def _has_volumes(device: Path) -> bool:
    """Say whether an LVM volume lies on a device, however many layers above it."""
    for holder in sorted(device.glob("holders/*")):
        if _word(holder / "dm/uuid").startswith("LVM-") or _has_volumes(holder):
            return True
    return False


def _array(path: Path) -> dict[str, Any]:
    level, disks, missing = (_word(path / "md" / name) for name in ("level", "raid_disks", "degraded"))
    return {
        "name": path.name,
        "level": level,
        "disks": int(disks) if disks.isdigit() else 0,
        "missing": int(missing) if missing.isdigit() else 0,
    }


def mounted(mounts: str, swaps: str) -> list[dict[str, Any]]:
    """Return the devices that /proc/mounts and /proc/swaps name."""
    found = []
    for line in mounts.splitlines():
        words = [_OCTAL.sub(lambda match: chr(int(match[1], 8)), word) for word in line.split()]
        if len(words) >= 4 and words[0].startswith("/dev/"):
            found.append({"device": words[0], "where": words[1], "kind": words[2], "options": words[3].split(",")})
    for line in swaps.splitlines()[1:]:
        device = line.split(" ")[0].split("\t")[0]
        if device.startswith("/dev/"):
            found.append({"device": device, "where": "swap", "kind": "swap", "options": []})
    return found


def _bridge(path: Path) -> dict[str, Any]:
    delay = _word(path / "forward_delay")
    return {
        "name": path.parent.name,
        "stp": _word(path / "stp_state") not in ("", "0"),
        "forward_delay_s": int(delay) / 100 if delay.isdigit() else 0.0,
    }


def _time_service(root: Path) -> str:
    running = {_word(path) for path in root.glob("proc/[0-9]*/comm")}
    return next((name for name in TIME_SERVICES if name in running), "")


def _links(root: Path) -> Iterator[list[str]]:
    """Yield pairs of another name of a device and the kernel's own."""
    count = 0
    for pattern in ("dev/mapper/*", "dev/disk/*/*", "dev/*/*"):
        for path in sorted(root.glob(pattern)):
            if path.is_symlink() and _is_text(path) and path.parent.name not in ("char", "fd") and count < MOST_LINKS:
                count += 1
                yield [
                    f"/{path.relative_to(root)}",
                    f"/{os.path.relpath(os.path.realpath(path), os.path.realpath(root))}",
                ]


def _is_text(path: Path) -> bool:
    """Say whether a name can be told: the kernel takes any bytes for one."""
    return path.name.isprintable()


def _word(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
