"""The HTTP API: a thin layer that turns requests into use cases of `teig.control` and nouns into JSON.

Everything is under /v1. An error is `{"error": {"kind", "code", "message", "todo"}}` with the status of its kind.
Handlers that touch the database or a host are plain functions: FastAPI runs them in worker threads.
"""

from __future__ import annotations

import os
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from teig import __version__
from teig.api import (
    addresses,
    drift,
    events,
    guests,
    hosts,
    images,
    operations,
    plans,
    pools,
    ranges,
    sites,
    state,
    streams,
)  # fmt: skip
from teig.api.edge import Edge
from teig.control.services import Services
from teig.fleet.agent_bundle import bundle
from teig.model.errors import InternalFault, InvalidRequest, NotFound, TeigError

log = structlog.get_logger()


def build(services: Services) -> FastAPI:
    """Return the application that serves `services`."""
    app = FastAPI(title="Teig", version=__version__, openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None)
    app.state.services = services
    nouns = (sites, ranges, addresses, hosts, pools, plans, images, guests, operations, events, drift, state, streams)
    for noun in nouns:
        app.include_router(noun.router, prefix="/v1")
    about = {"version": __version__, "agent_version": bundle().version, "ssh_public_key": services.ssh_public_key}
    app.get("/v1/server")(lambda: {**about, "pid": os.getpid()})
    app.add_middleware(Edge)
    app.add_exception_handler(TeigError, _told)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(Exception, _unforeseen)
    return app


def _answer(error: TeigError) -> JSONResponse:
    return JSONResponse({"error": error.as_record()}, status_code=error.http_status)


def _told(_request: Request, error: Exception) -> JSONResponse:
    return _answer(cast("TeigError", error))


def _malformed(_request: Request, error: Exception) -> JSONResponse:
    first: dict[str, Any] = cast("RequestValidationError", error).errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "the request"
    what = first["msg"].removeprefix("Value error, ")
    return _answer(InvalidRequest(f"{where}: {what}."))


def _no_route(request: Request, _error: Exception) -> JSONResponse:
    return _answer(NotFound(f"There is nothing at {request.method} {request.url.path}.", code="no_route"))


def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", path=request.url.path, exc_info=error)
    return _answer(InternalFault("The server failed in a way that Teig does not know.", "Look into the server's log."))
