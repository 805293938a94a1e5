"""Real servers, killed, paused and restarted: nothing is lost, done twice, or done by who has lost it."""

from __future__ import annotations

import resource
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from teig.model.errors import DatabaseFault
from tests.faults import STEPS
from tests.postgres import Postgres
from tests.servers import Served, create, ended, enrol, serving, until
from tests.shared_fleet import SharedFleet, shared_hosts

HOSTS = ["sim1", "sim2", "sim3"]


@pytest.fixture
def base() -> Iterator[Path]:
    """A directory with a short name: a unix socket's path holds 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="teig-") as folder:
        yield Path(folder)


@pytest.fixture
def fleet(base: Path) -> Iterator[SharedFleet]:
    with shared_hosts(base / "hosts.sock", HOSTS) as fleet:
        yield fleet


@pytest.fixture
def servers(base: Path, fleet: SharedFleet, postgres: Postgres) -> Iterator[list[Served]]:
    """Two servers that share a database."""
    with serving(base, 2, base / "hosts.sock", postgres.database("migrated")) as servers:
        enrol(servers[0], HOSTS)
        yield servers


def whole(fleet: SharedFleet) -> list[tuple[bool, bool, tuple[int, ...]]]:
    """Return of every guest on every host: whether it is defined, whether it runs, and its volumes."""
    found = fleet.ask(None, "state")
    return [
        (defined, domid is not None, volumes)
        for kept in found.values()
        for defined, domid, volumes in kept.values()
        if defined or domid or volumes
    ]


def test_an_operation_survives_kill_9_in_every_step(base: Path, fleet: SharedFleet) -> None:
    with serving(base, 1, base / "hosts.sock", None) as [server]:
        enrol(server, HOSTS[:1])
        for step in STEPS[1:]:
            fleet.ask(None, "hold", step)
            operation = create(server, step.replace("_", "-"))
            until(lambda: fleet.ask(None, "held_now"), f"the step {step}")
            server.kill()
            fleet.ask(None, "release")
            server.start()
            assert ended(server, operation)["state"] == "done", server.log()
    assert whole(fleet) == [(True, True, (0,))] * len(STEPS[1:])


def test_a_full_disk_is_said_and_operations_go_on_when_there_is_room(base: Path, fleet: SharedFleet) -> None:
    with serving(base, 1, base / "hosts.sock", None) as [server]:
        enrol(server, HOSTS[:1])
        fleet.ask(None, "hold", "guest_define")
        operation = create(server, "web")
        until(lambda: fleet.ask(None, "held_now"), "the step define")
        assert server.process is not None
        unlimited = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4096, unlimited[1]))
        fleet.ask(None, "release")
        with pytest.raises(DatabaseFault, match="disk, which is full"):
            create(server, "shop")
        assert server.api.get(f"/operations/{operation['id']}")["state"] == "running"
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)
        assert ended(server, operation)["state"] == "done"
    assert whole(fleet) == [(True, True, (0,))]


def test_a_peer_takes_over_what_a_killed_server_left(servers: list[Served], fleet: SharedFleet) -> None:
    first, second = servers
    fleet.ask(None, "hold", "guest_start")
    operation = create(first, "web")
    until(lambda: fleet.ask(None, "held_now"), "the step start")
    first.kill()
    fleet.ask(None, "release")
    assert until(lambda: ended(second, operation)["state"] == "done", "the takeover", 15) < 15
    assert whole(fleet) == [(True, True, (0,))]


def test_a_paused_server_cannot_act_late(servers: list[Served], fleet: SharedFleet) -> None:
    first, second = servers
    fleet.ask(None, "hold", "guest_define")
    operation = create(first, "web")
    until(lambda: fleet.ask(None, "held_now"), "the step define")
    first.signal(signal.SIGSTOP)
    done = ended(second, operation)
    assert done["state"] == "done", second.log()
    fleet.ask(None, "release")  # what the paused one has sent arrives only now
    first.signal(signal.SIGCONT)
    until(first.ended, "the end of the one that was paused")
    assert "others have taken over its work" in first.log()
    assert first.process is not None
    assert first.process.returncode == 1
    late = [call for call in fleet.ask(None, "record") if call.name == "guest_define"]
    assert [call.error for call in sorted(late, key=lambda call: call.fence)] == ["fenced", None]
    assert second.api.get(f"/operations/{operation['id']}") == done
    assert whole(fleet) == [(True, True, (0,))]


def test_a_guest_is_worked_on_by_one_whoever_does_it(servers: list[Served], fleet: SharedFleet) -> None:
    asked = [(servers[number % 2], f"web{number}") for number in range(8)]
    begun = [(server, create(server, name, host="sim1")) for server, name in asked]
    assert [ended(server, operation)["state"] for server, operation in begun] == ["done"] * 8
    assert all(call.alone for call in fleet.ask(None, "record"))
    assert whole(fleet) == [(True, True, (0,))] * 8


def test_a_server_that_is_stopped_leaves_its_work_to_the_others_at_once(
    servers: list[Served], fleet: SharedFleet
) -> None:
    first, second = servers
    fleet.ask(None, "hold", "guest_start")
    operation = create(first, "web")
    until(lambda: fleet.ask(None, "held_now"), "the step start")
    first.signal(signal.SIGTERM)
    assert ended(second, operation)["state"] == "done"
    until(first.ended, "the end of the one that was stopped")
    fleet.ask(None, "release")
    assert whole(fleet) == [(True, True, (0,))]


def test_a_server_with_another_key_may_not_join(servers: list[Served], base: Path) -> None:
    stranger = Served(base / "stranger", base / "hosts.sock", servers[0].database)
    stranger.begin()
    until(stranger.ended, "the end of the one with another key")
    assert "another SSH key" in stranger.log()
