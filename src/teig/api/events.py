"""/v1/events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from teig.api.given import Given
from teig.store import events
from teig.store.events import Event

router = APIRouter()


@router.get("/events")
def list_events(
    services: Given,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    guest: Annotated[str | None, Query(max_length=63)] = None,
) -> list[Event]:
    """Return the newest events first, of all guests or of those that have, or had, a name."""
    return services.db.read(lambda connection: events.newest(connection, limit, guest))
