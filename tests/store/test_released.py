"""Databases that earlier releases left behind, cut off in the middle of their work, go on in this one.

`released` has what their own operations filled them with, see `released/fill.py`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from teig.control import drift, guests, observing, operations, pools
from teig.control.services import Services
from teig.fleet.driver import Claim
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.operation import Operation, OperationState
from teig.operations import engine
from teig.policy.admission import entitled_to
from teig.policy.guest_life import Phase
from teig.policy.placement import _SEAL, PlacementDecision
from teig.store import archive, hosts, reservations
from teig.store import database as databases
from teig.store import guests as stored_guests
from teig.store.database import Database, sqlite_url
from teig.store.guests import StoredGuest
from tests.carried import POOL, CarriedHost
from tests.postgres import Postgres
from tests.simulated import CONTENTS, server, wait, wish

FOLDER = Path(__file__).parent / "released"
DUMPS = sorted(path.name for path in FOLDER.glob("*.sql"))
BACKUPS = sorted(path.name for path in FOLDER.glob("*.backup.json"))
EXTENT = 4 << 20
Filling = Callable[[str], sa.URL]


@pytest.fixture
def filling(request: pytest.FixtureRequest, tmp_path: Path) -> Filling:
    """Return a function that makes a database out of a dump, in the server's folder or in PostgreSQL."""

    def fill(dump: str) -> sa.URL:
        text = (FOLDER / dump).read_text(encoding="utf-8")
        if ".sqlite." in dump:
            with sqlite3.connect(tmp_path / "teig.sqlite") as connection:
                connection.executescript(text)
            return sqlite_url(tmp_path / "teig.sqlite")
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.database()
        lines = [line for line in text.splitlines() if not line.startswith(("\\", "CREATE SCHEMA", "--"))]
        with psycopg.connect(host=str(postgres.folder), user=url.username, dbname=url.database) as session:
            session.execute("\n".join(lines).encode())
        return url

    return fill


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "FIRST_PAUSE_S", 0.01)


def machines(url: sa.URL) -> list[SimulatedHost]:
    """Return the hosts as they are while their server is away: with all guests that it had begun to make."""
    with Database(url) as db:
        found = {host.id: SimulatedHost(host.name, memory_mib=8192, cores=8) for host in db.read(hosts.listed)}
        known = db.read(stored_guests.listed)
        ids = {host.name: host.machine_id for host in db.read(hosts.listed)}
    for guest in known:
        host = found[guest.host]
        host.images.add(guest.spec.image)
        _make(CarriedHost(host), guest)
    for host in found.values():
        assert host.facts().machine_id == ids[host.name]
    return list(found.values())


def _make(host: CarriedHost, guest: StoredGuest) -> None:
    claim = Claim(guest.spec.id, guest.fence)
    decision = PlacementDecision(_SEAL, guest.spec.id, guest.host, guest.spec.site)
    for disk in guest.spec.disks:
        host.volume_create(claim, decision, disk)
    host.volume_write_image(claim, decision, guest.spec.disks[0], guest.spec.image)
    host.guest_define(claim, decision, guest.spec)
    if guest.phase is Phase.RUNNING:
        host.guest_start(claim)


def ended(services: Services) -> None:
    """Wait until nothing is under way any more."""
    deadline = time.monotonic() + 60
    while under_way := [found for found in operations.listed(services, 100) if not found.state.ended]:
        assert time.monotonic() < deadline, under_way
        time.sleep(0.05)


@pytest.mark.parametrize("dump", DUMPS)
def test_a_server_goes_on_with_what_an_earlier_release_left(tmp_path: Path, filling: Filling, dump: str) -> None:
    url = filling(dump)
    there = machines(url)
    for folder in (tmp_path / "images" / str(host_image) for host in there for host_image in host.images):
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in CONTENTS.items():
            (folder / file).write_bytes(data)
    with server(tmp_path, SimulatedFleet(there), None if ".sqlite." in dump else url) as services:
        ended(services)
        observing.observe_all(services, services.db.read(hosts.listed))
        before = {found.name: found for found in guests.lines(services)}
        assert {"web", "db", "off", "half"} <= set(before)
        assert guests.view(services, "web").guest.phase is Phase.RUNNING
        assert guests.view(services, "off").guest.phase is Phase.STOPPED
        assert guests.view(services, "half").guest.phase is Phase.DELETING
        assert "taken-back" not in before
        assert len(guests.view(services, "db").guest.spec.nics) == 2
        _check_reserved(services)
        for pool in pools.listed(services):
            if pool.rating is None:  # the first release rated none; until then its hosts take no new guest
                pools.bench(services, pool.host)
        _live_on(services)
        for name in before:
            wait(services, guests.delete(services, name, force=True))
        assert guests.lines(services) == []
        assert all(host.inventory().guests == () for host in there)
        assert drift.found(services, now=True) == []


