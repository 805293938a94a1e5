"""Hosts: enrolling them, what was seen of them, taking over what is on them, forgetting them."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from teig.audit.host import AuditedHost
from teig.control import asking, observing, sites
from teig.control.services import Services
from teig.fleet.agent_bundle import bundle
from teig.fleet.driver import HostAddress
from teig.model.errors import Conflict, OperatorError, TeigError
from teig.model.guest import GuestSpec
from teig.model.host import GuestOnHost
from teig.model.names import HostId, check_name
from teig.model.pool import DiskRate, PoolRating
from teig.operations.work import address_of
from teig.policy.admission import NOTHING, Amounts, Candidate, demand_of, entitled_to, observed_of, oversold, refusal
from teig.policy.fitness import judge
from teig.policy.guest_life import Phase
from teig.store import guests, hosts, observations, operations, reservations
from teig.store import sites as stored_sites
from teig.store.guests import StoredGuest
from teig.store.hosts import StoredHost
from teig.store.observations import Observation, Seen

LIVE_S: Final = 10.0
_MOST_FENCE: Final = 2**62
"""Fencing numbers count operations; one beyond this is damage, and must leave room for those that follow."""
_NO_BOUND: Final = PoolRating(DiskRate(10**9, 10**9, 10**15, 10**15), together=True)


class HostUnfit(OperatorError):
    """The machine lacks something that a host must have."""

    code = "host_unfit"
    http_status = 409


@dataclass(frozen=True)
class HostView:
    """A host with what was last seen of it, what is reserved there and how many guests are there.

    `seen` and `candidate` are None where it has never answered: since a backup was restored, say.
    """

    host: StoredHost
    seen: Observation | None
    candidate: Candidate | None
    guests: int
    warnings: tuple[str, ...]
    answers: bool

    @property
    def outdated(self) -> tuple[str, ...]:
        """Which of agent and keeper are not those of this server."""
        if self.seen is None:
            return ()
        facts, current = self.seen.facts, bundle().version
        versions = {"agent": facts.agent_version, "keeper": facts.keeper_version}
        return tuple(name for name, version in versions.items() if version != current)


@dataclass(frozen=True)
class Adopted:
    """What taking over a host's guests came to: names taken over, names known before, and what stood in the way."""

    adopted: tuple[str, ...]
    known: tuple[str, ...]
    problems: tuple[str, ...]


def add(
    services: Services,
    name: str,
    address: str,
    port: int,
    host_key: str,
    site: str,
    *,
    reinstalled: bool = False,
) -> HostView:
    """Enrol a host whose agent is installed: observe it and keep its key. HostUnfit says all that it lacks.

    A machine that is enrolled under the same name already gets its new address and key; one with another machine-id
    takes its place, and has its guests, only where it is said to be `reinstalled`.
    """
    check_name("host", name)
    at = sites.named(services, site)
    known = {host.name: host for host in services.db.read(hosts.listed)}.get(name)
    host_id = known.id if known else HostId(str(uuid.UUID(bytes=services.random_bytes(16), version=4)))
    began = services.now()
    asked = services.fleet.host(HostAddress(host_id, name, address, port, host_key))
    facts = asked.facts()
    if not facts.kept:  # it was installed just now
        with suppress(TeigError):
            asked.keeper_start()
            facts = asked.facts()
    fitness = judge(facts, at.bridge)
    if fitness.missing:
        raise HostUnfit(f"{name} cannot be a host yet. " + " ".join(fitness.missing), "Mend that and add it again.")
    seen = Seen(facts, asked.inventory(), began)
    stored = StoredHost(host_id, name, facts.machine_id, address, port, host_key, at.name)
    again = known is not None and known.site == at.name and (known.machine_id == facts.machine_id or reinstalled)
    if known is not None and known.site == at.name and not again:
        raise Conflict(
            f"Host {name} is enrolled, and this is another machine: its /etc/machine-id differs.",
            f"If {name} was set up anew, say so: teig host add … --reinstalled. Else choose another name: --name NAME",
            code="another_machine",
        )

    def work(connection: sa.Connection) -> None:
        (hosts.replace if again else hosts.add)(connection, stored)
        observations.forget(connection, host_id)  # a machine that was put back to an earlier state has an earlier clock
        observing.store(connection, stored, seen)

    services.db.write(work)
    return services.db.read(lambda connection: _view(connection, services.now(), stored))


