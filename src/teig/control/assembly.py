"""Putting the server's parts together around the database in one directory, and taking them down again."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from teig.control import images
from teig.control.services import Services
from teig.fleet.driver import Fleet
from teig.fleet.name_server import NameServer
from teig.operations import guest_create, guest_delete, guest_mend, guest_power, guest_readdress, guest_resize
from teig.operations.engine import Engine
from teig.operations.peers import watched
from teig.operations.work import Parts
from teig.operations.workflows import VERSION, Workflows
from teig.store.database import Database, sqlite_url
from teig.store.servers import Server

SEQUENCES = (
    guest_create.SEQUENCE,
    guest_delete.SEQUENCE,
    guest_power.START,
    guest_power.STOP,
    guest_power.REBOOT,
    guest_resize.SEQUENCE,
    guest_mend.SEQUENCE,
    guest_readdress.SEQUENCE,
    guest_mend.LIMIT,
)


@contextmanager
def services_in(
    folder: Path,
    ssh_public_key: str,
    fleet: Fleet,
    database: sa.URL | None = None,
    on_lost: Callable[[], None] = lambda: None,
    name_server: NameServer | None = None,
) -> Iterator[Services]:
    """Open the database and the engine and yield the parts; the fleet is closed with them.

    The database is a file in `folder`, or `database`, which other servers may use too. `on_lost` is called where these
    have taken over this one's work: it must end then. `name_server` is told of addresses' names.
    """
    image_dir = folder / "images"
    image_dir.mkdir(exist_ok=True)
    db = Database(database or sqlite_url(folder / "teig.sqlite"))
    images.sweep(db, image_dir)
    parts = Parts(db, fleet, image_dir, time.time, time.sleep)
    server = Server(str(uuid.uuid4()), f"{socket.gethostname()}:{os.getpid()}", VERSION, ssh_public_key)
    workflows = Workflows(database or sqlite_url(folder / "operations.sqlite"), server.id)
    engine = Engine(parts, SEQUENCES, workflows, server)
    engine.launch()
    try:
        with watched(db, server.id, engine.wake_for_the_lost, on_lost):
            yield Services(
                db=db,
                fleet=fleet,
                engine=engine,
                image_dir=image_dir,
                ssh_public_key=ssh_public_key,
                now=time.time,
                random_bytes=os.urandom,
                server=server.id,
                name_server=name_server,
            )
    finally:
        engine.close()
        fleet.close()
        db.close()
