"""/v1/operations."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from teig.api.given import Given
from teig.control import operations
from teig.model.operation import Operation, OperationState, StepRecord

router = APIRouter()


class OperationOut(BaseModel):
    """An operation as people see it; `seen` changes with every step, times are in seconds since 1970."""

    id: str
    kind: str
    subject: str
    state: OperationState
    steps: tuple[StepRecord, ...]
    error: dict[str, Any] | None
    created: float
    ended: float | None
    seen: int


@router.get("/operations")
def list_operations(services: Given, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[OperationOut]:
    """Return the newest operations first."""
    return [out(operation) for operation in operations.listed(services, limit)]


@router.get("/operations/{operation}")
async def show_operation(
    services: Given,
    operation: str,
    wait_s: Annotated[float, Query(ge=0, le=60)] = 0,
    seen: Annotated[int, Query(ge=-1, le=2**53)] = -1,
) -> OperationOut:
    """Return one operation: at once, or when it has changed from `seen`, or after `wait_s` seconds."""
    return out(await operations.changed(services, operation, seen, wait_s))


@router.post("/operations/{operation}/cancel")
def cancel_operation(services: Given, operation: str) -> OperationOut:
    """Undo an operation: at once where it has not begun, else after the step that is under way."""
    return out(operations.cancel(services, operation))


def out(operation: Operation) -> OperationOut:
    """Return an operation as people see it."""
    return OperationOut(
        id=operation.id,
        kind=operation.kind,
        subject=operation.subject,
        state=operation.state,
        steps=operation.steps,
        error=operation.error,
        created=operation.created,
        ended=operation.ended,
        seen=operations.progress(operation),
    )
