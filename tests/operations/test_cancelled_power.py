"""Nothing takes back what a start, a stop or a reboot has done: where one is cancelled, what it leaves is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from teig.control import guests, operations
from teig.control.services import Services
from teig.fleet.driver import Claim
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.fleet.simulated_machine import SimulatedGuest
from teig.model.errors import Busy, Fenced, HostFault, Unreachable
from teig.model.job import Job
from teig.model.operation import Operation, OperationState
from teig.operations import engine
from teig.operations import work as operations_work
from teig.policy.guest_life import Phase
from teig.store import schema
from tests.servers import until
from tests.simulated import server, server_with_hosts, wait, wish

UNKNOWN = "What was begun with it was cancelled, and its host did not tell whether that has ended, or if it runs."


class Wiping(SimulatedHost):
    """As the agent: a reboot stops the guest, then cleans what its disks have grown by, and then starts it."""

    cleans_s = 3600.0

    def guest_reboot(self, claim: Claim, grace_s: float) -> Job:
        def begin() -> None:
            self._asked_to_stop(claim)
            self.destroy(self._kept(claim))

        return self._begin(claim, ("guest_reboot", grace_s), begin, lambda: self._started(claim), more_s=self.cleans_s)


@pytest.fixture
def host() -> SimulatedHost:
    return Wiping("sim1", memory_mib=2048, cores=4)


@pytest.fixture
def services(tmp_path: Path, host: SimulatedHost, database: sa.URL | None) -> Iterator[Services]:
    with server_with_hosts(tmp_path, host, database=database) as services:
        wait(services, guests.create(services, wish("web")))
        yield services


class Far(SimulatedHost):
    """A host to which calls are lost on their way, or their answers are."""

    late: Claim | None = None
    lost = 0

    def guest_stop(self, claim: Claim, grace_s: float) -> Job:
        if self.late is None and grace_s == 0:
            self.late = claim
            raise Unreachable("No answer.")
        return super().guest_stop(claim, grace_s)

    def job_cancel(self, claim: Claim) -> Job:
        if self.lost:
            self.lost -= 1
            raise Unreachable("One answer was lost.")
        return super().job_cancel(claim)


def mark_cancelled(services: Services, operation: Operation) -> None:
    """Cancel an operation that its server does not hear of any more."""
    made = schema.operations.update().where(schema.operations.c.id == operation.id).values(cancelled=True)
    services.db.write(lambda connection: connection.execute(made))


def made(services: Services, host: SimulatedHost) -> SimulatedGuest:
    """Make a guest and return it as its host has it."""
    wait(services, guests.create(services, wish("web")))
    return host.guests[guests.view(services, "web").guest.id]


def test_a_reboot_that_is_cancelled_when_the_guest_was_stopped_says_that_it_is_down(
    services: Services, host: SimulatedHost
) -> None:
    ident = guests.view(services, "web").guest.id
    operation = guests.reboot(services, "web", 0)
    until(lambda: host.guests[ident].domid is None, "the guest's end")
    operations.cancel(services, operation.id)
    ended = wait(services, operation)
    assert (ended.state, ended.error and ended.error["code"]) == (OperationState.CANCELLED, "cancelled")
    attention = guests.view(services, "web").guest.attention
    assert attention == "What was begun with it was cancelled, and it does not run."
    wait(services, guests.start(services, "web"))
    assert guests.view(services, "web").guest.attention is None


def test_a_stop_that_is_cancelled_is_nothing_to_look_after(services: Services, host: SimulatedHost) -> None:
    host.guests[guests.view(services, "web").guest.id].deaf = True
    operation = guests.stop(services, "web", 3600)
    until(lambda: bool(operations.by_id(services, operation.id).steps), "its first step")
    time.sleep(0.2)
    operations.cancel(services, operation.id)
    assert wait(services, operation).state is OperationState.CANCELLED
    assert guests.view(services, "web").guest.attention is None


@pytest.mark.parametrize("answers", [True, False])
def test_nothing_goes_on_of_a_stop_that_was_cancelled_while_its_server_ended(
    tmp_path: Path, database: sa.URL | None, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    """The next one finds it cancelled, and a job that nobody has ended."""
    monkeypatch.setattr(operations_work, "CANCEL_LOOKED_FOR_S", 600.0)
    host = SimulatedHost("sim1", memory_mib=2048, cores=4)
    with server_with_hosts(tmp_path, host, database=database) as services:
        wait(services, guests.create(services, wish("web")))
        kept = host.guests[guests.view(services, "web").guest.id]
        kept.deaf = True
        operation = guests.stop(services, "web", 3600)
        until(lambda: kept.job is not None and kept.job.verb == "guest_stop", "the job")
        mark_cancelled(services, operation)
    host.answers = answers
    with server(tmp_path, SimulatedFleet([host]), database) as services:
        assert wait(services, operation).state is OperationState.CANCELLED
        attention = guests.view(services, "web").guest.attention
        if answers:
            assert (kept.job and kept.job.runs, kept.domid is not None, attention) == (False, True, None)
        else:
            assert attention == UNKNOWN


def test_a_job_that_has_failed_is_not_called_cancelled(
    services: Services, host: Wiping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its operation was cancelled after that, and before the server had asked after it."""
    monkeypatch.setattr(operations_work, "JOB_PAUSES_S", (2.0, 2.0))
    ident = guests.view(services, "web").guest.id
    host.memory_mib, host.cleans_s = 1030, 1.0

    def has_failed() -> bool:
        host.advance()
        job = host.guests[ident].job
        return job is not None and job.error is not None

    operation = guests.reboot(services, "web", 0)
    until(has_failed, "its failure")
    operations.cancel(services, operation.id)
    ended = wait(services, operation)
    assert (ended.state, ended.error and ended.error["code"]) == (OperationState.FAILED, "out_of_memory")


