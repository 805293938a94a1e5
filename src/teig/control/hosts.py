"""Hosts: enrolling them, looking at them, taking over what is on them, forgetting them."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import sqlalchemy as sa

from teig.audit.host import AuditedHost
from teig.control import sites
from teig.control.services import Services
from teig.fleet.driver import HostAddress
from teig.model.errors import Conflict, OperatorError, TeigError
from teig.model.host import Inventory
from teig.model.names import HostId, check_name
from teig.operations.work import address_of
from teig.policy.admission import Candidate
from teig.policy.fitness import judge
from teig.store import guests, hosts
from teig.store import sites as stored_sites
from teig.store.guests import Phase, StoredGuest
from teig.store.hosts import StoredHost

FRESH_S = 60
MOST_AT_ONCE = 16


class HostUnfit(OperatorError):
    """The machine lacks something that a host must have."""

    code = "host_unfit"
    http_status = 409


@dataclass(frozen=True)
class HostView:
    """A host with what is promised on it and how many guests are there."""

    host: StoredHost
    candidate: Candidate
    guests: int
    warnings: tuple[str, ...]
    answers: bool


@dataclass(frozen=True)
class Adopted:
    """What taking over a host's guests came to: names taken over, names known before, and what stood in the way."""

    adopted: tuple[str, ...]
    known: tuple[str, ...]
    problems: tuple[str, ...]


def add(services: Services, name: str, address: str, port: int, host_key: str, site_name: str) -> HostView:
    """Enrol a host whose agent is installed: look at it and keep its key. HostUnfit says all that it lacks.

    A machine that is enrolled under the same name already gets its new address and key.
    """
    check_name("host", name)
    site = sites.named(services, site_name)
    known = {host.name: host for host in services.db.read(hosts.listed)}.get(name)
    host_id = known.id if known else HostId(str(uuid.UUID(bytes=services.random_bytes(16), version=4)))
    facts = services.fleet.host(HostAddress(host_id, name, address, port, host_key)).facts()
    fitness = judge(facts, site.bridge)
    if fitness.missing:
        raise HostUnfit(f"{name} cannot be a host yet. " + " ".join(fitness.missing), "Mend that and add it again.")
    stored = StoredHost(
        host_id, name, facts.machine_id, address, port, host_key, site.name, False, facts, services.now()
    )
    again = known is not None and (known.machine_id, known.site) == (facts.machine_id, site.name)
    services.db.write(lambda connection: (hosts.replace if again else hosts.add)(connection, stored))
    return view(services, name)


def view(services: Services, name: str) -> HostView:
    """Return one host, looked at anew; as it was when it last answered where it does not answer now."""
    stored = services.db.read(lambda connection: hosts.named(connection, name))
    return _view(services, refresh(services, [stored], fresh_s=0)[0])


def listed(services: Services) -> list[HostView]:
    """Return all hosts by name, those not seen for a minute looked at anew."""
    return [_view(services, seen) for seen in refresh(services, services.db.read(hosts.listed), fresh_s=FRESH_S)]


@dataclass(frozen=True)
class Seen:
    """A host after a look at it; `error` says why it could not be looked at."""

    host: StoredHost
    error: TeigError | None


def refresh(services: Services, known: list[StoredHost], fresh_s: float) -> list[Seen]:
    """Look at hosts whose facts are older than `fresh_s` seconds, side by side, and store what was seen."""

    def fresh(host: StoredHost) -> bool:
        return 0 <= services.now() - host.facts_at < fresh_s  # what was seen in the future was seen by a wrong clock

    def look(host: StoredHost) -> Seen:
        if fresh(host):
            return Seen(host, None)
        try:
            facts = services.fleet.host(address_of(host)).facts()
        except TeigError as error:
            return Seen(host, error)
        now = services.now()
        services.db.write(lambda connection: hosts.note_facts(connection, host.id, facts, now))
        return Seen(replace(host, facts=facts, facts_at=now), None)

    if all(fresh(host) for host in known):
        return [Seen(host, None) for host in known]
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return list(pool.map(look, known))


def inventories(services: Services, known: list[StoredHost]) -> dict[HostId, Inventory | None]:
    """Return what hosts have at this moment, asked side by side; None for one that does not answer."""

    def look(host: StoredHost) -> Inventory | None:
        try:
            return services.fleet.host(address_of(host)).inventory()
        except TeigError:
            return None

    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return dict(zip([host.id for host in known], pool.map(look, known), strict=True))


def remove(services: Services, name: str) -> None:
    """Forget a host that has no guests of ours; nothing on it is changed."""
    stored = services.db.read(lambda connection: hosts.named(connection, name))
    services.db.write(lambda connection: hosts.remove(connection, stored.id))


def audit_facts(services: Services, name: str) -> AuditedHost:
    """Read how a host is set up, and its guests' configuration files. Nothing of it is kept."""
    host = services.db.read(lambda connection: hosts.named(connection, name))
    return services.fleet.host(address_of(host)).audit_facts()


def adopt(services: Services, name: str) -> Adopted:
    """Take the guests that a host has and the database has not into the database, as the host knows them."""
    host = services.db.read(lambda connection: hosts.named(connection, name))
    adopted: list[str] = []
    known: list[str] = []
    problems: list[str] = []
    for found in services.fleet.host(address_of(host)).inventory().guests:
        if found.spec is None:
            problems.append(f"The files of guest {found.id} cannot be read.")
            continue
        phase = Phase.RUNNING if found.domid is not None else Phase.STOPPED
        guest = StoredGuest(host.id, found.spec, phase, found.fence, None, services.now())
        try:
            new = services.db.write(partial(_adopt_one, host=host, guest=guest))
        except TeigError as error:
            problems.append(f"{found.spec.name}: {error.message}")
        else:
            (adopted if new else known).append(found.spec.name)
    return Adopted(tuple(adopted), tuple(known), tuple(problems))


def _adopt_one(connection: sa.Connection, host: StoredHost, guest: StoredGuest) -> bool:
    """Store a guest that the database does not know; return whether it was new."""
    if guests.by_id(connection, guest.id) is not None:
        guests.raise_fence(connection, guest.id, guest.fence)
        return False
    if guest.spec.site != host.site:
        raise Conflict(f"it was promised the site {guest.spec.site}, and {host.name} is at {host.site}.")
    guests.add(connection, guest)
    return True


def _view(services: Services, seen: Seen) -> HostView:
    def work(connection: sa.Connection) -> HostView:
        candidate = hosts.candidate(connection, seen.host)
        warnings = judge(seen.host.facts, stored_sites.named(connection, seen.host.site).bridge).warnings
        if seen.error is not None:
            warnings = (str(seen.error), *warnings)
        return HostView(seen.host, candidate, candidate.promised.guests, warnings, seen.error is None)

    return services.db.read(work)
