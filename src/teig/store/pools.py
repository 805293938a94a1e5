"""What pools were rated at, as rows. A pool without a row was not rated, and nothing is promised on it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from teig.model.names import HostId
from teig.model.pool import DiskRate, PoolRating
from teig.record import dump, recall
from teig.store.schema import pools


@dataclass(frozen=True)
class Rating:
    """What a pool can do, how that is known (`measured` or `stated`) and since when (seconds since 1970)."""

    capacity: PoolRating
    how: str
    rated_at: float


def put(connection: sa.Connection, host: HostId, name: str, rating: Rating) -> None:
    """Store what a pool was rated at, in the place of an earlier rating."""
    connection.execute(pools.delete().where(pools.c.host == host, pools.c.name == name))
    connection.execute(
        pools.insert().values(
            host=host,
            name=name,
            capacity=dump(rating.capacity.rate),
            together=rating.capacity.together,
            how=rating.how,
            rated_at=rating.rated_at,
        )
    )


def ratings(connection: sa.Connection, only: Collection[HostId] | None = None) -> dict[HostId, dict[str, Rating]]:
    """Return the ratings of all pools, or those of some hosts, by their hosts and names."""
    query, given = (_ALL, {}) if only is None else (_SOME, {"only": list(only)})
    found: dict[HostId, dict[str, Rating]] = {}
    for row in connection.execute(query, given):
        found.setdefault(HostId(row.host), {})[row.name] = _rating(row)
    return found


_ALL = pools.select()
_SOME = _ALL.where(pools.c.host.in_(sa.bindparam("only", expanding=True)))


def of_host(connection: sa.Connection, host: HostId) -> dict[str, Rating]:
    """Return the ratings of a host's pools by their names."""
    return ratings(connection, [host]).get(host, {})


def remove(connection: sa.Connection, host: HostId) -> None:
    """Forget the ratings of a host's pools."""
    connection.execute(pools.delete().where(pools.c.host == host))


def _rating(row: sa.Row[tuple[object, ...]]) -> Rating:
    return Rating(PoolRating(recall(DiskRate, row.capacity), bool(row.together)), row.how, row.rated_at)
