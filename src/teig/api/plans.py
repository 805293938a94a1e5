"""/v1/plans."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from teig.api.given import Given
from teig.control import plans
from teig.model.plan import Plan

router = APIRouter()


class PlanFile(BaseModel):
    """A TOML file of plans, in the form of the one that ships."""

    toml: str


@router.get("/plans")
def list_plans(services: Given) -> list[Plan]:
    """Return all plans."""
    return plans.listed(services)


@router.put("/plans")
def apply_plans(services: Given, wanted: PlanFile) -> list[Plan]:
    """Store the plans of a file, all of them or none."""
    return plans.apply(services, wanted.toml)


@router.get("/plans/{name}")
def show_plan(services: Given, name: str) -> Plan:
    """Return one plan."""
    return services.db.read(lambda connection: plans.named(connection, name))
