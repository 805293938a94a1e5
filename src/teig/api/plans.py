"""/v1/plans."""

from __future__ import annotations

from fastapi import APIRouter

from teig.api.given import Given
from teig.control import plans
from teig.model.plan import Plan

router = APIRouter()


@router.get("/plans")
def list_plans(services: Given) -> list[Plan]:
    """Return all plans."""
    return list(services.plans.values())


@router.get("/plans/{name}")
def show_plan(services: Given, name: str) -> Plan:
    """Return one plan."""
    return plans.named(services, name)
