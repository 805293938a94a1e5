"""What was begun goes on after the server was killed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dbos import DBOS

from teig.control import guests, operations
from teig.control.services import Services
from teig.fleet.driver import Claim
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import HostFault
from teig.model.job import Job
from teig.model.operation import OperationState
from teig.operations import workflows
from teig.operations.workflows import VERSION
from teig.store import guests as guest_rows
from teig.store import servers
from teig.store.operations import Lease, Left
from teig.store.servers import Server
from tests.postgres import cluster
from tests.servers import until
from tests.simulated import server, server_with_hosts, stored, wait, wish

KILLED = """
import sys, time
from pathlib import Path
from teig.control import assembly, guests
from teig.operations import workflows
from teig.fleet.simulated import SimulatedHost
from tests.simulated import server_with_hosts, wish

assembly.VERSION = workflows.VERSION = sys.argv[2]
host = SimulatedHost("sim1")
host.volume_create = lambda *_: (Path(sys.argv[1], "reached").touch(), time.sleep(600))
with server_with_hosts(Path(sys.argv[1]), host) as services:
    guests.create(services, wish("web"))
    time.sleep(600)
"""


def kill_in_the_middle(folder: Path, version: str = VERSION) -> None:
    """Let a server begin to make a guest, and kill it while it makes the volume."""
    argv = [sys.executable, "-c", KILLED, str(folder), version]
    with subprocess.Popen(argv, cwd=Path(__file__).parents[2]) as process:
        deadline = time.monotonic() + 60
        while not (folder / "reached").exists():
            assert process.poll() is None, "the server ended by itself"
            assert time.monotonic() < deadline, "the volume step was not reached in 60 s"
            time.sleep(0.05)
        process.kill()


def test_an_operation_of_another_version_is_done_anew_when_no_server_of_that_version_is_left(tmp_path: Path) -> None:
    kill_in_the_middle(tmp_path, version="before")
    host = SimulatedHost("sim1")
    with server(tmp_path, SimulatedFleet([host])) as services:
        [operation] = operations.listed(services, 10)
        ended = wait(services, operation)
        assert ended.state is OperationState.DONE
        assert len(ended.steps) == 7
        assert guests.view(services, "web").on_host is not None


def test_an_operation_of_another_version_is_left_to_servers_that_have_it(tmp_path: Path) -> None:
    kill_in_the_middle(tmp_path, version="before")
    with server(tmp_path, SimulatedFleet([SimulatedHost("sim1")])) as services:
        engine = services.engine
        living = Server("old", "old", "before", services.ssh_public_key)
        services.db.update(lambda connection: servers.join(connection, living, alone=False))
        left = Left("any", 1, "lost", "before")
        assert services.db.update(lambda connection: engine._take_over(left, connection)) is None


def test_postgresql_may_be_restarted_in_the_middle(tmp_path: Path, host: SimulatedHost) -> None:
    with cluster() as postgres:
        reached, go_on = threading.Event(), threading.Event()
        start = host.guest_start

        def slow(claim: Claim) -> Job:
            reached.set()
            go_on.wait(30)
            return start(claim)

        host.guest_start = slow  # type: ignore[method-assign]
        with server_with_hosts(tmp_path, host, database=postgres.database()) as services:
            operation = guests.create(services, wish("web"))
            assert reached.wait(30)
            postgres.stop()
            go_on.set()
            time.sleep(0.5)  # so that steps meet a database that is away, not only connections that are broken
            postgres.start()
            assert wait(services, operation).state is OperationState.DONE
        assert len(host.inventory().guests) == 1


def test_an_operation_survives_kill_9(tmp_path: Path) -> None:
    kill_in_the_middle(tmp_path)
    host = SimulatedHost("sim1")
    with server(tmp_path, SimulatedFleet([host])) as services:
        image = stored(services)[0].spec.image
        host.images.add(image)
        [operation] = operations.listed(services, 10)
        assert wait(services, operation).state is OperationState.DONE
        assert guests.view(services, "web").on_host is not None


def test_the_record_of_what_has_ended_does_not_pile_up(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "KEPT", 3)
    for _ in range(4):
        assert wait(services, guests.create(services, wish("web"))).state is OperationState.DONE
        assert wait(services, guests.delete(services, "web", force=True)).state is OperationState.DONE
    until(lambda: len(DBOS.list_workflows()) <= 4, "the record of ended operations to be removed")
    assert len(operations.listed(services, 10)) == 8


def test_what_an_earlier_run_had_begun_is_undone_too(tmp_path: Path, host: SimulatedHost) -> None:
    """As after a power cut that took the engine's record with it: the new run fails before the step reached then."""
    kill_in_the_middle(tmp_path)
    for file in tmp_path.glob("operations.sqlite*"):
        file.unlink()

    def full(*_: object) -> None:
        raise HostFault("The host's disk is full.")

    def kept(claim: Claim) -> None:
        undone.append(claim)

    undone: list[Claim] = []
    host.image_put = full  # type: ignore[method-assign, assignment]
    host.guest_undefine = kept  # type: ignore[method-assign]
    with server(tmp_path, SimulatedFleet([host])) as services:
        [operation] = operations.listed(services, 10)
        assert wait(services, operation).state is OperationState.FAILED
        assert undone, "define comes after image, and an earlier run may have come that far"
        assert stored(services) == []


def test_what_a_request_has_just_claimed_is_not_taken_over_by_its_own_server(services: Services) -> None:
    """Between the claim's commit and the work's beginning the dispatcher may look what was left behind."""
    held, go_on = threading.Event(), threading.Event()
    engine = services.engine
    sound = engine.begin

    def late(lease: Lease | None) -> None:
        held.set()
        go_on.wait(30)
        sound(lease)

    engine.begin = late  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(guests.create, services, wish("web"))
        assert held.wait(30)
        engine.wake_for_the_lost()
        time.sleep(0.5)
        go_on.set()
        ended = wait(services, asked.result(30))
    assert ended.state is OperationState.DONE
    fence = services.db.read(lambda connection: guest_rows.named(connection, "web").fence)
    assert fence == 2, "it was given to its server once"
    assert vars(engine)["_mine"] == {}


def test_words_of_a_host_that_cannot_be_stored_end_the_operation_all_the_same(
    services: Services, host: SimulatedHost
) -> None:
    wait(services, guests.create(services, wish("web")))
    host.failures["guest_stop"] = HostFault("xl said \0 and \udc80\n", code="xl_failed")
    ended = wait(services, guests.stop(services, "web", 0))
    assert ended.state is OperationState.FAILED
    assert ended.error is not None
    assert ended.error["message"] == "xl said ? and ?\n"
    host.failures.clear()
    assert wait(services, guests.stop(services, "web", 0)).state is OperationState.DONE
