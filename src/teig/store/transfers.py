"""What guests transfer in each month, as rows, made of the totals that hosts tell.

A row of `transfer_counts` is how much of one counting of a host's is in the months already. What is beyond it is added
to the month in which it is seen, in the same transaction; so it does not matter how many servers look, in which order
their looks arrive, or whether both are from a backup. Months stay when their guest is deleted: they are for the bill.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from teig.model.host import GuestOnHost
from teig.model.names import GuestId, HostId
from teig.model.transfer import MonthOfTransfer
from teig.store.at_once import AtOnce
from teig.store.schema import guests, transfer_counts, transfers

_WAYS = ("sent_bytes", "received_bytes")
_ON: sa.BindParameter[str] = sa.bindparam("on")
_NAMES = sa.select(guests.c.id, guests.c.name).where(guests.c.host == _ON)
_COUNTS = sa.select(transfer_counts).join(guests, guests.c.id == transfer_counts.c.guest).where(guests.c.host == _ON)
_KNOWN = AtOnce(_NAMES, _COUNTS)


def add(connection: sa.Connection, host: HostId, seen: Iterable[GuestOnHost], month: str) -> None:
    """Add to a month what guests of ours on a host have transferred beyond what is counted.

    The caller holds the host's row in `observations`, so that two who look at once come one after the other.
    """
    names, counts = (found.rows() for found in _KNOWN.fetch(connection, {"on": host}))
    named = {row.id: row.name for row in names}
    before = {(row.guest, row.count): (row.sent_bytes, row.received_bytes) for row in counts}
    counted, added = [], []
    for guest in seen:
        told = guest.transfer
        if told is None or guest.id not in named:
            continue
        old = before.get((guest.id, told.count), (0, 0))
        now = (max(old[0], told.sent_bytes), max(old[1], told.received_bytes))
        if now != old:
            counted.append({"guest": guest.id, "count": told.count, **dict(zip(_WAYS, now, strict=True))})
            more = {"sent_bytes": now[0] - old[0], "received_bytes": now[1] - old[1]}
            added.append({"guest": guest.id, "month": month, "name": named[guest.id], **more})
    if counted:
        connection.execute(_put_count(connection.dialect.name), counted)
        connection.execute(_add_to_month(connection.dialect.name), added)


def begin(connection: sa.Connection, seen: GuestOnHost) -> None:
    """Let what a guest had transferred by now be nobody's: another server has counted it, or none has."""
    told = seen.transfer
    if told is not None:
        values = {"sent_bytes": told.sent_bytes, "received_bytes": told.received_bytes}
        row = {"guest": seen.id, "count": told.count, **values}
        connection.execute(_put_count(connection.dialect.name), [row])


def forget_counts(connection: sa.Connection, guest: GuestId) -> None:
    """Forget how far a guest was counted, which is deleted; its months stay."""
    connection.execute(transfer_counts.delete().where(transfer_counts.c.guest == guest))


def in_month(connection: sa.Connection, guest: GuestId, month: str) -> tuple[int, int]:
    """Return what a guest has sent and received in a month, in bytes."""
    mine = (transfers.c.guest == guest, transfers.c.month == month)
    row = connection.execute(sa.select(transfers.c.sent_bytes, transfers.c.received_bytes).where(*mine)).first()
    return (row.sent_bytes, row.received_bytes) if row else (0, 0)


def months_of(connection: sa.Connection, name: str) -> list[MonthOfTransfer]:
    """Return the months of all guests that have, or had, a name, the newest first."""
    query = transfers.select().where(transfers.c.name == name).order_by(transfers.c.month.desc(), transfers.c.guest)
    return [
        MonthOfTransfer(GuestId(row.guest), row.name, row.month, row.sent_bytes, row.received_bytes)
        for row in connection.execute(query)
    ]


@cache
def _put_count(dialect: str) -> Any:
    insert = _insert(dialect, transfer_counts)
    larger = {way: insert.excluded[way] for way in _WAYS}
    return insert.on_conflict_do_update(index_elements=["guest", "count"], set_=larger)


@cache
def _add_to_month(dialect: str) -> Any:
    insert = _insert(dialect, transfers)
    sums = {way: transfers.c[way] + insert.excluded[way] for way in _WAYS}
    return insert.on_conflict_do_update(index_elements=["guest", "month"], set_={**sums, "name": insert.excluded.name})


def _insert(dialect: str, table: sa.Table) -> Any:
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)
