"""Where a new guest goes. What is known of hosts is read; none is asked, but where nothing that is known is fresh.

The choice is made outside of the transaction that promises: hosts are ranked by their room, and the first few that fit
are handed to it. The transaction checks these once more and nothing else, so that requests wait for each other briefly
however many hosts there are. Where others were faster, it is chosen anew.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

import sqlalchemy as sa

from teig.control import asking
from teig.control.observing import observe_all
from teig.control.services import Services
from teig.model.errors import Busy, Refused, TeigError
from teig.model.site import Site
from teig.policy.admission import Candidate, Demand, memory_for, refusal
from teig.policy.placement import in_words, no_host
from teig.store import hosts, observations, operations
from teig.store.hosts import StoredHost
from teig.store.observations import FRESH_S, Observation

ENOUGH: Final = 3
"""Hosts that fit, among which the transaction chooses."""
FAILED_S: Final = 300.0
"""For how many seconds a host on which a create has failed is taken only where no other has room: a failure leaves it
the roomiest, and all that follow would fail there."""
SILENT_S: Final = 600.0
"""For how long a host that nobody has seen since a backup was restored is waited for."""
OBSERVED_AT_ONCE: Final = 16
OBSERVE_S: Final = 5.0


def unseen(connection: sa.Connection, now: float, site: Site) -> list[StoredHost]:
    """Return the hosts at a site of which nobody knows yet what runs there, but those that are silent for long."""
    return hosts.never_seen(connection, site.name, now - SILENT_S)


def see_all(services: Services, site: Site, found: list[StoredHost]) -> None:
    """Observe what `unseen` has found; Busy where these are too many for a request.

    After a backup was restored, guests may run there that the database does not know, with addresses that are not free.
    """
    if not found:
        return
    with asking.place(site.name) as free:
        if free:
            observe_all(services, found[:OBSERVED_AT_ONCE], OBSERVE_S)
    left = services.db.read(lambda connection: unseen(connection, services.now(), site))
    if left:
        names = ", ".join(host.name for host in left[:5])
        raise Busy(
            f"It is not known yet what runs on {names}{', ...' * (len(left) > 5)}: addresses may be in use there.",
            f"Try again when they were looked at: teig host list. One that is silent is waited for {SILENT_S / 60:g} "
            "minutes.",
            code="unobserved",
        )


def fitting(services: Services, site: Site, wanted: str | None, demand: Demand) -> list[StoredHost]:
    """Return some hosts that have room, the roomiest first; else raise why there is none.

    `wanted` names the one host that the caller insists on.
    """
    found = services.db.read(lambda connection: _fitting(connection, services.now(), site, wanted, demand))
    if not found and _observed_anew(services, site, wanted):
        found = services.db.read(lambda connection: _fitting(connection, services.now(), site, wanted, demand))
    if not found:
        raise services.db.read(lambda connection: _why_none(connection, services.now(), site, wanted, demand))
    return found


def _fitting(connection: sa.Connection, now: float, site: Site, wanted: str | None, demand: Demand) -> list[StoredHost]:
    found: list[StoredHost] = []
    last: list[StoredHost] = []
    need = memory_for(demand.memory_mib, demand.vcpus)
    worse = operations.failing_hosts(connection, now - FAILED_S) | operations.full_hosts(connection)
    ranked = hosts.ranked(connection, site.name, now - FRESH_S, need, wanted)
    while len(found) < ENOUGH and (some := list(islice(ranked, ENOUGH))):
        known = hosts.candidates(connection, some)
        fit = [host for host in some if host.id in known and refusal(known[host.id], demand) is None]
        for host in fit:
            (last if host.id in worse else found).append(host)
    return (found or last)[:ENOUGH]


def _observed_anew(services: Services, site: Site, wanted: str | None) -> bool:
    """Observe hosts that were not seen for a while although they answered; return whether any was asked.

    That is so after a server's start, and where a clock was set. Those that do not answer are asked again only where no
    other is left.
    """

    def stale(connection: sa.Connection) -> list[StoredHost]:
        seen = observations.of_hosts(connection)
        now = services.now()
        here = [host for host in hosts.listed(connection) if host.site == site.name and wanted in {None, host.name}]
        stale = [host for host in here if host.id not in seen or _only_stale(seen[host.id], now)]
        why = observations.silent(connection)
        stale = [host for host in stale if host.id not in why]
        silent = [host for host in here if host.id in why]
        return stale + silent if len(stale) + len(silent) == len(here) else stale

    found = services.db.read(stale)[:OBSERVED_AT_ONCE]
    if not found:
        return False
    with asking.needed(site.name, f"hosts at site {site.name}"):
        observe_all(services, found, OBSERVE_S)
    return True


def _only_stale(seen: Observation, now: float) -> bool:
    return seen.silent_since is None and not seen.fresh(now)


def _why_none(connection: sa.Connection, now: float, site: Site, wanted: str | None, demand: Demand) -> TeigError:
    here = [host for host in hosts.listed(connection) if host.site == site.name and wanted in {None, host.name}]
    if not here:
        return no_host(site.name, wanted)
    silent = observations.silent(connection)
    if all(host.id in silent for host in here):
        return silent[here[0].id]
    seen, known = observations.of_hosts(connection), hosts.candidates(connection)
    reasons = {
        host.name: _why_not(seen.get(host.id), known.get(host.id), silent.get(host.id), demand, now) for host in here
    }
    return Refused(
        f"No host at site {site.name} takes it. {in_words(reasons)}.", "Choose another plan or host, or add a host.",
        code="no_room",
    )  # fmt: skip


def _why_not(
    seen: Observation | None, candidate: Candidate | None, silence: TeigError | None, demand: Demand, now: float
) -> str:
    why = f": {silence.message.rstrip('.')}" if silence else ""
    if seen is None or candidate is None:
        return f"was not observed yet{why}"
    if silence or not seen.fresh(now):
        return f"was last seen {time_ago(now - seen.seen_at)} ago{why}"
    return refusal(candidate, demand) or "others were faster"


def time_ago(seconds: float) -> str:
    """Return a time for a person, for example `95 s` or `3 h`."""
    for size, unit in ((86400, "days"), (3600, "h"), (600, "min")):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds / (60 if unit == 'min' else size):.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
