"""Observing hosts: what lists, drift and admission read was seen here, and written down with its time.

The living servers divide the hosts among them by a hash. That two observe one host does no harm: an older observation
never replaces a newer. Hosts that do not answer are asked by workers of their own, so that they delay nobody.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import sqlalchemy as sa
import structlog

from teig.control import transfers
from teig.control.looks import Looks
from teig.control.services import Services
from teig.model.errors import Busy, DatabaseFault, HostFault, InternalFault, TeigError, Unreachable
from teig.model.host import GuestOnHost, Inventory
from teig.model.names import GuestId, HostId
from teig.operations.work import address_of
from teig.policy.admission import beyond, capacity_of, moved
from teig.policy.drift import Drift, Promise, compare
from teig.policy.fitness import judge
from teig.policy.guest_life import Phase
from teig.store import basis, guests, hosts, observations, operations, reservations, servers
from teig.store.basis import Basis
from teig.store.guests import StoredGuest
from teig.store.hosts import StoredHost
from teig.store.observations import FRESH_S, GuestRow, Seen

EVERY_S: Final = 30.0
TICK_S: Final = 0.5
HOSTS_S: Final = 5.0
"""How often it is asked which hosts there are, and which servers live."""
APART_S: Final = 0.05
"""How far apart hosts are asked, or less where all would not be done in half of the time that there is. Asked at once,
they answer at once, and the threads that read the answers fight for the interpreter, at everybody's expense."""
WORKERS: Final = 256
"""How many hosts are asked at once. They are asked one after the other, so that few are in work at a time; but hosts
that fall silent together, as behind a switch that fails, have a thread each for `ANSWER_S`, and the others must not
wait for one."""
SILENT_WORKERS: Final = 64
"""How many hosts that were silent are asked at once: 90 of them can have their time twice a minute."""
ANSWER_S: Final = 20.0
"""How long an observed host may take to answer, connecting included: a busy Domain-0 is slow, and not silent."""
_NEARLY: Final = 0.9
"""What part of the time that there was must be over for silence to be for want of more: timers are not exact."""
CLOSE_S: Final = 5.0
_NEAR: Final = 100_000
"""Operations on one guest since a copy was made, at the most: a restored backup's numbers are 10^12 higher."""

_STORING: Final = threading.BoundedSemaphore(1)
"""SQLite lets one write at a time; and threads that all compute at once take the interpreter from each other at every
row they read, which costs a large fleet's server more than the work itself."""

log = structlog.get_logger()


def observe(services: Services, host: StoredHost, timeout_s: float = ANSWER_S) -> Seen:
    """Ask a host what it is and has, and store that; raise why it did not answer, which is stored too.

    Of a host that was seen before, silence is stored only where it had `ANSWER_S` to answer, or refused at once. What a
    host at another address says, or does not say, is nothing of this one: it may have been enrolled anew.
    """
    began, waits = services.now(), time.monotonic()
    asked = services.fleet.host(address_of(host))
    known = services.db.read(lambda connection: observations.seen_at(connection, host.id))
    seen = None
    try:
        seen = Seen(asked.facts(timeout_s), asked.inventory(timeout_s), began)
        with _STORING:
            new = services.db.update(lambda connection: _stored(connection, host, seen, services.looks), lasting=False)
    except (Busy, DatabaseFault):  # ours, and no silence of the host's
        raise
    except Exception as error:
        if seen is not None and isinstance(error, InternalFault):
            raise  # it has answered, and a row of ours cannot be read
        told = error if isinstance(error, TeigError) else _cannot_be(host, error)
        impatient = timeout_s < ANSWER_S and time.monotonic() - waits >= _NEARLY * timeout_s
        if known is None or not (impatient and isinstance(told, Unreachable)):
            _store_silence(services, host, told, known)
        raise told from error
    for drift in new:
        log.warning("drift", host=drift.host, guest=drift.guest, kind=drift.kind, text=drift.text)
    with _STORING:
        transfers.take_in(services, host, seen)
    return seen


def _stored(connection: sa.Connection, host: StoredHost, seen: Seen, looks: Looks) -> list[Drift]:
    """Store an observation; where what was seen before cannot be read, it takes the place of all that."""
    try:
        with connection.begin_nested():
            return store(connection, host, seen, looks)
    except (InternalFault, ValueError, TypeError, sa.exc.OperationalError) as error:
        if isinstance(error, sa.exc.OperationalError) and "malformed JSON" not in str(error.orig):
            raise  # the database's own
        log.warning("what was seen of a host cannot be read", host=host.name, error=str(error))
    observations.forget(connection, host.id)
    return store(connection, host, seen, looks)


def _store_silence(services: Services, host: StoredHost, error: TeigError, known: float | None) -> None:
    def silence(connection: sa.Connection) -> None:
        if hosts.is_current(connection, host):
            observations.put_silence(connection, host.id, error.as_record(), known, services.now())

    services.db.update(silence, lasting=False)


