"""The rows that an observation of a host is judged by, unparsed: to see whether any of them has changed."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from teig.model.names import HostId
from teig.store.schema import guests, observed_guests, operations, reservations, sites

_OPEN = sa.and_(operations.c.guest == guests.c.id, operations.c.ended.is_(None))


def _plain(table: sa.Table) -> list[Any]:
    """Return a table's columns, with JSON as the text that it is."""
    return [sa.cast(column, sa.Text) if isinstance(column.type, sa.JSON) else column for column in table.columns]


_ON: sa.BindParameter[str] = sa.bindparam("on")
_SITE = sa.select(*_plain(sites)).where(sites.c.name == sa.bindparam("site"))
_GUESTS = (
    sa.select(*_plain(guests), operations.c.id.label("operation"))
    .outerjoin(operations, _OPEN)
    .where(guests.c.host == _ON)
    .order_by(guests.c.id)
)
_RESERVED = reservations.select().where(reservations.c.host == _ON).order_by(reservations.c.guest, reservations.c.pool)
_SEEN = sa.select(*_plain(observed_guests)).where(observed_guests.c.host == _ON).order_by(observed_guests.c.guest)


class Basis(NamedTuple):
    """The rows, as tuples, for a row's own `repr` is cut short; and of each guest that was seen its id and when."""

    rows: list[list[tuple[Any, ...]]]
    seen: list[tuple[str, str, int]]


def of_host(connection: sa.Connection, host: HostId, site: str) -> Basis:
    """Return what the database says of a host, its guests and its site."""
    at: dict[str, str] = {"on": host, "site": site}
    found = [list(connection.execute(query, at)) for query in (_SITE, _GUESTS, _RESERVED, _SEEN)]
    return Basis([[tuple(row) for row in rows] for rows in found], [_when(row) for row in found[-1]])


def _when(row: Any) -> tuple[str, str, int]:
    return row.guest, row.boot, row.uptime_ns
