"""What xl, xm and LVM print, as plain values for `audit_facts`. The forms are those of Xen 3.4 to 4.17 and LVM 2.02."""

from __future__ import annotations

import re
from typing import Any, Optional

from teig.agent.contract.failure import Failure
from teig.agent.disks import pools

THIN_POOLS = ("--noheadings", "--separator", ";", "-o", "vg_name,lv_name,lv_attr,data_percent,metadata_percent")
_SLICE = re.compile(r"\btslice=(\d+)ms")
_SHARE = re.compile(r"^(.*\S)\s+(\d+)\s+(\d+)\s+(\d+)\s*$")
_VCPU = re.compile(r"^\S+\s+0\s+\d+\s+\S+\s+\S+\s+[\d.]+\s+(.*?)\s*(?:/.*)?$")


def info(text: str) -> dict[str, str]:
    """Return `xl info` as names and values."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def number(word: Optional[str]) -> Optional[int]:
    """Return a number, None where there is none."""
    return int(word) if word is not None and word.isascii() and word.isdigit() else None


def version(about: dict[str, str]) -> Optional[str]:
    """Return Xen's version from what `info` read."""
    if "xen_version" in about:
        return about["xen_version"]
    if "xen_major" not in about:
        return None
    return f"{about['xen_major']}.{about.get('xen_minor', '0')}{about.get('xen_extra', '')}"


def dom0(text: str) -> dict[str, Any]:
    """Return Domain-0's memory and vCPUs from `xl list Domain-0`."""
    for line in text.splitlines():
        words = line.split()
        if words[:2] == ["Domain-0", "0"] and len(words) > 3:
            return {"dom0_memory_mib": number(words[2]), "dom0_vcpus": number(words[3])}
    return {}


def pinned(text: str) -> Optional[bool]:
    """Say from `xl vcpu-list Domain-0` whether every vCPU is bound to some processors; None where it is not told."""
    found = [match[1] for match in map(_VCPU.match, text.splitlines()) if match]
    return all(hard.strip() not in ("all", "any cpu", "any") for hard in found) if found else None


def weights(text: str) -> dict[str, Any]:
    """Return Domain-0's weight, the heaviest guest's and the time slice from `xl sched-credit` or `sched-credit2`.

    xl lists one cpupool after another, the first with Domain-0; who is in another one takes nothing from it.
    """
    text = "".join(text.split("Cpupool ")[:2])
    rows = [match.groups() for match in map(_SHARE.match, text.splitlines()) if match]
    tslice = _SLICE.search(text)
    found = {int(ident): int(weight) for _, ident, weight, _ in rows}
    guests = [weight for ident, weight in found.items() if ident != 0]
    return {
        "dom0_weight": found.get(0),
        "heaviest_guest": max(guests, default=None),
        "timeslice_ms": int(tslice[1]) if tslice else None,
    }


def volume_groups() -> list[dict[str, Any]]:
    """Return the volume groups as teig.audit.host.GroupSettings; none where LVM says nothing."""
    try:
        found = pools.groups()
    except (Failure, OSError, ValueError, KeyError):
        return []
    names = ("name", "size_bytes", "free_bytes", "problem")
    return [{name: getattr(group, name) for name in names} for group in found]


def thin_pools(text: str) -> list[dict[str, Any]]:
    """Return the thin pools in the output of `lvs` with the options THIN_POOLS."""
    found = []
    for line in text.splitlines():
        words = line.strip().split(";")
        if len(words) == 5 and words[2].startswith("t"):
            data, metadata = (float(word or 0) for word in words[3:])
            found.append({"name": f"{words[0]}/{words[1]}", "data_percent": data, "metadata_percent": metadata})
    return found