def view(services: Services, name: str) -> HostView:
    """Return one host, observed now; as it was last seen where it does not answer."""
    stored = services.db.read(lambda connection: hosts.named(connection, name))
    with asking.place(stored.id) as free:
        if free:
            observing.observe_all(services, [stored], LIVE_S)
    return services.db.read(lambda connection: _view(connection, services.now(), stored))


def listed(services: Services) -> list[HostView]:
    """Return all hosts by name, as they were last seen."""

    def work(connection: sa.Connection) -> list[HostView]:
        candidates, seen = hosts.candidates(connection), observations.of_hosts(connection)
        bridges = {site.name: site.bridge for site in stored_sites.listed(connection)}
        views = []
        for host in hosts.listed(connection):
            found, candidate = seen.get(host.id), candidates.get(host.id)
            if found is None or candidate is None:
                views.append(_unknown(connection, host))
            else:
                views.append(_of(host, found, candidate, bridges[host.site], services.now()))
        return views

    unseen = services.db.read(_unseen)
    if unseen:  # after a restored backup
        observing.observe_all(services, unseen, LIVE_S)
    return services.db.read(work)


def _unseen(connection: sa.Connection) -> list[StoredHost]:
    """Return the hosts of which nobody knows yet whether they answer."""
    known = observations.of_hosts(connection).keys() | observations.silent(connection).keys()
    return [host for host in hosts.listed(connection) if host.id not in known]


def remove(services: Services, name: str, *, force: bool = False) -> tuple[str, ...]:
    """Forget a host that has no guests of ours, or with `force` its guests too; return their names.

    Nothing on it is changed. `force` is for a machine that is lost for good: the addresses and names of its guests are
    given to others, and where it runs on, so do these.
    """

    def work(connection: sa.Connection) -> tuple[str, ...]:
        return hosts.remove(connection, hosts.named(connection, name), force=force)

    return services.db.write(work)


def audit_facts(services: Services, name: str) -> AuditedHost:
    """Read how a host is set up, and its guests' configuration files. Nothing of it is kept."""
    host = services.db.read(lambda connection: hosts.named(connection, name))
    return services.fleet.host(address_of(host)).audit_facts()


def adopt(services: Services, name: str) -> Adopted:
    """Take the guests that a host has and the database has not into the database, as the host knows them.

    One for which there is no room beside what is reserved already stays what it was: counted, and nobody's.
    """
    host = services.db.read(lambda connection: hosts.named(connection, name))
    seen = observing.observe(services, host)
    adopted: list[str] = []
    known: list[str] = []
    problems: list[str] = []

    def work(connection: sa.Connection) -> None:
        for names in (adopted, known, problems):
            names.clear()
        taken = NOTHING  # of what counted as nobody's when the host was observed
        for found in seen.inventory.guests:
            name = found.spec.name if found.spec else found.id
            try:
                with connection.begin_nested():
                    has = _adopt_one(connection, services.now(), host, found, seen, taken)
            except TeigError as error:
                problems.append(f"{name}: {error.message}")
                continue
            taken += has or NOTHING
            (known if has is None else adopted).append(name)
        observing.store(connection, host, seen)

    services.db.write(work)
    return Adopted(tuple(adopted), tuple(known), tuple(problems))


