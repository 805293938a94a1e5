"""A server that also measures itself: `scale_server.py FOLDER SOCKET [DATABASE]`, as `tests.servers` takes them.

Two more paths, `/v1/bench/create` and `/v1/bench/claim`, do what a request or the dispatcher does, in a worker thread
as for any request, and tell what it cost: milliseconds of that thread's processor time, and of the clock.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import sqlalchemy as sa
from fastapi import FastAPI

sys.path.append(str(Path(__file__).parents[1]))  # the tests stand beside the benchmarks

from tests.simulated import wish

from scale_world import PLAN
from teig.api import server
from teig.api.app import build
from teig.control import guests
from teig.control.services import Services
from teig.store import operations


class _Undone(Exception):
    """Takes back what was done in a transaction."""


def create(services: Services, name: str) -> dict[str, float]:
    """Make a guest, and tell what the request cost."""
    began, used = time.perf_counter(), time.thread_time()
    guests.create(services, wish(name, PLAN))
    return {"cpu_ms": 1000 * (time.thread_time() - used), "ms": 1000 * (time.perf_counter() - began)}


def claim(services: Services) -> dict[str, float]:
    """Look for an operation to work on as the dispatcher does, and leave it to that."""

    def work(connection: sa.Connection) -> NoReturn:
        operations.claim_next(connection, services.server)
        raise _Undone

    began, used = time.perf_counter(), time.thread_time()
    services.db.read(operations.is_any_waiting)  # all that is asked where nothing waits; here both are measured
    with suppress(_Undone):
        services.db.update(work)
    return {"cpu_ms": 1000 * (time.thread_time() - used), "ms": 1000 * (time.perf_counter() - began)}


def measured(services: Services) -> FastAPI:
    """Return the server's application with the paths that measure."""
    app = build(services)
    app.get("/v1/bench/create")(lambda name: create(services, name))
    app.get("/v1/bench/claim")(lambda: claim(services))
    return app


if __name__ == "__main__":
    vars(server)["build"] = measured  # what `main` serves
    server.main(Path(sys.argv[1]), sys.argv[3] if len(sys.argv) > 3 else None)
    os._exit(0)
