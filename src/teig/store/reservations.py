"""Reservations, as rows: what of a host is kept for a guest, from the transaction that promises it until its host was
seen to have let go.

`keep` and `raise_to` raise a row and never lower it. `settle` lowers it, and is for the transaction that ends an
operation whose step has read the host; `rename` changes no amount. Nothing else writes here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from teig.model.names import GuestId, HostId
from teig.policy.admission import NOTHING, RATES, Amounts
from teig.store.schema import reservations

_SUMS = tuple(
    sa.func.coalesce(sa.func.sum(reservations.c[name]), 0).label(name)
    for name in ("memory_mib", "millicores", "disk_bytes", *RATES)
)


def keep(connection: sa.Connection, guest: GuestId, host: HostId, pool: str, wanted: Amounts) -> None:
    """Reserve this for a guest on a host; where more is reserved already, that stays."""
    there = of_guest(connection, guest, host)
    if pool in there:
        _write(connection, guest, host, pool, there[pool].largest(wanted))
    else:
        values = {"guest": guest, "host": host, "pool": pool, **_columns(wanted)}
        connection.execute(reservations.insert(), values)


def raise_to(connection: sa.Connection, guest: GuestId, host: HostId, pool: str, wanted: Amounts) -> None:
    """Reserve at least this from now on, whatever others make of the row meanwhile: its guest was seen to have it."""
    mine = (reservations.c.guest == guest, reservations.c.host == host, reservations.c.pool == pool)
    larger = {
        name: sa.case((reservations.c[name] < value, value), else_=reservations.c[name])
        for name, value in _columns(wanted).items()
    }
    connection.execute(reservations.update().where(*mine).values(larger))


def settle(connection: sa.Connection, guest: GuestId, host: HostId, pool: str, wanted: Amounts) -> None:
    """Reserve exactly this for a guest: its host was read, and has nothing more of it."""
    _write(connection, guest, host, pool, wanted)


def rename(connection: sa.Connection, guest: GuestId, host: HostId, before: str, pool: str) -> None:
    """Keep what is reserved for a guest under a pool's new name."""
    mine = (reservations.c.guest == guest, reservations.c.host == host, reservations.c.pool == before)
    connection.execute(reservations.update().where(*mine).values(pool=pool))


def of_guest(connection: sa.Connection, guest: GuestId, host: HostId) -> dict[str, Amounts]:
    """Return what is reserved for a guest on a host, by the names of its pools."""
    rows = connection.execute(_OF_GUEST, {"whose": guest, "on": host})
    return {row.pool: _amounts(row) for row in rows}


_OF_GUEST = reservations.select().where(
    reservations.c.guest == sa.bindparam("whose"), reservations.c.host == sa.bindparam("on")
)


def release(connection: sa.Connection, guest: GuestId) -> None:
    """Give back all that is reserved for a guest: every host was seen to have nothing of it."""
    connection.execute(reservations.delete().where(reservations.c.guest == guest))


@dataclass(frozen=True)
class Reserved:
    """What is reserved on a host, in each pool, and for how many guests."""

    pools: dict[str, Amounts]
    guests: int

    def beside(self, pool: str) -> Amounts:
        """Return the sum, disk and rates in one pool only."""
        whole = sum(self.pools.values(), NOTHING)
        mine = self.pools.get(pool, NOTHING)
        return Amounts(whole.memory_mib, whole.millicores, mine.disk_bytes, mine.rates)


def on_hosts(connection: sa.Connection, only: Collection[HostId] | None = None) -> dict[HostId, Reserved]:
    """Return what is reserved on each host, or on some; one on which nothing is has none."""
    sums, counts, given = (_SUMS_ON, _COUNTS, {}) if only is None else (_SUMS_ON_SOME, _COUNTS_SOME, {"only": [*only]})
    pools: dict[HostId, dict[str, Amounts]] = {}
    for row in connection.execute(sums, given):
        pools.setdefault(HostId(row.host), {})[row.pool] = _amounts(row)
    guests = {row.host: int(row.guests) for row in connection.execute(counts, given)}
    return {host: Reserved(found, guests.get(host, 0)) for host, found in pools.items()}


_SOME = reservations.c.host.in_(sa.bindparam("only", expanding=True))
_SUMS_ON = sa.select(reservations.c.host, reservations.c.pool, *_SUMS).group_by(
    reservations.c.host, reservations.c.pool
)
_SUMS_ON_SOME = _SUMS_ON.where(_SOME)
_COUNTS = sa.select(reservations.c.host, sa.func.count(reservations.c.guest.distinct()).label("guests")).group_by(
    reservations.c.host
)
_COUNTS_SOME = _COUNTS.where(_SOME)


def of_host(connection: sa.Connection, host: HostId) -> dict[GuestId, dict[str, Amounts]]:
    """Return what is reserved for each guest on a host, by the names of its pools."""
    return by_guest(connection.execute(_OF_HOST, {"on": host}))


def by_guest(rows: Iterable[Any]) -> dict[GuestId, dict[str, Amounts]]:
    """Return what rows say is reserved for each guest, by the names of its pools."""
    found: dict[GuestId, dict[str, Amounts]] = {}
    for row in rows:
        found.setdefault(GuestId(row.guest), {})[row.pool] = _amounts(row)
    return found


_OF_HOST = reservations.select().where(reservations.c.host == sa.bindparam("on"))


def _write(connection: sa.Connection, guest: GuestId, host: HostId, pool: str, wanted: Amounts) -> None:
    mine = (reservations.c.guest == guest, reservations.c.host == host, reservations.c.pool == pool)
    connection.execute(reservations.update().where(*mine).values(_columns(wanted)))


def _columns(wanted: Amounts) -> dict[str, int]:
    plain = {name: getattr(wanted, name) for name in ("memory_mib", "millicores", "disk_bytes")}
    return {**plain, **dict(zip(RATES, wanted.rates, strict=True))}


def _amounts(row: Any) -> Amounts:
    return Amounts(
        int(row.memory_mib), int(row.millicores), int(row.disk_bytes), tuple(int(getattr(row, name)) for name in RATES)
    )
