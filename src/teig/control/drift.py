"""Drift: what differs between promise and host, looked for at least once a minute, and mended where it is ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import sqlalchemy as sa
import structlog

from teig.control import guests as guests_desk
from teig.control.services import Services
from teig.model.errors import TeigError
from teig.model.operation import Operation
from teig.operations.work import address_of
from teig.policy.drift import KEEPER_DEAD, NOT_RUNNING, Drift, Promise, compare, unreachable
from teig.store import guests, hosts
from teig.store.guests import Phase, StoredGuest
from teig.store.hosts import StoredHost

EVERY_S = 30.0
MOST_AT_ONCE = 16
LONGEST_LOOK_S = 10.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Mended:
    """What mending came to: operations that have begun, what was done at once, and what Teig leaves to a person."""

    operations: tuple[Operation, ...]
    done: tuple[str, ...]
    left: tuple[Drift, ...]


def look(services: Services) -> list[Drift]:
    """Look at every host now and return all that differs, by host and guest."""
    known = services.db.read(hosts.listed)
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return [drift for found in pool.map(lambda host: _look_at(services, host), known) for drift in found]


def _look_at(services: Services, host: StoredHost) -> list[Drift]:
    asked = services.fleet.host(address_of(host))
    try:
        facts, inventory = asked.facts(), asked.inventory()
    except TeigError as error:
        return [unreachable(host.name, error.message)]
    now = services.now()

    def work(connection: sa.Connection) -> list[Promise]:
        hosts.note_facts(connection, host.id, facts, now)
        return [_promise(guest) for guest in guests.listed(connection, host.id)]

    return compare(host.name, facts, inventory, services.db.write(work))


def _promise(guest: StoredGuest) -> Promise:
    settled = guest.operation is None and guest.phase in {Phase.RUNNING, Phase.STOPPED}
    return Promise(guest.spec, guest.phase is Phase.RUNNING if settled else None)


def mend(services: Services) -> Mended:
    """Look at every host and mend what is ours to mend; what is not ours is never touched."""
    begun: list[Operation] = []
    done: list[str] = []
    left: list[Drift] = []
    seen: set[tuple[str, str]] = set()
    for drift in look(services):
        key = (drift.host, drift.guest or "")
        try:
            if not drift.fixable:
                left.append(drift)
            elif drift.kind == KEEPER_DEAD:
                done.append(_start_keeper(services, drift.host))
            elif drift.guest is not None and key not in seen:
                seen.add(key)
                begun.append(
                    (guests_desk.start if drift.kind == NOT_RUNNING else guests_desk.mend)(services, drift.guest)
                )
        except TeigError as error:
            left.append(replace(drift, text=f"{drift.text} It could not be mended: {error.message}"))
    return Mended(tuple(begun), tuple(done), tuple(left))


def _start_keeper(services: Services, host_name: str) -> str:
    host = services.db.read(lambda connection: hosts.named(connection, host_name))
    services.fleet.host(address_of(host)).keeper_start()
    return f"The keeper of {host_name} was started."


@contextmanager
def watching(services: Services) -> Iterator[None]:
    """Look at every host twice a minute in a thread of its own, and log what is new, for as long as the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=_watch, args=(services, stop), name="teig-drift", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LONGEST_LOOK_S)


def _watch(services: Services, stop: threading.Event) -> None:
    known: list[Drift] = []
    while not stop.wait(EVERY_S):
        try:
            found = look(services)
        except Exception:
            log.exception("looking for drift failed")
            continue
        for drift in [new for new in found if new not in known]:
            log.warning("drift", host=drift.host, guest=drift.guest, kind=drift.kind, text=drift.text)
        known = found
