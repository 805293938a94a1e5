"""/v1/pools: one pool a host, named by its host."""

from __future__ import annotations

from fastapi import APIRouter

from teig.api.given import Given
from teig.control import pools
from teig.control.pools import PoolView
from teig.model.pool import DiskRate, PoolRating
from teig.record import load

router = APIRouter()


@router.get("/pools")
def list_pools(services: Given) -> list[PoolView]:
    """Return the pools of all hosts."""
    return pools.listed(services)


@router.get("/pools/{host}")
def show_pool(services: Given, host: str) -> PoolView:
    """Return a host's pool."""
    return pools.of_host(services, host)


@router.post("/pools/{host}/bench")
def bench_pool(services: Given, host: str) -> PoolView:
    """Measure a host's pool and rate it; answers when that is done."""
    return pools.bench(services, host)


@router.put("/pools/{host}/rating")
def rate_pool(services: Given, host: str, untrusted: dict[str, object]) -> PoolView:
    """Rate a host's pool at a stated capacity: the rates, and whether it does reads and writes `together`."""
    rates = {name: value for name, value in untrusted.items() if name != "together"}
    together = load(bool, untrusted.get("together", False))
    return pools.rate(services, host, PoolRating(load(DiskRate, rates), together))
