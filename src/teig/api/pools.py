"""/v1/pools: one pool a host, named by its host."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, StrictBool, StrictInt

from teig.api.given import Given
from teig.control import pools
from teig.control.pools import PoolView
from teig.model.pool import DiskRate, PoolRating

router = APIRouter()


class Rating(BaseModel):
    """What a pool can do: operations and bytes a second, each way, and whether it does both ways `together`."""

    read_iops: StrictInt
    write_iops: StrictInt
    read_bps: StrictInt
    write_bps: StrictInt
    together: StrictBool = False


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
def rate_pool(services: Given, host: str, wanted: Rating) -> PoolView:
    """Rate a host's pool at a stated capacity."""
    rates = DiskRate(**wanted.model_dump(exclude={"together"}))
    return pools.rate(services, host, PoolRating(rates, wanted.together))
