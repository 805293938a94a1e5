"""/v1/state."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from teig.api.given import Given
from teig.control import state

router = APIRouter()


@router.get("/state")
def read_state(services: Given) -> JSONResponse:
    """Return all that the database holds, for `teig state restore`."""
    found: dict[str, Any] = state.backup(services)
    return JSONResponse(found)
