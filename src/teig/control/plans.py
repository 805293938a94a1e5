"""Plans: what is on offer."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from teig.control.services import Services
from teig.model.errors import NotFound
from teig.model.plan import Plan
from teig.model.units import MIB


def shipped() -> dict[str, Plan]:
    """Return the plans that ship with Teig, by name."""
    table = tomllib.loads((files("teig") / "plans.toml").read_text())
    return {name: _plan(name, values) for name, values in table.items()}


def named(services: Services, name: str) -> Plan:
    """Return one plan; NotFound names those there are."""
    if name not in services.plans:
        raise NotFound(f"There is no plan named {name}.", f"Plans: {', '.join(services.plans)}.", code="no_plan")
    return services.plans[name]


def _plan(name: str, values: dict[str, float]) -> Plan:
    return Plan(
        name=name,
        memory_mib=int(values["memory_mib"]),
        vcpus=int(values["vcpus"]),
        share_cores=float(values["share_cores"]),
        ceiling_cores=float(values["ceiling_cores"]),
        disk_bytes=int(values["disk_mib"]) * MIB,
    )