def _cannot_be(host: StoredHost, error: Exception) -> HostFault:
    """Return the error of a host whose answer nothing can be made of: it must not become everybody's."""
    log.warning("an answer of a host cannot be taken in", host=host.name, exc_info=error)
    return HostFault(f"Host {host.name} tells what cannot be.", f"Upgrade it: teig host upgrade {host.name}")


def observe_all(services: Services, known: Iterable[StoredHost], timeout_s: float = ANSWER_S) -> None:
    """Observe some hosts now, side by side; why one does not answer is stored and not raised."""

    def attempt(host: StoredHost) -> None:
        try:
            observe(services, host, timeout_s)
        except TeigError as error:
            log.info("a host does not answer", host=host.name, error=str(error))

    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(attempt, host) for host in known]:
            done.result()


def store(connection: sa.Connection, host: StoredHost, seen: Seen, looks: Looks) -> list[Drift]:
    """Store an observation with the drift that is in it, unless a newer one is there; return what drift is new.

    Nothing is stored of a host that was removed, or enrolled at another address, since it was asked.
    """
    if not hosts.is_current(connection, host):
        return []
    stored = observations.lock(connection, host.id)
    if stored is not None and not stored.older_than(seen):
        return []
    there = basis.of_host(connection, host.id, host.site, seen.inventory)
    digest = looks.digest(host, seen, there)
    if looks.is_known(host, digest, stored, seen):
        observations.put_stamp(connection, host.id, seen)
        looks.stamped(host, seen)
        return []
    judged = _without_deleted(connection, seen, there)
    new = _judge(connection, host, judged, there)
    if judged is seen:  # else the next look must tell whether they are gone
        left = basis.of_host(connection, host.id, host.site, seen.inventory)
        looks.judged(host, digest, looks.digest(host, seen, left), seen)
    return new


def _without_deleted(connection: sa.Connection, seen: Seen, there: Basis) -> Seen:
    """Return a look without the guests that were deleted since, by any server's clock: nobody need adopt them."""
    strangers = {guest.id for guest in seen.inventory.guests} - there.ids()
    gone = operations.gone_since(connection, strangers, seen.seen_at - FRESH_S)
    if not gone:
        return seen
    kept = tuple(guest for guest in seen.inventory.guests if guest.id not in gone)
    return replace(seen, inventory=replace(seen.inventory, guests=kept))


def _judge(connection: sa.Connection, host: StoredHost, seen: Seen, there: Basis) -> list[Drift]:
    """Store an observation that tells something new; return what drift is new."""
    placed, ours = there.guests(), there.ids()
    inventory = _merged(connection, host.id, seen.inventory, ours, there.seen())
    _raise_fences(connection, inventory, placed)
    claimed = there.reserved()
    extents = {group.name: group.extent_bytes for group in seen.facts.volume_groups}
    for ident, old, pool in moved(inventory, claimed, seen.facts):
        reservations.rename(connection, ident, host.id, old, pool)
        claimed[ident] = {pool: claimed[ident][old]}
    for guest, pool, has in beyond(inventory, claimed, extents):
        reservations.raise_to(connection, guest, host.id, pool, has)
    capacity = capacity_of(seen.facts, inventory, claimed)
    missing = judge(seen.facts, there.site().bridge).missing
    if missing:  # it was a host once, and something has gone since
        capacity = replace(capacity, refuses=f"it lacks what a host must have: {missing[0].rstrip('.')}")
    damaged = ours - {guest.id for guest in placed}  # nobody knows what they should be
    told = tuple(guest for guest in inventory.guests if guest.id not in damaged)
    drift = compare(host.name, seen.facts, replace(inventory, guests=told), [_promise(guest) for guest in placed])
    before = observations.drift_of(connection, host.id)
    strangers = [guest for guest in inventory.guests if guest.id not in claimed]
    addresses: set[str] = set().union(*map(_addresses, strangers), *_beyond(inventory, placed))
    observations.put(connection, host.id, seen, capacity, drift, addresses)
    return [one for one in drift if one not in before]


def _raise_fences(connection: sa.Connection, inventory: Inventory, placed: list[StoredGuest]) -> None:
    """Let no guest's next operation have a number that its host has seen: the database may be an earlier one's copy.

    Where the host's is far ahead, a backup of this database was restored elsewhere: the guest is that server's.
    """
    known = {guest.id: guest.fence for guest in placed}
    for guest in inventory.guests:
        if 0 < guest.fence - known.get(guest.id, guest.fence) <= _NEAR:
            guests.raise_fence(connection, guest.id, guest.fence)


def _beyond(inventory: Inventory, placed: list[StoredGuest]) -> list[frozenset[str]]:
    """Return what leads to guests of ours on their host and not by their specs: the database may be an earlier one."""
    specs = {guest.id: guest.spec for guest in placed}
    return [
        guest.spec.also - specs[guest.id].also
        for guest in inventory.guests
        if guest.spec is not None and guest.id in specs
    ]


