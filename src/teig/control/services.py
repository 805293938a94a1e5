"""What every use case is given: the database, the fleet, the engine, the server's own identity, clock and chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from teig.control.looks import Looks
from teig.fleet.driver import Fleet
from teig.fleet.name_server import NameServer
from teig.model.names import HostId
from teig.operations.engine import Engine
from teig.store.database import Database


@dataclass(frozen=True)
class Services:
    """The server's parts, and its id among the servers that share the database.

    `now` returns seconds since 1970; `random_bytes` returns that many unpredictable bytes. `name_server` is told of
    addresses' names, None where nobody is.
    """

    db: Database
    fleet: Fleet
    engine: Engine
    image_dir: Path
    ssh_public_key: str
    now: Callable[[], float]
    random_bytes: Callable[[int], bytes]
    server: str = ""
    name_server: NameServer | None = None
    looks: Looks = field(default_factory=Looks)
    counted: dict[HostId, tuple[float, object]] = field(default_factory=dict)
    """When each host's transfer was last stored by this server, and what it was."""
