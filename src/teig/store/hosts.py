"""Hosts, as rows, and what is promised on each."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from teig.model.errors import Conflict, NotFound
from teig.model.host import HostFacts
from teig.model.names import HostId
from teig.policy.admission import NOTHING, Candidate, Promised
from teig.record import dump, load
from teig.store import guests as stored_guests
from teig.store import pools
from teig.store.pools import Rating
from teig.store.schema import guests, hosts

_BY_ID = hosts.select().where(hosts.c.id == sa.bindparam("ident"))


@dataclass(frozen=True)
class StoredHost:
    """An enrolled host: how to reach it, where it stands, and what it was when it was last looked at."""

    id: HostId
    name: str
    machine_id: str
    address: str
    port: int
    host_key: str
    site: str
    draining: bool
    facts: HostFacts
    facts_at: float


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
    values = {column.name: getattr(host, column.name) for column in hosts.columns}
    connection.execute(hosts.insert().values({**values, "facts": dump(host.facts)}))


def replace(connection: sa.Connection, host: StoredHost) -> None:
    """Store a host's new address, key and facts under the identity it has."""
    values = {column.name: getattr(host, column.name) for column in hosts.columns}
    connection.execute(hosts.update().where(hosts.c.id == host.id).values({**values, "facts": dump(host.facts)}))


def listed(connection: sa.Connection) -> list[StoredHost]:
    """Return all hosts by name."""
    return [_stored(row) for row in connection.execute(hosts.select().order_by(hosts.c.name))]


def named(connection: sa.Connection, name: str) -> StoredHost:
    """Return one host; NotFound where there is none of that name."""
    row = connection.execute(hosts.select().where(hosts.c.name == name)).first()
    if row is None:
        raise NotFound(f"There is no host named {name}.", "Look at: teig host list", code="no_host")
    return _stored(row)


def by_id(connection: sa.Connection, host: HostId) -> StoredHost:
    """Return the host with an id that a row of ours refers to."""
    return _stored(connection.execute(_BY_ID, {"ident": host}).one())


def note_facts(connection: sa.Connection, host: HostId, facts: HostFacts, now: float) -> None:
    """Store what a host was seen to be."""
    connection.execute(hosts.update().where(hosts.c.id == host).values(facts=dump(facts), facts_at=now))


def remove(connection: sa.Connection, host: HostId) -> None:
    """Forget a host; Conflict while guests are on it."""
    left = connection.execute(sa.select(guests.c.name).where(guests.c.host == host)).scalars().all()
    if left:
        raise Conflict(
            f"{len(left)} guests are on that host: {', '.join(sorted(left)[:5])}.",
            "Delete or move them first.",
            code="host_in_use",
        )
    pools.remove(connection, host)
    connection.execute(hosts.delete().where(hosts.c.id == host))


def candidates(connection: sa.Connection, known: list[StoredHost]) -> list[Candidate]:
    """Return hosts with the sum of what is promised on each."""
    promised = stored_guests.promised(connection)
    ratings = pools.ratings(connection)
    return [_candidate(host, promised.get(host.id, NOTHING), ratings.get(host.id, {})) for host in known]


def candidate(connection: sa.Connection, host: StoredHost) -> Candidate:
    """Return a host with the sum of what is promised on it."""
    promised = stored_guests.promised(connection, host.id).get(host.id, NOTHING)
    return _candidate(host, promised, pools.of_host(connection, host.id))


def _candidate(host: StoredHost, promised: Promised, ratings: dict[str, Rating]) -> Candidate:
    return Candidate(
        id=host.id,
        name=host.name,
        site=host.site,
        draining=host.draining,
        facts=host.facts,
        capacity={name: rating.capacity for name, rating in ratings.items()},
        promised=promised,
    )


def _stored(row: sa.Row[tuple[object, ...]]) -> StoredHost:
    values = {column.name: getattr(row, column.name) for column in hosts.columns}
    return StoredHost(**{**values, "facts": load(HostFacts, row.facts)})
