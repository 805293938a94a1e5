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
from teig.fleet.driver import Host, HostAddress
from teig.model.errors import Conflict, OperatorError, TeigError, Unreachable
from teig.model.host import HostFacts
from teig.model.names import HostId, check_name
from teig.model.site import Site
from teig.operations.work import address_of
from teig.policy.admission import Candidate, oversold
from teig.policy.fitness import judge
from teig.store import hosts, observations, pools, reservations
from teig.store import sites as stored_sites
from teig.store.hosts import StoredHost
from teig.store.observations import Observation, Seen

LIVE_S: Final = 10.0
"""How long a host may take to be shown as it is at this moment."""


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
        """Which of agent and keeper are not known to be those of this server."""
        facts, current = self.seen.facts if self.seen else None, bundle().version
        versions = {"agent": facts and facts.agent_version, "keeper": facts and facts.keeper_version}
        if facts and not facts.kept:  # one that does not run tells no version: it is to be started, not upgraded
            del versions["keeper"]
        return tuple(name for name, version in versions.items() if version != current)

    @property
    def state(self) -> str:
        """In a word, whether it can be asked and holds guests to their plans."""
        if not self.answers:
            return "unreachable"
        return "ready" if self.seen is None or self.seen.facts.kept else "keeper_dead"


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
    try:
        return _added(services, HostAddress(host_id, name, address, port, host_key), at, known, reinstalled=reinstalled)
    except BaseException:
        if known is None:
            services.fleet.forget(host_id)  # else an agent would wait there for as long as this server runs
        raise


def _added(services: Services, way: HostAddress, at: Site, known: StoredHost | None, *, reinstalled: bool) -> HostView:
    """Look at a machine and store it as a host at a site, in the place of what is `known` by its name."""
    began = services.now()
    asked = services.fleet.host(way)
    with asking.needed(f"{way.address} {way.port}", way.name):
        seen = Seen(_fit(asked, way.name, at), asked.inventory(), began)
    stored = StoredHost(way.id, way.name, seen.facts.machine_id, way.address, way.port, way.host_key, at.name)
    again = _is_again(known, stored, reinstalled=reinstalled)

    def work(connection: sa.Connection) -> None:
        (hosts.replace if again else hosts.add)(connection, stored)
        if known is not None and known.machine_id != stored.machine_id:
            pools.remove(connection, way.id)  # it may have other disks
            observations.forget(connection, way.id)
        observations.forget_before(connection, way.id, began)  # put back to an earlier state, it has an earlier clock
        observing.store(connection, stored, seen, services.looks)

    services.db.write(work)
    return services.db.read(lambda connection: _view(connection, services.now(), stored))


def _fit(host: Host, name: str, at: Site) -> HostFacts:
    """Return the facts of a host once its keeper has looked at it, which may have been installed just now.

    HostUnfit says all that it lacks to be one at that site.
    """
    facts = host.facts()
    if not facts.kept:
        with suppress(TeigError):
            host.keeper_start()
            facts = host.facts()
    fitness = judge(facts, at.bridge)
    if fitness.missing:
        raise HostUnfit(f"{name} cannot be a host yet. " + " ".join(fitness.missing), "Mend that and add it again.")
    return facts


def _is_again(known: StoredHost | None, host: StoredHost, *, reinstalled: bool) -> bool:
    """Say whether a host is the one that is known by its name; Conflict where that is another machine."""
    if known is None or known.site != host.site:
        return False
    if known.machine_id != host.machine_id and not reinstalled:
        raise Conflict(
            f"Host {host.name} is enrolled, and this is another machine: its /etc/machine-id differs.",
            f"If {host.name} was set up anew, say so: teig host add … --reinstalled. Else give it another name: --name",
            code="another_machine",
        )
    return True


def view(services: Services, name: str) -> HostView:
    """Return one host, observed now; as it was last seen where it does not answer."""
    stored = services.db.read(lambda connection: hosts.named(connection, name))
    silence: Unreachable | None = None
    with asking.place(stored.id) as free, suppress(TeigError):
        try:
            if free:
                observing.observe(services, stored, LIVE_S)
        except Unreachable as error:
            silence = error
    found = services.db.read(lambda connection: _view(connection, services.now(), stored))
    if silence is None or not found.answers:
        return found
    return replace(found, warnings=(str(silence), *found.warnings), answers=False)


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
        with asking.place("unseen") as free:
            if free:
                observing.observe_all(services, unseen, LIVE_S)
    return services.db.read(work)


def _unseen(connection: sa.Connection) -> list[StoredHost]:
    """Return the hosts of which nobody knows yet whether they answer."""
    known = observations.times(connection).keys() | observations.silent(connection).keys()
    return [host for host in hosts.listed(connection) if host.id not in known]


def remove(services: Services, name: str, *, force: bool = False) -> tuple[str, ...]:
    """Forget a host that has no guests of ours, or with `force` its guests too; return their names.

    Nothing on it is changed. `force` is for a machine that is lost for good: the addresses and names of its guests are
    given to others, and where it runs on, so do these.
    """

    def work(connection: sa.Connection) -> tuple[HostId, tuple[str, ...]]:
        host = hosts.named(connection, name)
        return host.id, hosts.remove(connection, host, services.now(), force=force)

    host, guests = services.db.write(work)
    services.fleet.forget(host)
    return guests


def audit_facts(services: Services, name: str) -> AuditedHost:
    """Read how a host is set up, and its guests' configuration files. Nothing of it is kept."""
    host = services.db.read(lambda connection: hosts.named(connection, name))
    with asking.needed(host.id, host.name):
        return services.fleet.host(address_of(host)).audit_facts()


def _view(connection: sa.Connection, now: float, host: StoredHost) -> HostView:
    seen, candidate = observations.of_host(connection, host.id), hosts.candidate(connection, host)
    if seen is None or candidate is None:
        return _unknown(connection, host)
    return _of(host, seen, candidate, stored_sites.named(connection, host.site).bridge, now)


def _unknown(connection: sa.Connection, host: StoredHost) -> HostView:
    """Return a host of which nothing is known but that it is enrolled, and what is promised there."""
    error = observations.silent(connection).get(host.id)
    why = f" {error.message}" if error else ""
    warning = f"Nothing is known of it yet: it has not answered since this database was made or restored.{why}"
    return HostView(host, None, None, len(reservations.of_host(connection, host.id)), (warning,), answers=False)


def _of(host: StoredHost, seen: Observation, candidate: Candidate, bridge: str, now: float) -> HostView:
    fitness = judge(seen.facts, bridge)
    warnings = (*fitness.missing, *fitness.warnings)
    if not seen.facts.kept:
        warnings = (
            "Its keeper does not run: limits of guests that start do not hold. Start it: teig drift --fix",
            *warnings,
        )
    if names := oversold(candidate):
        what = f"More is reserved here than there is: {', '.join(names)}."
        told = f"{what} Its guests keep what they have; it takes no more."
        warnings = (told, *warnings)
    if seen.error is not None:
        warnings = (f"{seen.error['message']} {seen.error['todo']}".strip(), *warnings)
    return HostView(host, seen, candidate, candidate.guests, warnings, seen.error is None and seen.fresh(now))
