"""/v1/drift."""

from __future__ import annotations

from fastapi import APIRouter

from teig.api.given import Given
from teig.control import drift
from teig.policy.drift import Drift

router = APIRouter()


@router.get("/drift")
def show_drift(services: Given) -> list[Drift]:
    """Look at every host now and return all that differs."""
    return drift.look(services)
