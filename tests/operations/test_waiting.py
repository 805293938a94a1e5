"""What only waits, for a guest to shut down or for a host that does not answer, takes no place of what does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa
from dbos import DBOS

from teig.control import guests, hosts, operations
from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import Busy, DatabaseFault
from teig.model.operation import Operation, OperationState
from teig.operations import engine, work
from teig.operations.workflows import QUEUE
from teig.store import operations as rows
from teig.store import servers
from teig.store.operations import MOST_ON_A_HOST
from teig.store.servers import Server
from tests.simulated import HOST_KEY, server, server_with_hosts, wait, wish


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not after 30 s"
        time.sleep(0.02)


def is_in(services: Services, operation: Operation, state: OperationState) -> bool:
    return operations.by_id(services, operation.id).state is state


@pytest.fixture
def two(tmp_path: Path, database: sa.URL | None) -> Iterator[tuple[Services, SimulatedHost, SimulatedHost]]:
    both = SimulatedHost("sim1"), SimulatedHost("sim2")
    with server_with_hosts(tmp_path, *both, database=database) as services:
        yield services, *both


def test_guests_that_do_not_shut_down_delay_nobody_at_their_host(services: Services, host: SimulatedHost) -> None:
    for number in range(MOST_ON_A_HOST):
        wait(services, guests.create(services, wish(f"deaf{number}")))
    for kept in host.guests.values():
        kept.deaf = True
    stops = [guests.stop(services, f"deaf{number}", 3600) for number in range(MOST_ON_A_HOST)]
    until(lambda: all(is_in(services, stop, OperationState.WAITING) for stop in stops), "the stops wait")
    assert wait(services, guests.create(services, wish("shop"))).state is OperationState.DONE
    for stop in stops:
        operations.cancel(services, stop.id)
    assert {wait(services, stop).state for stop in stops} == {OperationState.CANCELLED}


def test_a_new_guest_goes_where_a_place_is_free(
    two: tuple[Services, SimulatedHost, SimulatedHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The roomiest host has as many guests that do not shut down as may be waited for."""
    services, full, _other = two
    monkeypatch.setattr(rows, "MOST_WAITING_ON_A_HOST", 2)
    full.memory_mib *= 2
    hosts.view(services, "sim1")
    for number in range(2):
        wait(services, guests.create(services, wish(f"deaf{number}", host="sim1")))
    for kept in full.guests.values():
        kept.deaf = True
    stops = [guests.stop(services, f"deaf{number}", 3600) for number in range(2)]
    until(lambda: all(is_in(services, stop, OperationState.WAITING) for stop in stops), "the stops wait")
    wait(services, guests.create(services, wish("shop")))
    assert guests.view(services, "shop").host.name == "sim2"
    operations.cancel(services, stops[0].id)
    wait(services, stops[0])
    wait(services, guests.create(services, wish("mail")))
    assert guests.view(services, "mail").host.name == "sim1"
    operations.cancel(services, stops[1].id)
    wait(services, stops[1])