def _check_reserved(services: Services) -> None:
    def work(connection: sa.Connection) -> None:
        for stored in stored_guests.listed(connection):
            kept = reservations.of_guest(connection, stored.spec.id, stored.host)
            least = entitled_to(stored.spec, EXTENT)
            assert set(kept) == {POOL}
            assert kept[POOL].largest(least) == kept[POOL], stored.spec.name

    services.db.read(work)


def _live_on(services: Services) -> None:
    """Do with old guests what one does with new ones, beside a new one."""
    addresses = {nic.ip for stored in services.db.read(stored_guests.listed) for nic in stored.spec.nics}
    steps: tuple[Callable[[], Operation], ...] = (
        lambda: guests.stop(services, "web", 0),
        lambda: guests.start(services, "web"),
        lambda: guests.reboot(services, "db", 0),
        lambda: guests.mend(services, "db"),
        lambda: guests.start(services, "off"),
        lambda: guests.resize(services, "off", "small"),
        lambda: guests.create(services, wish("new", site="lab")),
    )
    for begin in steps:
        done = wait(services, begin())
        assert done.state is OperationState.DONE, done
    new = guests.view(services, "new").guest.spec.nics[0].ip
    assert new not in addresses
    wait(services, guests.delete(services, "new", force=True))


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
@pytest.mark.parametrize("backup", BACKUPS)
def test_a_backup_of_an_earlier_release_is_restored(
    request: pytest.FixtureRequest, tmp_path: Path, backup: str, into: str
) -> None:
    url = sqlite_url(tmp_path / "teig.sqlite")
    if into == "postgresql":
        url = request.getfixturevalue("postgres").database()
    made = json.loads((FOLDER / backup).read_text(encoding="utf-8"))
    counts = archive.load_all(url, made, time.time())
    with Database(url) as db:
        known = {stored.spec.name: stored for stored in db.read(stored_guests.listed)}
        kept = db.read(lambda connection: reservations.of_guest(connection, known["web"].spec.id, known["web"].host))
    assert len(known) == counts["guests"]
    assert kept[POOL] == entitled_to(known["web"].spec, EXTENT)
    assert known["busy"].phase is Phase.DELETING
    assert known["busy"].attention is not None
    with server(tmp_path, SimulatedFleet(machines(url)), url if into == "postgresql" else None) as services:
        assert all(found.state.ended for found in operations.listed(services, 100))
        _live_on(services)
        assert wait(services, guests.delete(services, "busy", force=True)).state is OperationState.DONE


def _upgrade_and_die(url: sa.URL) -> None:
    """Be killed after the last change of the upgrade, before it is committed."""
    check = databases.migrate

    def dies(connection: sa.Connection, revision: str = "head") -> None:
        check(connection, revision)
        os.kill(os.getpid(), signal.SIGKILL)

    databases.migrate = dies
    Database(url)


@pytest.mark.parametrize("dump", DUMPS)
def test_an_upgrade_that_is_killed_is_done_anew(filling: Filling, dump: str) -> None:
    url = filling(dump)
    process = multiprocessing.get_context("spawn").Process(target=_upgrade_and_die, args=(url,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    with Database(url) as db:
        assert "web" in {stored.spec.name for stored in db.read(stored_guests.listed)}


@pytest.mark.parametrize("dump", DUMPS)
def test_servers_that_start_at_once_upgrade_once(filling: Filling, dump: str) -> None:
    url = filling(dump)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: Database(url), range(4)))
    counts = {len(db.read(stored_guests.listed)) for db in opened}
    for db in opened:
        db.close()
    assert len(counts) == 1
    assert counts != {0}


def test_a_host_of_an_earlier_release_has_its_guests_counted(filling: Filling) -> None:
    def work(connection: sa.Connection) -> None:
        for host in hosts.listed(connection):
            there = stored_guests.listed(connection, host.id)
            found = reservations.on_hosts(connection, [host.id])[host.id]
            kept, count = found.beside(POOL), found.guests
            assert count == len(there)
            assert kept.memory_mib >= sum(stored.spec.memory_mib for stored in there)

    with Database(filling(DUMPS[0])) as db:
        db.read(work)
