"""/v1/sites."""

from __future__ import annotations

from fastapi import APIRouter

from teig.api.given import Given
from teig.control import sites
from teig.model.site import Site
from teig.record import load

router = APIRouter()


@router.get("/sites")
def list_sites(services: Given) -> list[Site]:
    """Return all sites by name."""
    return sites.listed(services)


@router.post("/sites", status_code=201)
def add_site(services: Given, untrusted: dict[str, object]) -> Site:
    """Store a new site."""
    site = load(Site, untrusted)
    sites.add(services, site)
    return site


@router.get("/sites/{name}")
def show_site(services: Given, name: str) -> Site:
    """Return one site."""
    return sites.named(services, name)