def _addresses(guest: GuestOnHost) -> set[str]:
    """Return the addresses that a guest has or had when it was started: either description may be damaged."""
    specs = [spec for spec in (guest.spec, guest.started) if spec is not None]
    if not specs and guest.domid is not None:
        return {observations.UNREADABLE}
    return {address for spec in specs for nic in spec.nics for address in (nic.ip, *nic.also)}


def _merged(
    connection: sa.Connection,
    host: HostId,
    inventory: Inventory,
    ours: set[GuestId],
    known: dict[GuestId, GuestRow],
) -> Inventory:
    """Store what was seen of each guest of ours; return the inventory with what operations have read of guests since.

    `known` is what was seen of them before.
    """
    found: dict[GuestId, GuestOnHost] = {guest.id: guest for guest in inventory.guests}
    newer = {ident: row for ident, row in known.items() if row.newer_than(inventory)}
    for guest in inventory.guests:
        if guest.id in ours and guest.id not in newer:
            observations.put_guest(connection, host, guest, known.get(guest.id))
    observations.forget_guests(connection, host, known.keys() - found.keys() - newer.keys())
    found.update({ident: row.guest for ident, row in newer.items()})
    return Inventory(tuple(found.values()), inventory.foreign, inventory.boot, inventory.uptime_ns)


def _promise(guest: StoredGuest) -> Promise:
    settled = guest.operation is None and guest.phase in {Phase.RUNNING, Phase.STOPPED}
    return Promise(guest.spec, guest.phase is Phase.RUNNING if settled else None)


@contextmanager
def observing(services: Services) -> Iterator[None]:
    """Observe this server's share of the hosts twice a minute, for as long as the block runs."""
    observer = Observer(services)
    observer.thread.start()
    try:
        yield
    finally:
        observer.stop.set()
        observer.thread.join(CLOSE_S)


class Observer:
    """Asks each host of this server's share when it is due."""

    def __init__(self, services: Services) -> None:
        """Prepare to observe."""
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, name="teig-observer", daemon=True)
        self._services = services
        self._due: dict[HostId, float] = {}
        self._silent: set[HostId] = set()
        self._asked: set[HostId] = set()
        self._known: set[HostId] = set()
        self._share: list[StoredHost] = []
        self._share_due = 0.0
        self._workers = ThreadPoolExecutor(WORKERS, "teig-observer")
        self._silent_workers = ThreadPoolExecutor(SILENT_WORKERS, "teig-observer-silent")

    def _run(self) -> None:
        while not self.stop.is_set():
            try:
                self._begin_due()
            except Exception as error:  # noqa: BLE001 - whatever fails now, hosts must be observed afterwards
                log.warning("hosts cannot be observed now", error=str(error))
            self.stop.wait(TICK_S)
        for workers in (self._workers, self._silent_workers):
            workers.shutdown(wait=False, cancel_futures=True)

    def _begin_due(self) -> None:
        for host in self._due_now():
            self._asked.add(host.id)
            workers = self._silent_workers if host.id in self._silent else self._workers
            try:
                workers.submit(self._ask, host)
            except BaseException:
                self._asked.discard(host.id)
                raise
            if self.stop.wait(min(APART_S, EVERY_S / 2 / len(self._share))):
                return

    def _due_now(self) -> list[StoredHost]:
        now = time.monotonic()
        if now >= self._share_due:
            known, self._share = self._services.db.read(lambda connection: share(connection, self._services.server))
            for gone in self._known - known:  # removed, by any server: nothing of ours shall wait there
                self._services.fleet.forget(gone)
            self._known, self._share_due = known, now + HOSTS_S
        return [host for host in self._share if now >= self._due.get(host.id, 0.0) and host.id not in self._asked]

    def _ask(self, host: StoredHost) -> None:
        began = time.monotonic()
        try:
            observe(self._services, host)
            self._silent.discard(host.id)
        except TeigError as error:
            if host.id not in self._silent:
                log.warning("a host does not answer", host=host.name, error=str(error))
            self._silent.add(host.id)
        except Exception:
            log.exception("a host could not be observed", host=host.name)
        finally:
            self._due[host.id] = began + EVERY_S
            self._asked.discard(host.id)
            if host.id not in self._known:  # removed since it was to be asked, which has connected to it again
                self._services.fleet.forget(host.id)


def share(connection: sa.Connection, server: str) -> tuple[set[HostId], list[StoredHost]]:
    """Return all hosts, and those that a server observes: it has the highest of the living servers' hashes for them."""
    living = sorted({server, *servers.beats(connection, but=server)})
    listed = hosts.listed(connection)
    mine = [host for host in listed if max(living, key=lambda one: _score(one, host.id)) == server]
    return {host.id for host in listed}, mine


def _score(server: str, host: HostId) -> bytes:
    return hashlib.sha256(f"{server} {host}".encode()).digest()
