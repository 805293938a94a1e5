"""A guest in words and columns: what `teig guest show` and `teig demo` print. Pure."""

from __future__ import annotations

from typing import Any

from teig.cli.output import mib, moment
from teig.model.address_range import shown
from teig.model.units import show_size

FIELDS = (
    ("memory", "memory_mib"),
    ("maxmem", "maxmem_mib"),
    ("scheduler weight", "weight"),
    ("scheduler cap", "cap"),
    ("vCPUs", "vcpus"),
    ("cores of its own", "own_cores"),
    ("disk reads a second", "read_iops"),
    ("disk writes a second", "write_iops"),
    ("bytes read a second", "read_bps"),
    ("bytes written a second", "write_bps"),
)


def facts_of(guest: dict[str, Any]) -> list[tuple[str, object]]:
    """Return what a guest is, name and value."""
    nics = [f"{nic['address']} on {nic['bridge']}, MAC {nic['mac']}" for nic in guest["nics"]]
    also = [shown(address) for nic in guest["nics"] for address in nic.get("also", ())]
    disks = [f"{disk['device']} {show_size(disk['size_bytes'])}" for disk in guest["disks"]]
    return [
        ("name", guest["name"]),
        ("state", guest["state"]),
        ("host", f"{guest['host']}, site {guest['site']}"),
        ("domain", guest["domid"]),
        ("UUID", guest["id"]),
        ("plan", guest["plan"]),
        ("image", f"{guest['image']}, {guest['type'].upper()}"),
        ("disks", ", ".join(disks)),
        ("network", "; ".join(nics)),
        *([("further addresses", ", ".join(also))] if also else []),
        ("after a crash", guest["on_crash"]),
        (f"transfer in {guest['transfer']['month']}", transferred(guest["transfer"]) + _of(guest["transfer_amount"])),
        *(("event", f"{moment(event['at'])}: {event['text']}") for event in guest["events"]),
        *((name, guest[key]) for name, key in _ONLY_WHERE_SO if guest[key]),
        *([("Domain-0 worked", _worked(guest["dom0_time"]))] if guest.get("dom0_time") else []),
        ("read from the host" if guest["live_now"] else "last seen", _when(guest["seen_at"])),
    ]


def transferred(month: dict[str, Any]) -> str:
    """Return what a guest has sent and received in a month."""
    return f"{show_size(month['sent_bytes'])} sent, {show_size(month['received_bytes'])} received"


def _of(amount: dict[str, Any] | None) -> str:
    """Return the amount that a guest has for a month, and what it is held to where it is past that."""
    if amount is None:
        return ""
    past = {"slow": f"; slowed down to {amount['past_kbit'] / 1000:g} Mbit/s", "cut": "; cut off"}
    return f", of {show_size(amount['amount_bytes'])}" + (past.get(amount["past"], "") if amount["limited"] else "")


_ONLY_WHERE_SO = (("attention", "attention"), ("held back", "held"), ("what to do", "todo"))


def _worked(dom0_time: dict[str, float]) -> str:
    """Say how long Domain-0 has worked for a guest since its domain began, and for what."""
    disks, sends, receives = (f"{dom0_time[key]:.1f} s" for key in ("disks_s", "sends_s", "receives_s"))
    return f"{disks} for its disks, {sends} for what it sends, {receives} for what it receives"


def _when(seconds: float | None) -> str:
    return "never" if seconds is None else moment(seconds)


def comparison(guest: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings and rows of: entitled, set, read back. The last column is the hypervisor's own word."""
    sources = (guest["entitled"], guest["set"], guest["live"])
    wanted = [field for field in FIELDS if field[1] != "own_cores" or any(one and one[field[1]] for one in sources)]
    rows = [(title, *(_show(key, source) for source in sources)) for title, key in wanted]
    return ("", ">entitled", ">set", ">read back"), rows


def _show(key: str, source: dict[str, Any] | None) -> str:
    value = source.get(key) if source else None
    if value is None:
        return "-"
    if key == "cap":
        return f"{value} %" if value else "none"
    if key.endswith("_bps"):
        return show_size(value) if value else "no limit"
    if key.endswith("_iops"):
        return str(value) if value else "no limit"
    return mib(value) if key.endswith("_mib") else str(value)
