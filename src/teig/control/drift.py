"""Drift: what differs between promise and host, as it was found when each host was last observed, and mended where it
is ours."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

import sqlalchemy as sa

from teig.control import asking
from teig.control import guests as guest_desk
from teig.control.observing import observe_all
from teig.control.services import Services
from teig.model.errors import TeigError
from teig.model.operation import Operation
from teig.operations.work import address_of
from teig.policy.drift import KEEPER_DEAD, NOT_RUNNING, Drift, unreachable
from teig.store import hosts, observations

T = TypeVar("T")
KEEPERS_AT_ONCE: Final = 32


@dataclass(frozen=True)
class Mended:
    """What mending came to: operations that have begun, what was done at once, and what Teig leaves to a person."""

    operations: tuple[Operation, ...]
    done: tuple[str, ...]
    left: tuple[Drift, ...]


def found(services: Services, *, now: bool = False) -> list[Drift]:
    """Return all that differs, by host and guest; `now`: after observing every host once more.

    Of a host that does not answer, or that nobody has observed yet or lately, only that is said.
    """
    if now:
        with asking.needed("drift", "all hosts"):
            observe_all(services, services.db.read(hosts.listed))

    def read(connection: sa.Connection) -> list[Drift]:
        names = hosts.names(connection)
        silent = observations.silent(connection)
        differing = observations.drift_of_all(connection)
        told = {names[host]: drift for host, drift in differing if host not in silent}
        told |= {names[host]: [unreachable(names[host], error.message)] for host, error in silent.items()}
        seen = observations.times(connection)
        for host in names.keys() - silent.keys():
            if not observations.is_fresh(seen.get(host), services.now()):
                told[names[host]] = [unreachable(names[host], _unseen(names[host], seen.get(host), services.now()))]
        return [drift for name in sorted(told) for drift in told[name]]

    return services.db.read(read)


def _unseen(host: str, seen_at: float | None, now: float) -> str:
    """Return in words that nobody has observed a host, or for longer than one may be without being silent."""
    if seen_at is None:
        return f"Host {host} was not observed yet."
    return (
        f"Host {host} was last observed {max(0, now - seen_at):.0f} s ago. If it stays so, the server's log says why."
    )


def mend(services: Services) -> Mended:
    """Observe every host once more and mend what is ours to mend; what is not ours is never touched.

    Keepers are started side by side, for one may take a minute; guests of their hosts are begun after them, for they
    would run without limits before, and all others at once. Busy where many requests wait for hosts already.
    """
    with asking.needed("drift", "all hosts"):
        observe_all(services, services.db.read(hosts.listed))
        differing = found(services)
        left = [drift for drift in differing if not drift.fixable]

        def attempt(work: Callable[[Services, Drift], T], drift: Drift) -> T | None:
            try:
                return work(services, drift)
            except TeigError as error:
                left.append(replace(drift, text=f"{drift.text} It could not be mended: {error}"))
                return None

        ours: dict[tuple[str, str | None], Drift] = {}
        for drift in differing:
            if drift.fixable:
                ours.setdefault((drift.host, drift.guest), drift)  # one operation mends all that differs in a guest
        keepers = [drift for drift in ours.values() if drift.kind == KEEPER_DEAD]
        in_guests = [drift for drift in ours.values() if drift.kind != KEEPER_DEAD]
        later = {drift.host for drift in keepers}
        begun = [attempt(_begin, drift) for drift in in_guests if drift.host not in later]
        with ThreadPoolExecutor(KEEPERS_AT_ONCE) as pool:
            done = list(pool.map(partial(attempt, _start_keeper), keepers))
        unkept = {drift.host for drift, told in zip(keepers, done, strict=True) if told is None}
        for drift in in_guests:
            if drift.host in unkept:
                left.append(replace(drift, text=f"{drift.text} It waits for its host's keeper."))
            elif drift.host in later:
                begun.append(attempt(_begin, drift))
    left.sort(key=lambda drift: drift.host)
    return Mended(tuple(filter(None, begun)), tuple(filter(None, done)), tuple(left))


def _begin(services: Services, drift: Drift) -> Operation:
    begin = guest_desk.start_again if drift.kind == NOT_RUNNING else guest_desk.mend
    return begin(services, drift.guest or "")


def _start_keeper(services: Services, drift: Drift) -> str:
    host = services.db.read(lambda connection: hosts.named(connection, drift.host))
    services.fleet.host(address_of(host)).keeper_start()
    return f"The keeper of {drift.host} was started."
