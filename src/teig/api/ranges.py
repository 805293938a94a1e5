"""/v1/ranges: what guests can get beside the addresses of their cards. A range is called by its network."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, StrictInt

from teig.api.given import Given, Name
from teig.control import ranges
from teig.control.ranges import RangeView

router = APIRouter()


class RangeAdd(BaseModel):
    """A new range: from `first` to `last` of `network`, in networks of `prefix` bits; null: all, single addresses."""

    site: Name
    network: str
    first: str | None = None
    last: str | None = None
    prefix: StrictInt | None = None


@router.get("/ranges")
def list_ranges(services: Given, site: str | None = None) -> list[RangeView]:
    """Return all ranges, or those of a site; each site's own, for network cards, is among them."""
    return ranges.listed(services, site)


@router.post("/ranges", status_code=201)
def add_range(services: Given, wanted: RangeAdd) -> RangeView:
    """Store a new range."""
    return ranges.add(services, wanted.site, wanted.network, wanted.first, wanted.last, wanted.prefix)


@router.delete("/ranges/{network:path}", status_code=204)
def remove_range(services: Given, network: str) -> None:
    """Forget a range that no guest has an address of."""
    ranges.remove(services, network)
