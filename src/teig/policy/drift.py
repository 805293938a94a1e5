"""What differs between what is promised, what a host is set to, and what is so.

Pure: it compares the database's rows with one host's inventory and facts. Each difference is one `Drift`, which says
whether Teig may mend it: what is ours and is set on the host is; a domain that is not ours, or missing bytes, are not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from teig.agent.contract.spec import share_on
from teig.model.guest import Disk, GuestSpec
from teig.model.host import GuestOnHost, HostFacts, Inventory

ENTITLEMENT: Final = "entitlement"
NOT_RUNNING: Final = "not_running"
RUNNING: Final = "running"
ADDRESSES: Final = "addresses"
UNKNOWN_GUEST: Final = "unknown_guest"
VOLUME_MISSING: Final = "volume_missing"
VOLUME_SMALL: Final = "volume_small"
VOLUME_ORPHANED: Final = "volume_orphaned"
KEEPER_DEAD: Final = "keeper_dead"
UNREACHABLE: Final = "unreachable"
NEXT_START: Final = {"memory_mib", "vcpus", "own_cores"}
"""Figures that are the domain's own for as long as it runs."""


@dataclass(frozen=True)
class Promise:
    """A guest as the database has it: its spec, and whether it is meant to run (None: an operation is at work)."""

    spec: GuestSpec
    runs: bool | None


@dataclass(frozen=True)
class Drift:
    """One difference. `kind` is one of this module's words; `field` with its three figures where one differs.

    `fixable` says whether `teig drift --fix` mends it, `text` what is so, in a sentence.
    """

    host: str
    guest: str | None
    kind: str
    field: str | None
    entitled: int | None
    set: int | None
    live: int | None
    fixable: bool
    text: str


def unreachable(host: str, why: str) -> Drift:
    """Return that nothing can be said of a host."""
    return Drift(host, None, UNREACHABLE, None, None, None, None, False, why)


def compare(host: str, facts: HostFacts, inventory: Inventory, promises: list[Promise]) -> list[Drift]:
    """Return all that differs on one host, the keeper first, then guest by guest."""
    found = [] if facts.kept else [_keeper(host, facts)]
    there = {guest.id: guest for guest in inventory.guests}
    for promise in promises:
        found += _guest(host, promise, there.pop(promise.spec.id, None))
    for stranger in there.values():
        found.append(_stranger(host, stranger))
    return found


def figures(entitled: dict[str, int], on_host: GuestOnHost | None) -> list[dict[str, Any]]:
    """Return the figures in which plan, host and hypervisor differ: field, entitled, set, live."""
    set_there = asdict(on_host.spec.entitled) if on_host and on_host.spec else None
    live = asdict(on_host.live) if on_host and on_host.live else None
    started = on_host.started if on_host else None
    rows = []
    for field, value in entitled.items():
        shown = {"set": set_there[field] if set_there else None, "live": live[field] if live else None}
        right = {"set": value, "live": _on_domain(field, entitled, started, live) if live else value}
        wrong = [where for where in shown if shown[where] is not None and shown[where] != right[where]]
        if wrong:
            rows.append({"field": field, "entitled": right[wrong[-1]], **shown})
    return rows


def _on_domain(field: str, entitled: dict[str, int], started: GuestSpec | None, live: dict[str, int]) -> int:
    """Return what is right for a domain that was `started` under another plan, maybe.

    Weight and cap are those for the vCPUs that it was made with, of which some may be offline (docs/keeper.md). Its
    maximum of memory is the memory that it was given: more would let it take what it is promised from its next start
    on, and how much of it a guest has taken is its own choice.
    """
    if field == "maxmem_mib" and started is not None:
        return started.memory_mib
    if field not in {"weight", "cap"}:
        return entitled[field]
    vcpus = started.vcpus if started else live["vcpus"]
    weight, cap = share_on(entitled["weight"], entitled["cap"], entitled["vcpus"], vcpus)
    return weight if field == "weight" else cap


