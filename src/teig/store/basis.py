"""What the database says of a host when its answer is judged: read once, so that it is known what was judged by."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from teig.model.names import GuestId, HostId
from teig.model.site import Site
from teig.policy.admission import Amounts
from teig.record import recall
from teig.store import guests, reservations
from teig.store.guests import StoredGuest
from teig.store.observations import GuestRow
from teig.store.schema import guests as guests_table
from teig.store.schema import observed_guests, operations, sites
from teig.store.schema import reservations as reservations_table


def _plain(table: sa.Table) -> list[Any]:
    """Return a table's columns, with JSON as the text that it is: most of it need not be parsed."""
    return [
        sa.cast(column, sa.Text).label(column.name) if isinstance(column.type, sa.JSON) else column
        for column in table.columns
    ]


_ON: sa.BindParameter[str] = sa.bindparam("on")
_OPEN = sa.and_(operations.c.guest == guests_table.c.id, operations.c.ended.is_(None))
_SITE = sa.select(*_plain(sites)).where(sites.c.name == sa.bindparam("site"))
_GUESTS = (
    sa.select(*_plain(guests_table), operations.c.id.label("operation"))
    .outerjoin(operations, _OPEN)
    .where(guests_table.c.host == _ON)
    .order_by(guests_table.c.name)
)
_KEY = (reservations_table.c.guest, reservations_table.c.pool)
_RESERVED = reservations_table.select().where(reservations_table.c.host == _ON).order_by(*_KEY)
_SEEN = sa.select(*_plain(observed_guests)).where(observed_guests.c.host == _ON).order_by(observed_guests.c.guest)


@dataclass(frozen=True)
class Basis:
    """The rows about a host, as they were read: its site's, its guests', their reservations, what was seen of them."""

    site_rows: list[Any]
    guest_rows: list[Any]
    reserved_rows: list[Any]
    seen_rows: list[Any]

    def plain(self) -> bytes:
        """Return all of it as bytes, to be compared. Not as rows: their `repr` leaves out what is long."""
        rows = (self.site_rows, self.guest_rows, self.reserved_rows, self.seen_rows)
        return repr([[tuple(row) for row in found] for found in rows]).encode()

    def site(self) -> Site:
        """Return the host's site."""
        [row] = self.site_rows
        return recall(Site, json.loads(row.record))

    def guests(self) -> list[StoredGuest]:
        """Return the host's guests by name."""
        return [guests.stored(row, json.loads(row.spec)) for row in self.guest_rows]

    def reserved(self) -> dict[GuestId, dict[str, Amounts]]:
        """Return what is reserved for each guest there, by the names of its pools."""
        return reservations.by_guest(self.reserved_rows)

    def seen(self) -> dict[GuestId, GuestRow]:
        """Return what was last seen of the guests there."""
        return {
            GuestId(row.guest): GuestRow(json.loads(row.record), row.boot, row.uptime_ns, row.fence)
            for row in self.seen_rows
        }

    def newer_than(self, boot: str, uptime_ns: int) -> list[str]:
        """Return the guests that were seen after some moment of the same boot."""
        return [row.guest for row in self.seen_rows if row.boot == boot != "" and row.uptime_ns > uptime_ns]


def of_host(connection: sa.Connection, host: HostId, site: str) -> Basis:
    """Return what the database says of a host at a site."""
    at: dict[str, str] = {"on": host, "site": site}
    return Basis(*(list(connection.execute(query, at)) for query in (_SITE, _GUESTS, _RESERVED, _SEEN)))
