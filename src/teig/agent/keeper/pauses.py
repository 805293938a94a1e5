"""Guests that are paused for a while, each with a file in /run/teig/paused, so that none is ever forgotten.

The file is there before the guest is paused and until it runs again: whoever was killed in between, the next keeper
finds it. Xen counts pauses, so a guest that an administrator paused too stays paused. Neighbours: `reconnects` decides
who is paused; the agent calls `release` before it asks a guest to stop.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Optional

from teig.agent.contract.failure import Failure
from teig.agent.host.state import locked, make_private, read_json, write_json
from teig.agent.xen.hypervisor import Domain, Hypervisor

RUN = Path("/run/teig")
_LOCK_WAIT_S = 10.0


class Pause(NamedTuple):
    """Which domain of a guest is paused, and until when (CLOCK_BOOTTIME, seconds)."""

    domid: int
    until: float


def pause(xen: Hypervisor, domain: Domain, until: float, folder: Path = RUN) -> None:
    """Pause a guest until a time, or for longer where it is paused already."""
    with _changing(folder):
        known = paused(domain.uuid, folder)
        write_json(_file(domain.uuid, folder), {"domid": domain.domid, "until": until})
        if known is None or known.domid != domain.domid or not _is_paused(xen, domain.uuid, domain.domid):
            xen.pause(domain.domid)


def release(xen: Hypervisor, guest: str, folder: Path = RUN) -> bool:
    """Let a guest go on that was paused here; return whether there was one. All others are left alone."""
    if not _file(guest, folder).exists():
        return False  # as nearly always: without a lock, for it is asked often
    with _changing(folder):
        known = paused(guest, folder)
        if known and _is_paused(xen, guest, known.domid):
            _let_go_on(xen, guest, known.domid)
        _file(guest, folder).unlink(missing_ok=True)
    return known is not None


def undo_others(xen: Hypervisor, domain: Domain, folder: Path = RUN) -> None:
    """Let a domain go on that somebody has paused by hand; one that is held back here stays so until that is over.

    So does one that has never run: xl is still making it.
    """
    if domain.paused and domain.cpu_time_ns and paused(domain.uuid, folder) is None:
        _let_go_on(xen, domain.uuid, domain.domid)


def paused(guest: str, folder: Path = RUN) -> Optional[Pause]:
    """Return the pause of a guest, None where it has none."""
    try:
        stored = read_json(_file(guest, folder))
        return Pause(int(stored["domid"]), float(stored["until"])) if stored else None
    except (Failure, KeyError, TypeError, ValueError):
        return Pause(-1, 0.0)  # damaged: over at once


def all_paused(folder: Path = RUN) -> dict[str, Pause]:
    """Return all pauses by the ids of their guests."""
    names = [path.stem for path in (folder / "paused").glob("*.json")]
    return {name: found for name in names if (found := paused(name, folder))}


def _let_go_on(xen: Hypervisor, guest: str, domid: int) -> None:
    try:
        xen.unpause(domid)
    except Exception:
        if _is_paused(xen, guest, domid):  # nobody has let it go on meanwhile, and it has not gone
            raise


def _is_paused(xen: Hypervisor, guest: str, domid: int) -> bool:
    return any(domain.domid == domid and domain.uuid == guest and domain.paused for domain in xen.domains())


@contextmanager
def _changing(folder: Path) -> Iterator[None]:
    make_private(folder / "paused")
    with locked(folder / "paused.lock", _LOCK_WAIT_S, "Somebody else pauses guests."):
        yield


def _file(guest: str, folder: Path) -> Path:
    return folder / "paused" / f"{guest}.json"
