"""What guests may transfer in a month, as rows; a guest whose plan says nothing of it has none."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

import sqlalchemy as sa

from teig.model.names import GuestId
from teig.model.operation import OperationState
from teig.model.plan import PastTransfer
from teig.model.transfer import TransferAmount
from teig.policy.guest_life import Verb, kind_of
from teig.store.schema import events, guests, operations, transfer_amounts, transfers

_SUM = sa.func.coalesce(transfers.c.sent_bytes + transfers.c.received_bytes, 0)
_THIS_MONTH = sa.and_(transfers.c.guest == transfer_amounts.c.guest, transfers.c.month == sa.bindparam("month"))
_OPEN = sa.exists().where(operations.c.guest == transfer_amounts.c.guest, operations.c.ended.is_(None))

_FAILED = sa.exists().where(
    operations.c.guest == transfer_amounts.c.guest,
    operations.c.kind == kind_of(Verb.LIMIT),
    operations.c.state != OperationState.DONE.value,
    operations.c.ended > sa.bindparam("since"),
)


class Reached(NamedTuple):
    """A guest that has reached a part of its amount of a month, of which there is no event yet."""

    guest: GuestId
    name: str
    amount: TransferAmount


def put(connection: sa.Connection, guest: GuestId, amount: TransferAmount) -> None:
    """Say what a guest may transfer from now on; an amount of 0 is as much as it likes."""
    connection.execute(transfer_amounts.delete().where(transfer_amounts.c.guest == guest))
    if amount.amount_bytes:
        connection.execute(transfer_amounts.insert().values(guest=guest, **asdict(amount)))


def forget(connection: sa.Connection, guest: GuestId) -> None:
    """Forget what a guest may transfer."""
    connection.execute(transfer_amounts.delete().where(transfer_amounts.c.guest == guest))


def of_guest(connection: sa.Connection, guest: GuestId) -> TransferAmount | None:
    """Return what a guest may transfer in a month; None where nothing is said of it."""
    row = connection.execute(transfer_amounts.select().where(transfer_amounts.c.guest == guest)).first()
    return _amount(row) if row else None


def is_past(connection: sa.Connection, guest: GuestId, month: str) -> bool:
    """Return whether a guest has transferred its amount of a month."""
    query = sa.select(transfer_amounts.c.amount_bytes <= _SUM).select_from(transfer_amounts)
    mine = query.outerjoin(transfers, _THIS_MONTH).where(transfer_amounts.c.guest == guest)
    return bool(connection.execute(mine, {"month": month}).scalar())


def wrongly_held(connection: sa.Connection, month: str, since: float) -> list[GuestId]:
    """Return the guests that are past their amount and not limited, or the reverse, and on which nobody works.

    Without those of which putting that right has failed, or was cancelled, `since` a time (seconds since 1970).
    """
    past = transfer_amounts.c.amount_bytes <= _SUM
    wrong = sa.or_(sa.and_(past, ~transfer_amounts.c.limited), sa.and_(~past, transfer_amounts.c.limited))
    query = (
        sa.select(transfer_amounts.c.guest)
        .join(guests, guests.c.id == transfer_amounts.c.guest)
        .outerjoin(transfers, _THIS_MONTH)
        .where(transfer_amounts.c.past != PastTransfer.NOTHING.value, wrong, ~_OPEN, ~_FAILED)
    )
    return [GuestId(guest) for guest in connection.execute(query, {"month": month, "since": since}).scalars()]


def reached(connection: sa.Connection, month: str, percent: int, kind: str) -> list[Reached]:
    """Return who has transferred so much of the amount of a month, and has no event of that kind in it."""
    told = sa.exists().where(
        events.c.guest == transfer_amounts.c.guest, events.c.kind == kind, events.c.period == sa.bindparam("month")
    )
    query = (
        sa.select(transfer_amounts, guests.c.name)
        .join(guests, guests.c.id == transfer_amounts.c.guest)
        .join(transfers, _THIS_MONTH)
        .where(transfer_amounts.c.amount_bytes / sa.literal_column("100") * percent <= _SUM, ~told)
    )
    rows = connection.execute(query, {"month": month})
    return [Reached(GuestId(row.guest), row.name, _amount(row)) for row in rows]


def _amount(row: Any) -> TransferAmount:
    past = PastTransfer(row.past)
    return TransferAmount(row.amount_bytes, past, row.past_kbit, row.out_kbit, row.in_kbit, bool(row.limited))
