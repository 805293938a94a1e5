"""Fills a database by real operations of a release, and dumps it: `fill.py sqlite|postgresql DUMP`.

It is run with that release's own code, in a checkout of its last commit:

    git archive COMMIT | tar -x -C RELEASE
    cd RELEASE && PYTHONPATH=src:. python .../released/fill.py sqlite .../released/0003.sqlite.sql

Dumps are never changed afterwards: they are what that release left behind. The hosts are that release's simulated ones.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults import FaultyFleet
from tests.simulated import HOST_KEY, SITE, put_image, server, wait, wish

from teig.control import guests, hosts, operations, sites
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import HostFault
from teig.operations import engine

GOLD = """
[gold]
memory_mib = 256
vcpus = 2
share_cores = 0.5
ceiling_cores = 2
disk_mib = 64
read_iops = 500
write_iops = 250
read_mib_s = 16
write_mib_s = 8
medium = "any"
redundancy = "any"
out_mbit = 50
in_mbit = 50
addresses = 1
"""
ELSEWHERE = dataclasses.replace(
    SITE, name="bergen", network="10.78.0.0/16", gateway="10.78.0.1", first_address="10.78.16.0",
    last_address="10.78.16.9",
)  # fmt: skip


def fill(services: Any, fleet: Any) -> None:
    """Do what an administrator does in a year."""
    for site, names in ((SITE, ("sim1", "sim2")), (ELSEWHERE, ("sim3",))):
        sites.add(services, site)
        for name in names:
            hosts.add(services, name, name, 22, HOST_KEY, site.name)
            _rate(services, name)
    put_image(services)
    _done(services, guests.create(services, wish("web", site="lab", host="sim1")))
    _done(services, guests.create(services, wish("db", site="lab", nics=2, disks=(8 << 20, 16 << 20))))
    _done(services, guests.create(services, wish("off", site="bergen")))
    _done(services, guests.stop(services, "off", 0))
    _done(services, guests.create(services, wish("gone", site="lab")))
    _done(services, guests.delete(services, "gone", True))
    if hasattr(guests, "resize"):
        importlib.import_module("teig.control.plans").apply(services, GOLD)
        _done(services, guests.create(services, wish("grown", site="lab")))
        _done(services, guests.resize(services, "grown", "gold"))
    fleet.fail = "guest_start"  # it leaves nothing behind
    wait(services, guests.create(services, wish("never", site="lab")))
    fleet.error, fleet.when = _die, "after"  # its host is gone in the middle, and it cannot be undone
    wait(services, guests.create(services, wish("half", site="bergen")), 120)
    for host in HOSTS:
        host.answers = True


def _rate(services: Any, host: str) -> None:
    if importlib.util.find_spec("teig.control.pools"):  # the first release rates nothing
        importlib.import_module("teig.control.pools").bench(services, host)


def _done(services: Any, operation: Any) -> None:
    ended = wait(services, operation)
    assert ended.state.value == "done", ended


def _die() -> Exception:
    for host in HOSTS:
        host.answers = False
    return HostFault("The host has lost its power.")


def under_way(services: Any, fleet: Any) -> None:
    """Have a guest be made, one that waits for it, and a cancelled one, and return in the middle."""
    reached = threading.Event()

    def never() -> Exception:
        reached.set()
        threading.Event().wait()
        raise AssertionError

    fleet.fail, fleet.error, fleet.when = "guest_start", never, "before"
    guests.create(services, wish("busy", site="lab", host="sim1"))
    assert reached.wait(30)
    guests.reboot(services, "web", 0)
    if hasattr(operations, "cancel"):
        cancelled = guests.create(services, wish("taken-back", site="lab", host="sim1"))
        operations.cancel(services, cancelled.id)


HOSTS = [SimulatedHost(name, memory_mib=8192, cores=8) for name in ("sim1", "sim2", "sim3")]


@contextmanager
def database(kind: str) -> Iterator[tuple[Any, Any]]:
    """Give a database of a kind (None: in the server's folder), and a function that dumps it."""
    if kind == "sqlite":
        yield (), lambda folder: "\n".join(sqlite3.connect(folder / "teig.sqlite").iterdump()) + "\n"
        return
    with importlib.import_module("tests.postgres").cluster() as postgres:
        url = postgres.database()
        argv = ["pg_dump", "--inserts", "--no-owner", "--schema=public", "-h", str(postgres.folder), "-U", url.username]
        yield (
            (url,),
            lambda _folder: (
                subprocess.run([*argv, str(url.database)], capture_output=True, text=True, check=True).stdout
            ),
        )


def main(kind: str, dump: Path) -> None:
    """Fill and dump."""
    engine.FIRST_PAUSE_S = 0.01
    socket.gethostname = lambda: "server1"
    fleet = FaultyFleet(SimulatedFleet(HOSTS))
    with (
        tempfile.TemporaryDirectory() as folder,
        database(kind) as (args, dumped),
        server(Path(folder), fleet, *args) as services,
    ):
        fill(services, fleet)
        under_way(services, fleet)
        dump.write_text(dumped(Path(folder)), encoding="utf-8")
        if kind == "sqlite" and importlib.util.find_spec("teig.control.state"):
            state = importlib.import_module("teig.control.state")
            backup = json.dumps(state.backup(services), indent=1)
            dump.with_suffix(".backup.json").write_text(backup + "\n", encoding="utf-8")
        os._exit(0)  # as if its power were cut


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
