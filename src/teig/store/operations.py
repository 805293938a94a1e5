"""Operations, as rows: what people see of the work, and which server works on it.

An operation is a server's from `claim_next` or `take_over` until it ends. Both raise its fencing number, which is the
guest's too, and every change that the work makes goes through `hold`, which compares it: a server that has lost an
operation cannot write as if it had it. That the steps go on after a crash is the engine's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from teig.model.errors import Fenced, NotFound
from teig.model.names import GuestId
from teig.model.operation import Operation, OperationState, StepRecord
from teig.record import dump, load
from teig.store import servers as server_rows
from teig.store.schema import guests, operations, servers

_NOT_SHOWN = frozenset({"guest", "params", "server", "fence", "cancelled"})
_OTHER = operations.alias()
_BUSY = sa.exists().where(_OTHER.c.host == operations.c.host, _OTHER.c.server.is_not(None), _OTHER.c.ended.is_(None))
_NEXT = (
    operations.select()
    .where(operations.c.server.is_(None), operations.c.ended.is_(None), ~_BUSY)
    .order_by(operations.c.created, operations.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_HOLD = (
    sa.select(operations.c.cancelled, operations.c.steps)
    .where(operations.c.id == sa.bindparam("ident"), operations.c.fence == sa.bindparam("its_fence"))
    .where(operations.c.ended.is_(None))
    .with_for_update()
)
_STEP = (
    operations.update()
    .where(operations.c.id == sa.bindparam("ident"))
    .values(state=sa.bindparam("its_state"), steps=sa.bindparam("its_steps", type_=sa.JSON))
)
_WORKED_ON = sa.and_(operations.c.server.is_not(None), operations.c.ended.is_(None))


@dataclass(frozen=True)
class Turn:
    """A server's right to work on an operation, as long as nobody has raised `fence` since."""

    operation: Operation
    guest: GuestId
    params: dict[str, Any]
    fence: int


@dataclass(frozen=True)
class Held:
    """An operation that cannot change hands while a transaction lasts: whether it was cancelled, and its steps."""

    operation: str
    cancelled: bool
    steps: tuple[StepRecord, ...]


@dataclass(frozen=True)
class Left:
    """An operation that its server does not work on, and the version of that server's steps where it is known."""

    operation: str
    server: str
    version: str | None


def add(connection: sa.Connection, operation: Operation, guest: str, params: dict[str, Any]) -> None:
    """Store a new operation on a guest (by its UUID) with its parameters."""
    values = dump(operation)
    ours = {"guest": guest, "params": params, "server": None, "fence": 0, "cancelled": False}
    connection.execute(operations.insert().values({**values, **ours}))


def find(connection: sa.Connection, operation: str) -> Operation | None:
    """Return one operation, or None."""
    row = connection.execute(operations.select().where(operations.c.id == operation)).first()
    return _operation(row) if row else None


def by_id(connection: sa.Connection, operation: str) -> Operation:
    """Return one operation; NotFound where there is none."""
    return _operation(_row(connection, operation))


def listed(connection: sa.Connection, limit: int) -> list[Operation]:
    """Return the newest operations first."""
    rows = connection.execute(operations.select().order_by(operations.c.created.desc()).limit(limit))
    return [_operation(row) for row in rows]


def claim_next(connection: sa.Connection, server: str) -> Turn | None:
    """Give the oldest operation whose host nobody works on to a server, None where there is none."""
    row = connection.execute(_NEXT).first()
    return _give(connection, row, server) if row else None


def claim(connection: sa.Connection, operation: str, server: str) -> Turn | None:
    """Give a new operation to a server, None where somebody works on its host."""
    row = connection.execute(_NEXT.where(operations.c.id == operation)).first()
    return _give(connection, row, server) if row else None


def left_behind(connection: sa.Connection, server: str, working_on: set[str]) -> list[Left]:
    """Return the operations of lost servers, and those of `server` that it is not `working_on`."""
    rows = connection.execute(
        sa.select(operations.c.id, operations.c.server, servers.c.version)
        .outerjoin(servers, servers.c.id == operations.c.server)
        .where(_WORKED_ON, sa.or_(servers.c.id.is_(None), servers.c.lost, servers.c.id == server))
        .order_by(operations.c.created)
    )
    return [Left(row.id, row.server, row.version) for row in rows if row.id not in working_on]


