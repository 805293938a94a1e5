"""Requests that begin an operation: written down in one transaction, and handed to the engine."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from teig.control.services import Services
from teig.model.names import OperationId
from teig.model.operation import Operation, OperationState
from teig.policy.guest_life import Verb, check_may_begin, kind_of
from teig.store import guests, operations
from teig.store.guests import StoredGuest
from teig.store.operations import Lease


def claimed(
    connection: sa.Connection,
    services: Services,
    guest: StoredGuest,
    operation_id: OperationId,
    verb: Verb,
    params: dict[str, Any],
) -> Operation:
    """Write down a new operation on a guest, which is its lock from then on."""
    guests.check_unlocked(guest)
    check_may_begin(verb, guest.name, guest.phase)
    operation = queued(operation_id, verb, guest.name, guest.host, services.now())
    operations.add(connection, operation, guest.id, params)
    return operation


def submitted(services: Services, operation_id: OperationId, work: Callable[[sa.Connection], Operation]) -> Operation:
    """Write an operation down in one transaction and begin it."""
    again = False

    def once(connection: sa.Connection) -> tuple[Operation, Lease | None]:
        nonlocal again
        known = operations.find(connection, operation_id) if again else None
        again = True
        if known is not None:  # the connection broke when it was committed already
            return known, None
        operation = work(connection)
        return operation, services.engine.claim(connection, operation)

    operation, lease = services.db.write(once)
    services.engine.begin(lease)
    return operation


def new_operation_id(services: Services) -> OperationId:
    """Return the id of a new operation."""
    return OperationId(new_uuid(services))


def new_uuid(services: Services) -> str:
    """Return a UUID that nothing has."""
    return str(uuid.UUID(bytes=services.random_bytes(16), version=4))


def queued(operation: OperationId, verb: Verb, subject: str, host: str, now: float) -> Operation:
    """Return an operation that nobody has begun."""
    return Operation(operation, kind_of(verb), subject, host, OperationState.QUEUED, (), None, now, None)
