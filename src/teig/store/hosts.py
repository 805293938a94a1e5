"""Hosts, as rows, and what is promised on each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from teig.model.errors import Conflict, NotFound
from teig.model.host import GuestOnHost
from teig.model.names import HostId
from teig.policy.admission import NOTHING, Candidate, Capacity, capacity_in
from teig.record import recall
from teig.store import guests as guest_rows
from teig.store import observations, pools
from teig.store import reservations as stored_reservations
from teig.store.at_once import AtOnce
from teig.store.pools import Rating
from teig.store.reservations import Reserved
from teig.store.schema import hosts, reservations
from teig.store.schema import observations as observations_table

_LISTED = AtOnce(hosts.select().order_by(hosts.c.name))
_NAMES = AtOnce(sa.select(hosts.c.id, hosts.c.name))
_BY_ID = hosts.select().where(hosts.c.id == sa.bindparam("ident"))


@dataclass(frozen=True)
class StoredHost:
    """An enrolled host: how to reach it and where it stands. What was seen of it is in `store.observations`."""

    id: HostId
    name: str
    machine_id: str
    address: str
    port: int
    host_key: str
    site: str


def add(connection: sa.Connection, host: StoredHost) -> None:
    """Store a new host; Conflict where its name is taken or the machine is enrolled already."""
    taken = connection.execute(hosts.select().where(hosts.c.name == host.name)).first()
    if taken:
        raise Conflict(f"There is a host named {host.name} already.", "Choose another name.", code="name_taken")
    same = connection.execute(hosts.select().where(hosts.c.machine_id == host.machine_id)).first()
    if same:
        raise Conflict(
            f"That machine is enrolled already, as host {same.name}.",
            "If it is another machine with a copied disk, give it its own /etc/machine-id.",
            code="host_known",
        )
    connection.execute(hosts.insert().values(vars(host)))


def replace(connection: sa.Connection, host: StoredHost) -> None:
    """Store a host's new address, key and machine-id under the identity it has.

    Conflict where that is another host, NotFound where it was removed meanwhile.
    """
    that_machine = hosts.select().where(hosts.c.machine_id == host.machine_id, hosts.c.id != host.id)
    same = connection.execute(that_machine).first()
    if same:
        raise Conflict(f"That machine is enrolled already, as host {same.name}.", code="host_known")
    if connection.execute(hosts.update().where(hosts.c.id == host.id).values(vars(host))).rowcount == 0:
        raise NotFound(f"Host {host.name} was removed meanwhile.", "Add it again: teig host add", code="no_host")


def listed(connection: sa.Connection) -> list[StoredHost]:
    """Return all hosts by name."""
    [found] = _LISTED.fetch(connection, {})
    return [_stored(row) for row in found.rows()]


def named(connection: sa.Connection, name: str) -> StoredHost:
    """Return one host; NotFound where there is none of that name."""
    row = connection.execute(hosts.select().where(hosts.c.name == name)).first()
    if row is None:
        raise NotFound(f"There is no host named {name}.", "Look at: teig host list", code="no_host")
    return _stored(row)


def never_seen(connection: sa.Connection, site: str, silent_since: float) -> list[StoredHost]:
    """Return the hosts at a site that have never answered, but those that were silent before some time already."""
    rows = connection.execute(_NEVER_SEEN, {"site": site, "silent_since": silent_since})
    return [_stored(row) for row in rows]


_LATE = sa.or_(
    observations_table.c.silent_since.is_(None), observations_table.c.silent_since >= sa.bindparam("silent_since")
)
_NEVER_SEEN = (
    hosts.select()
    .outerjoin(observations_table, observations_table.c.host == hosts.c.id)
    .where(hosts.c.site == sa.bindparam("site"), _LATE)
    .where(sa.or_(observations_table.c.host.is_(None), observations_table.c.seen_at <= observations.NEVER))
    .order_by(hosts.c.name)
)


def names(connection: sa.Connection) -> dict[HostId, str]:
    """Return the names of all hosts."""
    [found] = _NAMES.fetch(connection, {})
    return {HostId(row.id): row.name for row in found.rows()}


def by_id(connection: sa.Connection, host: HostId) -> StoredHost:
    """Return the host with an id that a row of ours refers to."""
    return _stored(connection.execute(_BY_ID, {"ident": host}).one())


def is_current(connection: sa.Connection, host: StoredHost) -> bool:
    """Return whether a host is still enrolled just so."""
    row = connection.execute(_BY_ID, {"ident": host.id}).first()
    return row is not None and _stored(row) == host


def remove(connection: sa.Connection, host: StoredHost, now: float, *, force: bool) -> tuple[str, ...]:
    """Forget a host and, with `force`, its guests, whose names are returned; else Conflict while there are any.

    The guests' addresses rest from `now` on (seconds since 1970).

    So it is where guests run there that nobody claims, or may run: their addresses would be given to others.
    Busy while an operation works on one of them.
    """
    left = guest_rows.listed(connection, host.id)
    names = tuple(guest.name for guest in left)
    if left and not force:
        raise Conflict(
            f"Host {host.name} has {len(left)} of our guests: {', '.join(names[:5])}{', ...' * (len(left) > 5)}.",
            f"Delete them first. If the machine is lost for good: teig host remove {host.name} --force",
            code="host_in_use",
        )
    if not force:
        _check_no_strangers(connection, host)
    for guest in left:
        guest_rows.check_unlocked(guest)
        guest_rows.remove(connection, guest, now)
    pools.remove(connection, host.id)
    observations.forget(connection, host.id)
    connection.execute(hosts.delete().where(hosts.c.id == host.id))
    return names


def _check_no_strangers(connection: sa.Connection, host: StoredHost) -> None:
    """Raise Conflict where guests run on a host that are not in the database, or where nobody knows whether any do."""
    lost = f"If the machine is lost for good: teig host remove {host.name} --force"
    if observations.seen_at(connection, host.id) is None:
        raise Conflict(
            f"Nobody knows what runs on host {host.name}: it was not observed yet.",
            f"Let it be observed: teig host show {host.name}. {lost}",
            code="unobserved",
        )
    if addresses := observations.addresses_on(connection, host.id, host.site):
        told = ["one that cannot be read" if one == observations.UNREADABLE else one for one in addresses]
        raise Conflict(
            f"On host {host.name} run guests that are not in the database, with the addresses "
            f"{', '.join(told[:5])}{', ...' * (len(told) > 5)}.",
            f"Take them over: teig host adopt {host.name}. {lost}",
            code="host_in_use",
        )


def ranked(
    connection: sa.Connection, site: str, since: float, least_mib: int, name: str | None = None
) -> Iterator[StoredHost]:
    """Yield the hosts at a site that answer, were seen `since` and have `least_mib` MiB of room, the roomiest first.

    With a `name`, only the one that is called so.
    """
    given = {"site": site, "since": since, "least_mib": least_mib, "only": name}
    yield from map(_stored, connection.execute(_RANKED, given))


def _ranked_query() -> sa.Select[Any]:
    taken = (
        sa.select(reservations.c.host, sa.func.sum(reservations.c.memory_mib).label("mib"))
        .group_by(reservations.c.host)
        .subquery()
    )
    seen, only = observations_table.c, sa.bindparam("only", type_=sa.Text)
    room = seen.memory_mib - sa.func.coalesce(taken.c.mib, 0)
    return (
        hosts.select()
        .join(observations_table, seen.host == hosts.c.id)
        .outerjoin(taken, taken.c.host == hosts.c.id)
        .where(hosts.c.site == sa.bindparam("site"), sa.or_(only.is_(None), hosts.c.name == only))
        .where(seen.seen_at >= sa.bindparam("since"), room >= sa.bindparam("least_mib"), seen.silent_since.is_(None))
        .order_by(room.desc(), hosts.c.name)
    )


_RANKED = _ranked_query()


def candidate(
    connection: sa.Connection, host: StoredHost, pool: str | None = None, also: tuple[GuestOnHost, ...] = ()
) -> Candidate | None:
    """Return a host with all that is reserved there, as it was last seen; None where it was never seen.

    Where a `pool` is named, disks are those of that one, None where the host has no such; guests in `also` have a claim
    to theirs.
    """
    found = candidates(connection, [host]).get(host.id)
    if found is None or pool in {None, found.capacity.pool}:
        return found
    seen = observations.of_host(connection, host.id)
    group = next((one for one in seen.facts.volume_groups if one.name == pool), None) if seen else None
    if group is None:
        return None
    kept = stored_reservations.of_host(connection, host.id)
    rows = observations.rows_of(connection, host.id)
    claimed = [row.guest for ident, row in rows.items() if pool in kept.get(ident, {})]
    reserved = stored_reservations.on_hosts(connection, [host.id]).get(host.id)
    rating = pools.of_host(connection, host.id).get(group.name)
    return _candidate(host, capacity_in(found.capacity, group, (*claimed, *also)), rating, reserved)


def candidates(connection: sa.Connection, only: Collection[StoredHost] | None = None) -> dict[HostId, Candidate]:
    """Return all hosts, or some, that were ever seen, with all that is reserved on each."""
    known = {host.id: host for host in (listed(connection) if only is None else only)}
    named = None if only is None else list(known)
    query, given = (_CAPACITIES, {}) if named is None else (_CAPACITIES_OF, {"only": named})
    reserved = stored_reservations.on_hosts(connection, named)
    ratings = pools.ratings(connection, named)
    found = {}
    for row in connection.execute(query, given):
        if row.capacity is not None:
            host, capacity = known[HostId(row.host)], recall(Capacity, row.capacity)
            rating = ratings.get(host.id, {}).get(capacity.pool)
            found[host.id] = _candidate(host, capacity, rating, reserved.get(host.id))
    return found


_CAPACITIES = sa.select(observations_table.c.host, observations_table.c.capacity)
_CAPACITIES_OF = _CAPACITIES.where(observations_table.c.host.in_(sa.bindparam("only", expanding=True)))


def _candidate(host: StoredHost, capacity: Capacity, rating: Rating | None, reserved: Reserved | None) -> Candidate:
    taken = reserved.beside(capacity.pool) if reserved else NOTHING
    guests_there = reserved.guests if reserved else 0
    return Candidate(host.id, host.name, host.site, capacity, rating.capacity if rating else None, taken, guests_there)


def _stored(row: Any) -> StoredHost:
    return StoredHost(**{column.name: getattr(row, column.name) for column in hosts.columns})