def test_hosts_that_fall_silent_in_the_middle_keep_no_places(
    two: tuple[Services, SimulatedHost, SimulatedHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    services, silent, other = two
    monkeypatch.setattr(engine, "MOST_AT_ONCE", 2)
    silent.job_s = 3600
    begun = [guests.create(services, wish(f"web{number}", host="sim1")) for number in range(2)]
    until(lambda: len([kept for kept in silent.guests.values() if kept.job]) == 2, "both have a job")
    silent.answers = False
    assert wait(services, guests.create(services, wish("shop", host="sim2"))).state is OperationState.DONE
    assert all(is_in(services, operation, OperationState.WAITING) for operation in begun)
    silent.answers = True
    until(lambda: all(is_in(services, operation, OperationState.RUNNING) for operation in begun), "they go on")
    assert other.truth().guests


def test_a_host_whose_ways_are_all_taken_by_others_ends_no_operation(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(services, guests.create(services, wish("web")))
    host.job_s = 0.5
    asked = 0

    def busy(_: object) -> NoReturn:
        nonlocal asked
        asked += 1
        raise Busy("Host sim1 has all 4 calls at once in use.", "Try again.", code="host_busy")

    monkeypatch.setattr(host, "job", busy)
    stop = guests.stop(services, "web", 0)
    until(lambda: asked > 5, "it goes on asking")
    monkeypatch.undo()
    assert wait(services, stop).state is OperationState.DONE
    assert host.truth().guests[0].domid is None


@pytest.mark.parametrize("answer_is_lost", [False, True])
def test_what_is_cancelled_while_its_host_is_silent_does_not_go_on_there(
    services: Services, host: SimulatedHost, answer_is_lost: bool
) -> None:
    """The job that stops the guest is called off as soon as the host answers, and the guest runs on."""
    wait(services, guests.create(services, wish("web")))
    [kept] = host.guests.values()
    kept.deaf = True
    if answer_is_lost:
        host.lose_answers(1)
    operation = guests.stop(services, "web", 3600)
    until(lambda: kept.job is not None and kept.job.verb == "guest_stop", "the job runs")
    host.answers = False
    until(lambda: is_in(services, operation, OperationState.WAITING), "the operation waits")
    operations.cancel(services, operation.id)
    time.sleep(2)
    assert not operations.by_id(services, operation.id).state.ended
    host.answers = True
    ended = wait(services, operation)
    assert ended.error is not None
    assert (ended.state, ended.error["code"]) == (OperationState.CANCELLED, "cancelled")
    assert kept.job is not None
    assert (kept.job.runs, kept.domid is not None) == (False, True)


def test_a_host_that_stays_silent_keeps_no_cancelled_operation_for_long(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(services, guests.create(services, wish("web")))
    monkeypatch.setattr(work, "HOST_BACK_S", 1.0)
    host.job_s = 3600
    operation = guests.reboot(services, "web", 0)
    until(lambda: any(kept.job and kept.job.runs for kept in host.guests.values()), "the job runs")
    host.answers = False
    operations.cancel(services, operation.id)
    ended = wait(services, operation)
    assert ended.error is not None
    assert (ended.state, ended.error["code"]) == (OperationState.FAILED, "unreachable")
    assert guests.view(services, "web").guest.attention


def test_a_database_that_is_away_while_a_host_is_silent_ends_no_operation(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A switch has failed; both answer again."""
    sound, away = services.db.read, [True]

    def read(query: Callable[[sa.Connection], Any]) -> Any:
        if away[0] and threading.current_thread().name != "MainThread":
            raise DatabaseFault("The database does not answer.", code="database_down")
        return sound(query)

    wait(services, guests.create(services, wish("web")))
    host.answers = False
    operation = guests.reboot(services, "web", 0)
    monkeypatch.setattr(services.db, "read", read)
    time.sleep(3)
    away[0] = False
    host.answers = True
    assert wait(services, operation).state is OperationState.DONE


def test_a_start_that_ended_well_before_it_could_be_cancelled_is_done(services: Services, host: SimulatedHost) -> None:
    wait(services, guests.create(services, wish("web")))
    wait(services, guests.stop(services, "web", 0))
    host.verb_s["guest_start"] = 3.0
    operation = guests.start(services, "web")
    kept = next(iter(host.guests.values()))
    until(lambda: kept.job is not None and kept.job.verb == "guest_start", "the start")
    operations.cancel(services, operation.id)
    assert wait(services, operation).state is OperationState.DONE
    view = guests.view(services, "web")
    assert (view.guest.phase.value, kept.domid is not None, view.guest.attention) == ("running", True, None)


def test_what_lost_servers_left_is_taken_over_as_there_are_places(
    tmp_path: Path, database: sa.URL | None, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server_with_hosts(tmp_path, host, database=database) as services:
        for number in range(5):
            wait(services, guests.create(services, wish(f"web{number}")))
    monkeypatch.setattr(engine, "MOST_AT_ONCE", 2)
    at_once, most, lock = [0], [0], threading.Lock()
    real = SimulatedHost.guest_reboot

    def counted(self: SimulatedHost, *args: object) -> object:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.3)
        with lock:
            at_once[0] -= 1
        return real(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(SimulatedHost, "guest_reboot", counted)
    monkeypatch.setattr(engine.Engine, "claim", lambda *_args: None)
    monkeypatch.setattr(engine.Engine, "begin", lambda *_args: None)
    real_take = engine.Engine._take_all
    monkeypatch.setattr(engine.Engine, "_take_all", lambda _self: None)
    with server(tmp_path, SimulatedFleet([host]), database) as services:
        left = [guests.reboot(services, f"web{number}", 0) for number in range(5)]
        services.db.update(lambda it: servers.join(it, Server("dead", "dead", "4", HOST_KEY), alone=False))
        for _ in left:
            services.db.update(lambda it: rows.claim_next(it, "dead"))
        services.db.update(lambda it: servers.declare_lost(it, "dead"))
        monkeypatch.setattr(engine.Engine, "_take_all", real_take)
        assert {wait(services, operation).state for operation in left} == {OperationState.DONE}
    assert most[0] <= 2


def test_a_server_that_starts_leaves_the_ways_of_others_alone(services: Services) -> None:
    """One that has started since this one looked who lives must not lose what it resumes its work by."""

    def living() -> set[str]:
        DBOS.register_queue(f"{QUEUE}new", on_conflict="always_update")
        return {services.server}

    DBOS.register_queue(f"{QUEUE}old", on_conflict="always_update")
    services.engine._workflows.listen(living)
    there = {queue.name.removeprefix(QUEUE) for queue in DBOS.list_queues()}
    assert there == {services.server, "new"}


def test_who_comes_too_late_to_begin_what_it_claimed_keeps_no_place(services: Services) -> None:
    wait(services, guests.create(services, wish("web")))
    held: list[object] = []
    begin = services.engine.begin
    services.engine.begin = held.append  # type: ignore[method-assign,assignment]
    operation = guests.reboot(services, "web", 0)
    assert wait(services, operation).state is OperationState.DONE  # it was seen as forgotten
    begin(held[0])  # type: ignore[arg-type]
    until(lambda: services.engine._mine == {}, "no place is kept")


@pytest.mark.parametrize("verb", ["delete", "reboot"])
def test_a_job_that_hangs_on_a_host_that_answers_locks_its_guest_for_some_time_only(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    wait(services, guests.create(services, wish("web")))
    monkeypatch.setattr(work, "STALLED_S", 0.5)
    monkeypatch.setattr(work, "END_JOB_S", 0.5)
    host.job_s = 3600
    begun = guests.delete(services, "web", force=True) if verb == "delete" else guests.reboot(services, "web", 0)
    ended = wait(services, begun)
    assert ended.error is not None
    assert (ended.state, ended.error["code"]) == (OperationState.FAILED, "job_stalled")
    host.lose_jobs()
    host.job_s = 0
    assert wait(services, guests.delete(services, "web", force=True)).state is OperationState.DONE
