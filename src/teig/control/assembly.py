"""Putting the server's parts together around the database in one directory, and taking them down again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from teig.control.services import Services
from teig.fleet.driver import Fleet
from teig.operations import guest_create, guest_delete, guest_mend, guest_power, guest_resize
from teig.operations.engine import Engine
from teig.operations.work import Parts
from teig.store.database import Database

SEQUENCES = (
    guest_create.SEQUENCE,
    guest_delete.SEQUENCE,
    guest_power.START,
    guest_power.STOP,
    guest_power.REBOOT,
    guest_resize.SEQUENCE,
    guest_mend.SEQUENCE,
)


@contextmanager
def services_in(folder: Path, ssh_public_key: str, fleet: Fleet) -> Iterator[Services]:
    """Open the database and the engine in `folder` and yield the parts; the fleet is closed with them."""
    image_dir = folder / "images"
    image_dir.mkdir(exist_ok=True)
    db = Database(folder / "teig.sqlite")
    parts = Parts(db, fleet, image_dir, time.time, time.sleep)
    engine = Engine(parts, SEQUENCES, folder / "operations.sqlite")
    engine.launch()
    try:
        yield Services(
            db=db,
            fleet=fleet,
            engine=engine,
            image_dir=image_dir,
            ssh_public_key=ssh_public_key,
            now=time.time,
            random_bytes=os.urandom,
        )
    finally:
        engine.close()
        fleet.close()
        db.close()
