"""Who may work on an operation, and what happens to one who has lost that right. No clock is trusted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from teig.control import guests
from teig.control.services import Services
from teig.fleet.driver import Claim
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import Conflict, Fenced
from teig.model.operation import Operation, OperationState
from teig.operations import peers
from teig.store import operations, servers
from teig.store.database import Database, sqlite_url
from teig.store.operations import Left
from teig.store.servers import Server
from tests.simulated import server, server_with_hosts, wait, wish


@pytest.fixture
def db(tmp_path: Path, database: sa.URL | None) -> Iterator[Database]:
    with Database(database or sqlite_url(tmp_path / "teig.sqlite")) as db:
        yield db


def join(db: Database, ident: str, version: str = "2", key: str = "a key") -> None:
    db.update(lambda connection: servers.join(connection, Server(ident, ident, version, key), alone=False))


def operation(db: Database, ident: str, host: str = "h1", guest: str = "") -> None:
    made = Operation(ident, "guest_create", "web", host, OperationState.QUEUED, (), None, 1.0, None)  # type: ignore[arg-type]
    db.write(lambda connection: operations.add(connection, made, guest or f"guest-{ident}", {}))


def claim(db: Database, server: str) -> str | None:
    turn = db.update(lambda connection: operations.claim_next(connection, server))
    return turn.operation.id if turn else None


def test_some_operations_of_a_host_are_worked_on_at_a_time(db: Database) -> None:
    join(db, "a")
    join(db, "b")
    there = [f"{number:02}" for number in range(operations.MOST_ON_A_HOST)]
    for ident in (*there, "too many"):
        operation(db, ident, "h1")
    operation(db, "z elsewhere", "h2")
    claimed = [claim(db, "ab"[number % 2]) for number in range(len(there) + 2)]
    assert claimed == [*there, "z elsewhere", None]


def test_the_database_itself_refuses_a_second_one(db: Database) -> None:
    operation(db, "1", guest="g")
    with pytest.raises(sa.exc.IntegrityError):
        operation(db, "2", guest="g")


def test_who_has_lost_an_operation_can_no_longer_write(db: Database) -> None:
    join(db, "a")
    join(db, "b")
    operation(db, "1")
    old = db.update(lambda connection: operations.claim_next(connection, "a"))
    assert old is not None
    db.update(lambda connection: servers.declare_lost(connection, "a"))
    [left] = db.read(lambda connection: operations.left_behind(connection, "b"))
    new = db.update(lambda connection: operations.take_over(connection, left, "b"))
    assert new is not None
    assert new.fence > old.fence
    with pytest.raises(Fenced, match="taken over"):
        db.update(lambda connection: operations.check_lease(connection, old))
    db.update(lambda connection: operations.check_lease(connection, new))
    assert db.update(lambda connection: operations.take_over(connection, left, "b")) is None


def test_a_lost_server_gets_no_work(db: Database) -> None:
    join(db, "a")
    operation(db, "1")
    db.update(lambda connection: servers.declare_lost(connection, "a"))
    assert not db.update(lambda connection: servers.beat(connection, "a"))
    for take in (
        lambda connection: operations.claim_next(connection, "a"),
        lambda connection: servers.confirm(connection, "a"),
    ):
        with pytest.raises(Fenced, match="thought dead"):
            db.update(take)


def test_a_server_that_has_beaten_meanwhile_is_not_lost(db: Database) -> None:
    join(db, "a")
    assert db.update(lambda connection: servers.beat(connection, "a"))
    assert not db.update(lambda connection: servers.declare_lost(connection, "a", 0))
    assert db.update(lambda connection: servers.declare_lost(connection, "a", 1))


def test_lost_servers_are_remembered_as_long_as_they_left_something(db: Database) -> None:
    join(db, "a")
    operation(db, "1")
    claim(db, "a")
    db.update(lambda connection: servers.declare_lost(connection, "a"))
    db.update(servers.forget_lost)
    assert db.read(lambda connection: operations.left_behind(connection, "b")) == [Left("1", 1, "a", "2")]


def test_hosts_know_one_key_so_servers_have_one(db: Database) -> None:
    join(db, "a")
    with pytest.raises(Conflict, match="another SSH key"):
        join(db, "b", key="another")


def test_a_dead_server_with_another_key_keeps_nobody_out(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "EVERY_S", 0.01)
    join(db, "dead", key="another")
    db.shared = True
    peers.join(db, Server("a", "a", "2", "a key"))
    assert list(db.read(lambda connection: servers.beats(connection, but=""))) == ["a"]


def test_peers_count_looks_and_compare_no_clocks() -> None:
    seen = None
    for beats in (5, 5, 5, 6, 6):
        seen = peers._misses(seen, beats)
    assert seen == (6, 1)


def test_a_silent_server_is_declared_lost_and_a_beating_one_is_not(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "EVERY_S", 0.05)
    for ident in ("a", "b", "silent"):
        join(db, ident)
    changed, lost = threading.Event(), threading.Event()
    db.shared = True
    with peers.watched(db, "a", changed.set, lost.set), peers.watched(db, "b", changed.set, lost.set):
        assert changed.wait(30)
        time.sleep(10 * peers.EVERY_S)  # the two go on looking at each other
    left = db.read(lambda connection: servers.beats(connection, but="none"))
    assert sorted(left) == ["a", "b"]
    assert not lost.is_set()


def test_a_claim_with_an_old_fence_is_refused_by_the_host(services: Services, host: SimulatedHost) -> None:
    wait(services, guests.create(services, wish("web")))
    guest = guests.view(services, "web").guest
    wait(services, guests.reboot(services, "web", 0))
    with pytest.raises(Fenced):
        host.guest_stop(Claim(guest.id, guest.fence), 0)


def test_clocks_that_step_change_nothing(
    tmp_path: Path, host: SimulatedHost, database: sa.URL | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, offset = time.time, [0.0]
    monkeypatch.setattr("teig.control.assembly.time.time", lambda: real() + offset[0])
    with server_with_hosts(tmp_path, host, database=database) as services:
        for number, step in enumerate((0.0, -86400.0, 86400.0, -3600.0)):
            offset[0] = step
            assert wait(services, guests.create(services, wish(f"web{number}"))).state is OperationState.DONE
    with server(tmp_path, SimulatedFleet([host]), database) as services:
        assert wait(services, guests.stop(services, "web0", 0)).state is OperationState.DONE
