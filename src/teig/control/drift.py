"""Drift: what differs between promise and host, as it was found when each host was last observed, and mended where it
is ours."""

from __future__ import annotations

from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Mended:
    """What mending came to: operations that have begun, what was done at once, and what Teig leaves to a person."""

    operations: tuple[Operation, ...]
    done: tuple[str, ...]
    left: tuple[Drift, ...]


def found(services: Services, *, now: bool = False) -> list[Drift]:
    """Return all that differs, by host and guest; `now`: after observing every host once more.

    Of a host that does not answer, only that is said.
    """
    if now:
        with asking.needed("drift", "all hosts"):
            observe_all(services, services.db.read(hosts.listed))

    def read(connection: sa.Connection) -> list[Drift]:
        names = hosts.names(connection)
        silent = observations.silent(connection)
        differing = observations.drift_of_all(connection)
        told = {names[host]: drift for host, drift in differing if host not in silent}
        told |= {names[host]: [unreachable(names[host], why)] for host, why in silent.items()}
        return [drift for name in sorted(told) for drift in told[name]]

    return services.db.read(read)


def mend(services: Services) -> Mended:
    """Observe every host once more and mend what is ours to mend; what is not ours is never touched."""
    begun: list[Operation] = []
    done: list[str] = []
    left: list[Drift] = []
    seen: set[tuple[str, str]] = set()
    for drift in found(services, now=True):
        key = (drift.host, drift.guest or "")
        try:
            if not drift.fixable:
                left.append(drift)
            elif drift.kind == KEEPER_DEAD:
                done.append(_start_keeper(services, drift.host))
            elif drift.guest is not None and key not in seen:
                seen.add(key)
                begun.append(
                    (guest_desk.start if drift.kind == NOT_RUNNING else guest_desk.mend)(services, drift.guest)
                )
        except TeigError as error:
            left.append(replace(drift, text=f"{drift.text} It could not be mended: {error.message}"))
    return Mended(tuple(begun), tuple(done), tuple(left))


def _start_keeper(services: Services, host_name: str) -> str:
    host = services.db.read(lambda connection: hosts.named(connection, host_name))
    with asking.needed(host.id, host.name):
        services.fleet.host(address_of(host)).keeper_start()
    return f"The keeper of {host_name} was started."
