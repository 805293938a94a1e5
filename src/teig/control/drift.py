"""Drift: what differs between promise and host, looked for at least once a minute, and mended where it is ours."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from teig.control.services import Services
from teig.model.errors import TeigError
from teig.operations.work import address_of
from teig.policy.drift import Drift, Promise, compare, unreachable
from teig.store import guests, hosts
from teig.store.guests import Phase, StoredGuest
from teig.store.hosts import StoredHost

EVERY_S = 30.0
MOST_AT_ONCE = 16

log = structlog.get_logger()


@dataclass(frozen=True)
class Fixed:
    """What mending came to: sentences of what was done, and of what a person must do."""

    done: tuple[str, ...]
    left: tuple[str, ...]


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


class Watch:
    """Looks at every host twice a minute in a thread of its own, and logs what is new."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="teig-drift", daemon=True)
        self.found: list[Drift] = []

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the look that is under way."""
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                found = look(self._services)
            except Exception:
                log.exception("looking for drift failed")
                continue
            for drift in [new for new in found if new not in self.found]:
                log.warning("drift", host=drift.host, guest=drift.guest, kind=drift.kind, text=drift.text)
            self.found = found