def test_a_start_that_has_happened_is_done_though_it_was_cancelled_while_its_server_ended(
    tmp_path: Path, database: sa.URL | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job of a start goes on to its end, and whoever takes the operation over finds that."""
    monkeypatch.setattr(operations_work, "CANCEL_LOOKED_FOR_S", 600.0)
    host = SimulatedHost("sim1", memory_mib=2048, cores=4)
    with server_with_hosts(tmp_path, host, database=database) as services:
        kept = made(services, host)
        wait(services, guests.stop(services, "web", 0))
        host.verb_s["guest_start"] = 3600.0
        operation = guests.start(services, "web")
        until(lambda: kept.job is not None and kept.job.verb == "guest_start", "the job")
        mark_cancelled(services, operation)
    assert kept.job is not None
    kept.job.end()
    with server(tmp_path, SimulatedFleet([host]), database) as services:
        assert wait(services, operation).state is OperationState.DONE
        view = guests.view(services, "web")
        assert (kept.domid is not None, view.guest.phase, view.todo) == (True, Phase.RUNNING, None)


def test_a_start_that_has_failed_by_itself_says_why_though_it_was_cancelled_while_its_server_ended(
    tmp_path: Path, database: sa.URL | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations_work, "CANCEL_LOOKED_FOR_S", 600.0)
    host = SimulatedHost("sim1", memory_mib=2048, cores=4)
    with server_with_hosts(tmp_path, host, database=database) as services:
        kept = made(services, host)
        wait(services, guests.stop(services, "web", 0))
        host.verb_s["guest_start"] = 3600.0
        operation = guests.start(services, "web")
        until(lambda: kept.job is not None and kept.job.verb == "guest_start", "the job")
        mark_cancelled(services, operation)
    assert kept.job is not None
    kept.job.fail(HostFault("Xen has 5 MiB free.", code="out_of_memory"))
    with server(tmp_path, SimulatedFleet([host]), database) as services:
        ended = wait(services, operation)
        assert (ended.state, ended.error and ended.error["code"]) == (OperationState.FAILED, "out_of_memory")
        assert guests.view(services, "web").guest.attention == "Xen has 5 MiB free."


def test_what_was_cancelled_is_ended_though_an_answer_was_lost(
    tmp_path: Path, database: sa.URL | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations_work, "CANCEL_LOOKED_FOR_S", 600.0)
    host = Far("sim1", memory_mib=2048, cores=4)
    with server_with_hosts(tmp_path, host, database=database) as services:
        kept = made(services, host)
        kept.deaf = True
        operation = guests.stop(services, "web", 3600)
        until(lambda: kept.job is not None and kept.job.verb == "guest_stop", "the job")
        mark_cancelled(services, operation)
    host.lost = 1
    with server(tmp_path, SimulatedFleet([host]), database) as services:
        assert wait(services, operation).state is OperationState.CANCELLED
        assert (host.lost, kept.job and kept.job.runs, kept.domid is not None) == (0, False, True)
        assert guests.view(services, "web").guest.attention is None


def test_what_comes_late_from_a_server_that_was_lost_does_nothing_any_more(
    tmp_path: Path, database: sa.URL | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations_work, "CANCEL_LOOKED_FOR_S", 600.0)
    host = Far("sim1", memory_mib=2048, cores=4)
    with server_with_hosts(tmp_path, host, database=database) as services:
        kept = made(services, host)
        kept.job = None  # its host has booted since
        operation = guests.stop(services, "web", 0)
        until(lambda: host.late is not None, "the call")
        mark_cancelled(services, operation)
    with server(tmp_path, SimulatedFleet([host]), database) as services:
        assert wait(services, operation).state is OperationState.CANCELLED
        assert host.late is not None
        with pytest.raises(Fenced):
            host.guest_stop(host.late, 0)
        assert kept.domid is not None


def test_what_would_have_been_tried_again_is_cancelled_and_has_not_failed(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "FIRST_PAUSE_S", 3600.0)
    wait(services, guests.stop(services, "web", 0))
    kept = host.guests[guests.view(services, "web").guest.id]
    host.verb_s["guest_start"] = 3600.0
    operation = guests.start(services, "web")
    until(lambda: kept.job is not None and kept.job.verb == "guest_start", "the job")
    assert kept.job is not None
    kept.job.fail(Busy("It was cut short on its host.", code="job_lost"))
    time.sleep(1.0)
    operations.cancel(services, operation.id)
    assert wait(services, operation).state is OperationState.CANCELLED
    assert kept.domid is not None
    attention = guests.view(services, "web").guest.attention
    assert attention == "What was begun with it was cancelled, and it runs."
    wait(services, guests.stop(services, "web", 0))
    assert guests.view(services, "web").guest.attention is None
