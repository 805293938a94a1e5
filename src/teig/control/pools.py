"""Pools: what they can do, how that is known, and what of it is promised.

A host's guests lie in its largest volume group; that is its pool. Until it is rated, nothing is promised on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from teig.control import asking
from teig.control.observing import observe_all
from teig.control.services import Services
from teig.model.errors import Conflict, HostFault, NotFound, Unreachable
from teig.model.host import VolumeGroup
from teig.model.pool import PoolRating
from teig.operations.work import address_of
from teig.policy.admission import disk_room, oversold, pool_of, rate_room
from teig.store import hosts, observations, pools
from teig.store.hosts import StoredHost
from teig.store.pools import Rating


@dataclass(frozen=True)
class PoolView:
    """A host's pool, its rating (None: not rated) and what of both is reserved for nobody.

    `oversold` names what more is reserved of than there is; its guests keep what they have, and it takes no more.
    """

    host: str
    site: str
    group: VolumeGroup
    rating: Rating | None
    disk_room: int
    rate_room: dict[str, int]
    oversold: tuple[str, ...]


def listed(services: Services) -> list[PoolView]:
    """Return the pools of all hosts, by the hosts' names."""

    def work(connection: sa.Connection) -> list[PoolView]:
        views = (_view(connection, host) for host in hosts.listed(connection))
        return [view for view in views if view is not None]

    return services.db.read(work)


def of_host(services: Services, host_name: str) -> PoolView:
    """Return a host's pool; NotFound where it has none, Unreachable where nobody has observed the host yet."""

    def work(connection: sa.Connection) -> PoolView:
        host = hosts.named(connection, host_name)
        view = _view(connection, host)
        if view is None and observations.seen_at(connection, host.id) is None:
            raise Unreachable(
                f"Nobody knows what pool host {host_name} has: it was not observed yet.",
                f"Let it be observed: teig host show {host_name}",
                code="unobserved",
            )
        seen = observations.of_host(connection, host.id)
        if view is None and seen is not None and seen.facts.lvm_failure:
            raise HostFault(
                f"LVM on host {host_name} does not tell of its volume groups: {seen.facts.lvm_failure}",
                "Look there what it says: vgs",
                code="lvm_failed",
            )
        if view is None:
            raise NotFound(f"Host {host_name} has no volume group.", "Make one there: vgcreate NAME DEVICE")
        return view

    return services.db.read(work)


def bench(services: Services, host_name: str) -> PoolView:
    """Measure a host's pool and rate it at what was measured. Guests there feel it while it lasts."""
    pool = of_host(services, host_name)
    host = services.db.read(lambda connection: hosts.named(connection, host_name))
    with asking.needed(host.id, host.name):
        measured = services.fleet.host(address_of(host)).pool_bench(pool.group.name)
        _rate(services, host, pool, Rating(measured, "measured", services.now()))
        observe_all(services, [host])  # it may have been seen last while the measurement's own volume was there
    return of_host(services, host_name)


def rate(services: Services, host_name: str, capacity: PoolRating) -> PoolView:
    """Rate a host's pool at what somebody knows that it can do."""
    pool = of_host(services, host_name)
    host = services.db.read(lambda connection: hosts.named(connection, host_name))
    return _rate(services, host, pool, Rating(capacity, "stated", services.now()))


def _rate(services: Services, host: StoredHost, pool: PoolView, rating: Rating) -> PoolView:
    """Rate the pool of that very host: a measurement lasts long, and the host may be another by its end."""

    def work(connection: sa.Connection) -> None:
        if hosts.named(connection, host.name).machine_id != host.machine_id:
            raise Conflict(f"Host {host.name} has become another machine meanwhile.", "Measure that one.")
        pools.put(connection, hosts.named(connection, host.name).id, pool.group.name, rating)

    services.db.write(work)
    return of_host(services, host.name)


def _view(connection: sa.Connection, host: StoredHost) -> PoolView | None:
    seen, candidate = observations.of_host(connection, host.id), hosts.candidate(connection, host)
    group = pool_of(seen.facts) if seen else None
    if candidate is None or group is None:
        return None
    return PoolView(
        host=host.name,
        site=host.site,
        group=group,
        rating=pools.of_host(connection, host.id).get(group.name),
        disk_room=disk_room(candidate),
        rate_room=rate_room(candidate),
        oversold=tuple(name for name in oversold(candidate) if name not in {"memory", "processor"}),
    )
