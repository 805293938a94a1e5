"""What the database says of a host when its answer is judged: read once, so that it is known what was judged by."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog

from teig.model.errors import InternalFault
from teig.model.host import Inventory
from teig.model.names import GuestId, HostId
from teig.model.site import Site
from teig.policy.admission import Amounts
from teig.record import recall
from teig.store import guests, reservations
from teig.store.at_once import AtOnce, Fetched
from teig.store.guests import StoredGuest
from teig.store.observations import GuestRow
from teig.store.schema import guests as guests_table
from teig.store.schema import observed_guests, operations, sites
from teig.store.schema import reservations as reservations_table

log = structlog.get_logger()


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
_NEWER = sa.select(observed_guests.c.guest).where(
    observed_guests.c.host == _ON,
    observed_guests.c.boot == sa.bindparam("its_boot"),
    observed_guests.c.boot != "",
    observed_guests.c.uptime_ns > sa.bindparam("its_uptime_ns"),
)
_ALL = AtOnce(_SITE, _GUESTS, _RESERVED, _SEEN, _NEWER.order_by(observed_guests.c.guest))


@dataclass(frozen=True)
class Basis:
    """The rows about a host: its site's, its guests', their reservations, and what was last seen of them.

    `newer` are the guests that were seen after the moment that is judged.
    """

    site_rows: Fetched
    guest_rows: Fetched
    reserved_rows: Fetched
    seen_rows: Fetched
    newer: Fetched

    def texts(self) -> list[str]:
        """Return all of it, to be compared."""
        return [part.text for part in (self.site_rows, self.guest_rows, self.reserved_rows, self.seen_rows, self.newer)]

    def site(self) -> Site:
        """Return the host's site."""
        [row] = self.site_rows.rows()
        return recall(Site, json.loads(row.record))

    def guests(self) -> list[StoredGuest]:
        """Return the host's guests by name, but those whose rows are damaged: they must not take the others away."""
        found = []
        for row in self.guest_rows.rows():
            try:
                found.append(guests.stored(row, json.loads(row.spec)))
            except (InternalFault, ValueError) as error:
                log.warning("the row of a guest cannot be read", guest=row.id, error=str(error))
        return found

    def ids(self) -> set[GuestId]:
        """Return which guests are there, those whose rows are damaged too."""
        return {GuestId(row.id) for row in self.guest_rows.rows()}

    def reserved(self) -> dict[GuestId, dict[str, Amounts]]:
        """Return what is reserved for each guest there, by the names of its pools."""
        return reservations.by_guest(self.reserved_rows.rows())

    def seen(self) -> dict[GuestId, GuestRow]:
        """Return what was last seen of the guests there."""
        return {GuestId(row.guest): GuestRow.of(row, json.loads(row.record)) for row in self.seen_rows.rows()}


def of_host(connection: sa.Connection, host: HostId, site: str, judged: Inventory) -> Basis:
    """Return what the database says of a host at a site when its answer is `judged`."""
    given = {"on": host, "site": site, "its_boot": judged.boot, "its_uptime_ns": judged.uptime_ns}
    return Basis(*_ALL.fetch(connection, given))
