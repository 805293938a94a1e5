"""The server's own state: what a backup of it holds. Restoring is done with no server at work (`teig.api.server`)."""

from __future__ import annotations

from typing import Any

from teig.control.services import Services
from teig.store import archive


def backup(services: Services) -> dict[str, Any]:
    """Return all that the database holds, as plain values."""
    return services.db.read(lambda connection: archive.dump_all(connection, services.now()))