def _guest(host: str, promise: Promise, on_host: GuestOnHost | None) -> list[Drift]:
    if promise.runs is None:
        return []
    name = promise.spec.name
    there = on_host.volumes if on_host else ()
    gone = [disk for disk in promise.spec.disks if disk.index not in there]
    found = [
        Drift(host, name, VOLUME_MISSING, None, None, None, None, False, _GONE.format(disk.device, name))
        for disk in gone
    ]
    sizes = {disk.index: disk.size_bytes for disk in on_host.disks} if on_host else {}
    found += [
        _small(host, name, disk, sizes[disk.index])
        for disk in promise.spec.disks
        if sizes.get(disk.index, disk.size_bytes) < disk.size_bytes
    ]
    running = on_host is not None and on_host.runs
    if promise.runs and not running:
        text = "It should run, and does not."
        found.append(Drift(host, name, NOT_RUNNING, None, None, None, None, not gone, text))
    if promise.runs and on_host is not None and on_host.runs and on_host.state == "paused" and not on_host.held:
        text = f"It should run, and somebody has paused it: teig guest start {name}"
        found.append(Drift(host, name, NOT_RUNNING, None, None, None, None, False, text))
    if not promise.runs and running:
        text = "It should be stopped, and it runs: somebody started it without Teig."
        found.append(Drift(host, name, RUNNING, None, None, None, None, False, text))
    found += _addresses(host, promise.spec, on_host.spec if on_host else None)
    return [*found, *(_figure(host, name, row) for row in figures(asdict(promise.spec.entitled), on_host))]


def _addresses(host: str, promised: GuestSpec, there: GuestSpec | None) -> list[Drift]:
    """Return whether other further addresses lead to a guest than should: one may be another guest's by now."""
    if there is None or promised.also == there.also:
        return []
    wrong = [f"{address} should lead to it" for address in sorted(promised.also - there.also)]
    wrong += [f"{address} should lead to it no more" for address in sorted(there.also - promised.also)]
    text = f"By the host's files it is not so that {', and that '.join(wrong)}."
    return [Drift(host, promised.name, ADDRESSES, None, None, None, None, True, text)]


_GONE: Final = "The volume of {} is gone, or not active. If it is there, this activates it: teig guest start {}"


def _small(host: str, guest: str, disk: Disk, size_bytes: int) -> Drift:
    text = (
        f"The volume of {disk.device} has {size_bytes >> 20} MiB and should have {disk.size_bytes >> 20}. It is made "
        f"larger at the next start, if there is room then: teig guest reboot {guest}"
    )
    return Drift(host, guest, VOLUME_SMALL, None, None, None, None, False, text)


def _figure(host: str, guest: str, row: dict[str, Any]) -> Drift:
    field, entitled = row["field"], row["entitled"]
    where, is_now = ("Xen", row["live"]) if row["live"] not in {None, entitled} else ("the host's files", row["set"])
    less = field == "maxmem_mib" and row["live"] is not None and row["live"] > entitled  # Xen takes none away
    later = (field in NEXT_START or less) and row["set"] in {None, entitled}
    todo = f" It holds from the next start: teig guest reboot {guest}" if later else ""
    text = f"{field} is {is_now} in {where} and should be {entitled}.{todo}"
    return Drift(host, guest, ENTITLEMENT, fixable=not later, text=text, **row)


def _stranger(host: str, guest: GuestOnHost) -> Drift:
    if guest.spec is not None:
        text = f"The host has guest {guest.spec.name}, which the database does not know. Take it over: teig host adopt"
        return Drift(host, guest.spec.name, UNKNOWN_GUEST, None, None, None, None, False, text)
    text = f"Volumes of a guest {guest.id} are there that the database does not know."
    return Drift(host, None, VOLUME_ORPHANED, None, None, None, None, False, text)


def _keeper(host: str, facts: HostFacts) -> Drift:
    when = "does not run" if facts.keeper_beat is None else f"last looked {facts.keeper_beat:.0f} s ago"
    text = f"The keeper {when}: limits of guests that start now do not hold."
    return Drift(host, None, KEEPER_DEAD, None, None, None, None, True, text)
