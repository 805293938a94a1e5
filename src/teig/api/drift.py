"""/v1/drift."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from teig.api.given import Given
from teig.api.operations import OperationOut, out
from teig.control import drift
from teig.policy.drift import Drift

router = APIRouter()


@router.get("/drift")
def show_drift(services: Given, now: bool = False) -> list[Drift]:
    """Return all that differs, as it was when each host was last seen; `now`: after observing all of them."""
    return drift.found(services, now=now)


class MendedOut(BaseModel):
    """What mending came to: operations that have begun, what was done at once, what is left to a person."""

    operations: list[OperationOut]
    done: tuple[str, ...]
    left: tuple[Drift, ...]


@router.post("/drift/mend")
def mend_drift(services: Given) -> MendedOut:
    """Observe every host and mend what is Teig's to mend."""
    mended = drift.mend(services)
    return MendedOut(operations=[out(operation) for operation in mended.operations], done=mended.done, left=mended.left)
