"""Operations, as rows: what people see of the work. That the work goes on after a crash is the engine's business."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from teig.model.errors import NotFound
from teig.model.operation import Operation, OperationState, StepRecord
from teig.record import dump, load
from teig.store.schema import operations


def add(connection: sa.Connection, operation: Operation, guest: str, params: dict[str, Any]) -> None:
    """Store a new operation on a guest (by its UUID) with its parameters."""
    values = dump(operation)
    connection.execute(operations.insert().values({**values, "guest": guest, "params": params}))


def by_id(connection: sa.Connection, operation: str) -> Operation:
    """Return one operation; NotFound where there is none."""
    return _operation(_row(connection, operation))


def guest_and_params(connection: sa.Connection, operation: str) -> tuple[str, dict[str, Any]]:
    """Return the UUID of the guest that an operation is about, and its parameters."""
    row = _row(connection, operation)
    return row.guest, row.params


def listed(connection: sa.Connection, limit: int) -> list[Operation]:
    """Return the newest operations first."""
    rows = connection.execute(operations.select().order_by(operations.c.created.desc()).limit(limit))
    return [_operation(row) for row in rows]


def open_ones(connection: sa.Connection) -> list[Operation]:
    """Return the operations that have not ended, the oldest first."""
    ended = [state.value for state in OperationState if state.ended]
    rows = connection.execute(
        operations.select().where(operations.c.state.not_in(ended)).order_by(operations.c.created)
    )
    return [_operation(row) for row in rows]


def step_began(connection: sa.Connection, operation: str, step: str, state: OperationState, now: float) -> None:
    """Note that a step has begun; again, as after a crash, keeps the first time."""
    steps = by_id(connection, operation).steps
    if step not in {known.name for known in steps}:
        steps = (*steps, StepRecord(step, "running", now, None))
    _update(connection, operation, state=state.value, steps=dump(steps))


def step_ended(connection: sa.Connection, operation: str, step: str, state: str, now: float) -> None:
    """Note that a step has ended, `done` or `failed`."""
    steps = [
        replace(known, state=state, ended=now) if known.name == step else known
        for known in by_id(connection, operation).steps
    ]
    _update(connection, operation, steps=dump(tuple(steps)))


def end(
    connection: sa.Connection, operation: str, state: OperationState, error: dict[str, Any] | None, now: float
) -> None:
    """Note how an operation ended."""
    _update(connection, operation, state=state.value, error=error, ended=now)


def _update(connection: sa.Connection, operation: str, **values: object) -> None:
    connection.execute(operations.update().where(operations.c.id == operation).values(values))


def _row(connection: sa.Connection, operation: str) -> sa.Row[Any]:
    row = connection.execute(operations.select().where(operations.c.id == operation)).first()
    if row is None:
        raise NotFound(f"There is no operation {operation}.", "Look at: teig op list", code="no_operation")
    return row


def _operation(row: sa.Row[Any]) -> Operation:
    values = {column.name: getattr(row, column.name) for column in operations.columns}
    return load(Operation, {key: value for key, value in values.items() if key not in {"guest", "params"}})
