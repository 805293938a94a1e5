"""guest_create fails at every step in turn, before and after the host has done it, and leaves a clean slate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from teig.control import guests
from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import Unreachable
from teig.model.operation import OperationState
from teig.operations import engine
from tests.faults import STEPS, FaultyFleet
from tests.simulated import enrol, server, wait, wish


@pytest.fixture
def fleet(host: SimulatedHost) -> FaultyFleet:
    return FaultyFleet(SimulatedFleet([host]))


@pytest.fixture
def services(
    tmp_path: Path, fleet: FaultyFleet, database: sa.URL | None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    monkeypatch.setattr(engine, "FIRST_PAUSE_S", 0.01)
    with server(tmp_path, fleet, database) as services:
        enrol(services, ["sim1"])
        yield services


def rows(services: Services) -> dict[str, int]:
    count = "select (select count(*) from guests), (select count(*) from nics)"
    found = services.db.read(lambda connection: connection.exec_driver_sql(count).one())
    return {"guests": found[0], "nics": found[1]}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_leaves_nothing_behind(
    services: Services, fleet: FaultyFleet, host: SimulatedHost, step: str, when: str
) -> None:
    fleet.fail, fleet.when = step, when
    ended = wait(services, guests.create(services, wish("web", disks=(8 << 20,))))
    assert ended.state is OperationState.FAILED
    assert ended.error is not None
    assert (ended.error["message"], ended.error["kind"]) == ("The test broke it.", "host_fault")
    assert host.inventory().guests == ()
    assert rows(services) == {"guests": 0, "nics": 0}
    fleet.fail = None
    assert wait(services, guests.create(services, wish("web"))).state is OperationState.DONE


def test_a_host_that_answers_again_is_tried_again(services: Services, fleet: FaultyFleet) -> None:
    tries: list[int] = []

    def error() -> Exception:
        tries.append(1)
        if len(tries) == 2:
            fleet.fail = None
        return Unreachable("It does not answer.")

    fleet.fail, fleet.error = "guest_start", error
    assert wait(services, guests.create(services, wish("web"))).state is OperationState.DONE
    assert len(tries) == 2


def test_what_cannot_be_undone_is_said_and_can_be_deleted_later(
    services: Services, fleet: FaultyFleet, host: SimulatedHost
) -> None:
    fleet.fail, fleet.when = "guest_start", "after"

    def die() -> Exception:
        host.answers = False
        return Unreachable("It does not answer.")

    fleet.error = die
    ended = wait(services, guests.create(services, wish("web")))
    assert ended.state is OperationState.STUCK
    assert ended.error is not None
    assert "Not all could be undone" in ended.error["message"]
    fleet.fail, host.answers = None, True
    assert wait(services, guests.delete(services, "web", force=False)).state is OperationState.DONE
    assert host.inventory().guests == ()
    assert rows(services) == {"guests": 0, "nics": 0}


def test_a_fault_that_teig_does_not_know_is_an_internal_one(services: Services, fleet: FaultyFleet) -> None:
    fleet.fail, fleet.error = "guest_start", lambda: ZeroDivisionError("secret detail")
    ended = wait(services, guests.create(services, wish("web")))
    assert ended.error is not None
    assert ended.error["kind"] == "internal"
    assert "secret" not in str(ended.error)
    assert rows(services) == {"guests": 0, "nics": 0}