def _adopt_one(
    connection: sa.Connection, now: float, host: StoredHost, found: GuestOnHost, seen: Seen, taken: Amounts
) -> Amounts | None:
    """Store a guest that the database does not know; return what of it counted as nobody's, None where it is known.

    `taken` is what did so of those that were stored since the host was observed.
    """
    spec = _checked(found)
    there = guests.by_id(connection, found.id)
    if there is not None and there.host != host.id:
        other = hosts.by_id(connection, there.host).name
        raise Conflict(
            f"it is known as a guest of host {other}. If {host.name} is that machine, set up anew, enrol it under that "
            f"name: teig host add … --name {other} --reinstalled"
        )
    if there is not None:
        guests.raise_fence(connection, found.id, found.fence)
        return None
    if operations.has_changed(connection, found.id, seen.seen_at):
        raise Conflict("it was worked on meanwhile. Look at it again: teig host adopt", code="guest_changed")
    if spec.site != host.site:
        raise Conflict(f"it was promised the site {spec.site}, and {host.name} is at {host.site}.")
    ranked = hosts.candidate(connection, host)
    pool = found.disks[0].pool if found.disks else None
    candidate = hosts.candidate(connection, host, pool, (found,))
    if ranked is None or candidate is None:
        raise Conflict(f"nobody knows what {host.name} has.")
    capacity = candidate.capacity
    has = observed_of(found, ranked.capacity.extent_bytes, ranked.capacity.pool)  # as `capacity_of` has counted it
    nobodys = (taken + has).limited_to(capacity.unclaimed)
    # What keeps a host from taking new guests is nothing to those that are there.
    free = replace(capacity, unclaimed=capacity.unclaimed - nobodys, refuses="", problem="")
    without = replace(candidate, capacity=free)
    if without.rating is None:  # what a pool was rated at may be gone with the database
        without = replace(without, rating=_NO_BOUND)
    why = refusal(without, demand_of(spec))
    if why is not None:
        raise Conflict(f"{host.name} has no room for it beside what is reserved already: {why}.", code="no_room")
    runs = found.domid is not None or found.started is not None  # one that is just rebooting has no domain
    phase = Phase.RUNNING if runs else Phase.STOPPED
    guests.add(connection, StoredGuest(host.id, spec, phase, found.fence, None, now))
    wanted = entitled_to(spec, capacity.extent_bytes)
    wanted = wanted.largest(observed_of(found, capacity.extent_bytes, capacity.pool))
    reservations.keep(connection, found.id, host.id, capacity.pool, wanted)
    return has


def _checked(found: GuestOnHost) -> GuestSpec:
    """Return the spec of a guest that a host tells of; Conflict where it cannot be taken over as it is."""
    if found.spec is None:
        raise Conflict(f"the files of guest {found.id} cannot be read.")
    if found.spec.id != found.id:
        raise Conflict(f"its files on the host are those of guest {found.spec.id}.")
    if found.fence > _MOST_FENCE:
        raise Conflict(f"its fencing number on the host cannot be: {found.fence}.", code="bad_fence")
    return found.spec


def _view(connection: sa.Connection, now: float, host: StoredHost) -> HostView:
    seen, candidate = observations.of_host(connection, host.id), hosts.candidate(connection, host)
    if seen is None or candidate is None:
        return _unknown(connection, host)
    return _of(host, seen, candidate, stored_sites.named(connection, host.site).bridge, now)


def _unknown(connection: sa.Connection, host: StoredHost) -> HostView:
    """Return a host of which nothing is known but that it is enrolled, and what is promised there."""
    why = observations.silent(connection).get(host.id, "")
    warning = f"Nothing is known of it yet: it has not answered since this database was made or restored. {why}".strip()
    return HostView(host, None, None, len(reservations.of_host(connection, host.id)), (warning,), answers=False)


def _of(host: StoredHost, seen: Observation, candidate: Candidate, bridge: str, now: float) -> HostView:
    fitness = judge(seen.facts, bridge)
    warnings = (*fitness.missing, *fitness.warnings)
    if names := oversold(candidate):
        what = f"More is reserved here than there is: {', '.join(names)}."
        told = f"{what} Its guests keep what they have; it takes no more."
        warnings = (told, *warnings)
    if seen.error is not None:
        warnings = (f"{seen.error['message']} {seen.error['todo']}".strip(), *warnings)
    return HostView(host, seen, candidate, candidate.guests, warnings, seen.error is None and seen.fresh(now))
