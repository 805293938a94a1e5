"""Operations: looking at them and waiting for them."""

from __future__ import annotations

import asyncio
import time

from teig.control.services import Services
from teig.model.operation import Operation
from teig.store import operations

POLL_S = 0.2
TOGETHER_S = 0.05


def listed(services: Services, limit: int) -> list[Operation]:
    """Return the newest operations first."""
    return services.db.read(lambda connection: operations.listed(connection, limit))


def by_id(services: Services, operation: str) -> Operation:
    """Return one operation."""
    return services.db.read(lambda connection: operations.by_id(connection, operation))


def cancel(services: Services, operation: str) -> Operation:
    """Undo an operation, which takes until its present step is done; Conflict where it is too late for that."""
    ident = by_id(services, operation).id
    services.engine.cancel(ident)
    return by_id(services, ident)


async def changed(services: Services, operation: str, seen: int, wait_s: float) -> Operation:
    """Return an operation once its `progress` is not `seen`, once it has ended, or after `wait_s` seconds.

    Steps that follow each other faster than people see are told together.
    """
    begin = time.monotonic()
    while True:
        found = await asyncio.to_thread(by_id, services, operation)
        waited = time.monotonic() - begin
        told = progress(found) != seen and waited >= min(TOGETHER_S, wait_s)
        if found.state.ended or told or waited >= wait_s:
            return found
        await asyncio.sleep(min(POLL_S, TOGETHER_S + waited / 10))  # another server may do the steps


def progress(operation: Operation) -> int:
    """Return a number that changes with every step that begins or ends."""
    return len(operation.steps) + sum(step.ended is not None for step in operation.steps) + operation.state.ended