def take_over(connection: sa.Connection, left: Left, server: str) -> Turn | None:
    """Give an operation that was left behind to a server, None where another was faster or it has ended."""
    row = connection.execute(
        operations.select()
        .where(operations.c.id == left.operation, operations.c.server == left.server, operations.c.ended.is_(None))
        .with_for_update()
    ).first()
    return _give(connection, row, server) if row else None


def hold(connection: sa.Connection, turn: Turn) -> Held:
    """Keep an operation from changing hands until this transaction ends; Fenced where it has, or has ended, already."""
    row = connection.execute(_HOLD, {"ident": turn.operation.id, "its_fence": turn.fence}).first()
    if row is None:
        raise Fenced(f"Another server has taken over operation {turn.operation.id}.", "It goes on there.")
    return Held(turn.operation.id, bool(row.cancelled), load(tuple[StepRecord, ...], row.steps))


def cancel(connection: sa.Connection, operation: str) -> Turn | None:
    """Note that an operation is not wanted any more.

    One that nobody has begun is given to the caller to end, in this transaction; of another its server takes note.
    """
    row = connection.execute(operations.select().where(operations.c.id == operation).with_for_update()).one()
    _update(connection, operation, cancelled=True)
    if row.server is not None or row.ended is not None:
        return None
    return Turn(_operation(row), GuestId(row.guest), row.params, row.fence)


def step_began(connection: sa.Connection, held: Held, step: str, state: OperationState, now: float) -> None:
    """Note that a step has begun, and so that the one before is done; again, as after a crash, keeps the first time."""
    steps = _ended(held.steps, now, but=step)
    if step not in {known.name for known in steps}:
        steps = (*steps, StepRecord(step, "running", now, None))
    connection.execute(_STEP, {"ident": held.operation, "its_state": state.value, "its_steps": dump(steps)})


def step_failed(connection: sa.Connection, held: Held, step: str, now: float) -> None:
    """Note that a step has failed."""
    failed = tuple(replace(known, state="failed", ended=now) if known.name == step else known for known in held.steps)
    _update(connection, held.operation, steps=dump(failed))


def end(connection: sa.Connection, held: Held, state: OperationState, error: dict[str, Any] | None, now: float) -> None:
    """Note how an operation ended. Nobody can work on it any more, and its host is free for the next."""
    steps = dump(_ended(held.steps, now))
    _update(connection, held.operation, state=state.value, steps=steps, error=error, ended=now)


def _give(connection: sa.Connection, row: sa.Row[Any], server: str) -> Turn:
    """Give an operation to a server under a new fencing number, which is higher than any that its guest has seen."""
    server_rows.confirm(connection, server)
    highest = connection.execute(sa.select(guests.c.fence).where(guests.c.id == row.guest)).scalar() or 0
    fence = max(highest, row.fence) + 1
    connection.execute(guests.update().where(guests.c.id == row.guest).values(fence=fence))
    _update(connection, row.id, server=server, fence=fence)
    return Turn(_operation(row), GuestId(row.guest), row.params, fence)


def _ended(steps: tuple[StepRecord, ...], now: float, but: str = "") -> tuple[StepRecord, ...]:
    return tuple(
        replace(known, state="done", ended=now) if known.ended is None and known.name != but else known
        for known in steps
    )


def _update(connection: sa.Connection, operation: str, **values: object) -> None:
    connection.execute(operations.update().where(operations.c.id == operation).values(values))


def _row(connection: sa.Connection, operation: str) -> sa.Row[Any]:
    row = connection.execute(operations.select().where(operations.c.id == operation)).first()
    if row is None:
        raise NotFound(f"There is no operation {operation}.", "Look at: teig op list", code="no_operation")
    return row


def _operation(row: sa.Row[Any]) -> Operation:
    values = {column.name: getattr(row, column.name) for column in operations.columns}
    return load(Operation, {key: value for key, value in values.items() if key not in _NOT_SHOWN})
