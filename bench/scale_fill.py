"""Fills a server's database with what it would know of the large fleet of `scale_world`; nothing was observed yet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import sqlalchemy as sa

from scale_hosts import HostsProcess
from scale_world import POOL, SITE, Size, guest, guests_of, host_id, host_ip, host_name, image
from teig.model.names import HostId
from teig.model.operation import StepRecord
from teig.model.pool import DiskRate, PoolRating
from teig.model.units import MIB
from teig.policy.admission import entitled_to
from teig.policy.guest_life import Phase
from teig.record import dump
from teig.store import guests, hosts, images, pools, reservations, schema, sites
from teig.store.database import Database
from teig.store.guests import StoredGuest
from teig.store.hosts import StoredHost
from teig.store.pools import Rating

AT_ONCE = 50
ROWS_AT_ONCE = 10_000
EXTENT = 4 * MIB
FAST = PoolRating(DiskRate(10**6, 10**6, 10**11, 10**11), together=True)
STEPS = ("reserve", "image", "volume", "write", "define", "start", "observe")


def fill(url: sa.URL, size: Size, there: HostsProcess) -> None:
    """Make the database and write hosts, guests, reservations and ended operations into it."""
    with Database(url) as db:
        db.write(lambda connection: sites.add(connection, SITE))
        db.write(lambda connection: images.add(connection, image(), time.time()))
        for first in range(0, size.hosts, AT_ONCE):
            db.write(_some_hosts(size, there, range(first, min(first + AT_ONCE, size.hosts))))
            if first % 200 == 0:
                print(f"{first} of {size.hosts} hosts filled in", file=sys.stderr)
        for first in range(0, size.operations, ROWS_AT_ONCE):
            db.write(_some_operations(size, range(first, min(first + ROWS_AT_ONCE, size.operations))))
    if url.get_backend_name() == "postgresql":  # what its autovacuum does within a minute after so many new rows
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
        engine.dispose()


def _some_hosts(size: Size, there: HostsProcess, numbers: range) -> Callable[[sa.Connection], None]:
    def work(connection: sa.Connection) -> None:
        for number in numbers:
            ident, name = HostId(host_id(number)), host_name(number)
            address = (host_ip(number), there.port, there.host_key)
            hosts.add(connection, StoredHost(ident, name, f"machine-of-{name}", *address, SITE.name))
            pools.put(connection, ident, POOL, Rating(FAST, "stated", 0.0))
            for spec in guests_of(size, number):
                guests.add(connection, StoredGuest(ident, spec, Phase.RUNNING, 1, None, 0.0))
                reservations.keep(connection, spec.id, ident, POOL, entitled_to(spec, EXTENT))

    return work


def _some_operations(size: Size, numbers: range) -> Callable[[sa.Connection], None]:
    now = time.time()
    steps = dump(tuple(StepRecord(name, "done", 0.0, 1.0) for name in STEPS))

    def row(number: int) -> dict[str, object]:
        spec, created = guest(number % size.guests), now - 10.0 * (size.operations - number)
        return {
            "id": f"{number:08}-0000-4000-8000-000000000000", "kind": "guest_create", "subject": spec.name,
            "guest": spec.id, "host": host_id(number % size.guests % size.hosts), "params": {}, "state": "done",
            "steps": steps, "error": None, "created": created, "ended": created + 5.0, "server": "gone", "fence": 1,
            "cancelled": False,
        }  # fmt: skip

    def work(connection: sa.Connection) -> None:
        connection.execute(schema.operations.insert(), [row(number) for number in numbers])

    return work
