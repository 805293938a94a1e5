"""A cancelled operation undoes what it did, at once where nothing was begun."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from teig.control import guests, operations
from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import Conflict, InvalidRequest, NotFound
from teig.model.operation import OperationState
from teig.policy.guest_life import Phase
from teig.store import guests as stored_guests
from teig.store import schema
from teig.store.operations import MOST_ON_A_HOST
from tests.faults import STEPS, FaultyFleet
from tests.simulated import enrol, server, wait, wish


class SlowFleet(FaultyFleet):
    """A fleet whose call named `fail` waits until `go_on`, and then does what it should."""

    def __init__(self, inner: SimulatedFleet) -> None:
        super().__init__(inner)
        self.reached, self.go_on = threading.Event(), threading.Event()

    def host(self, address: Any) -> Any:
        return _SlowHost(self, self.inner.host(address))


class _SlowHost:
    def __init__(self, fleet: SlowFleet, inner: Any) -> None:
        self._fleet = fleet
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        if name == self._fleet.fail:
            self._fleet.reached.set()
            assert self._fleet.go_on.wait(30)
        return getattr(self._inner, name)


@pytest.fixture
def fleet(host: SimulatedHost) -> SlowFleet:
    return SlowFleet(SimulatedFleet([host]))


@pytest.fixture
def services(tmp_path: Path, fleet: SlowFleet, database: sa.URL | None) -> Iterator[Services]:
    with server(tmp_path, fleet, database) as services:
        enrol(services, ["sim1"])
        yield services
        fleet.go_on.set()


def rows(services: Services) -> list[int]:
    tables = (schema.guests, schema.nics)
    count = [sa.select(sa.func.count()).select_from(table) for table in tables]
    return services.db.read(lambda connection: [connection.execute(query).scalar_one() for query in count])


@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_create_that_is_cancelled_leaves_nothing_behind(
    services: Services, fleet: SlowFleet, host: SimulatedHost, step: str
) -> None:
    fleet.fail = step
    operation = guests.create(services, wish("web"))
    assert fleet.reached.wait(30)
    assert not operations.cancel(services, operation.id).state.ended
    fleet.go_on.set()
    ended = wait(services, operation)
    assert ended.state is OperationState.CANCELLED
    assert ended.error is not None
    assert ended.error["code"] == "cancelled"
    assert host.inventory().guests == ()
    assert rows(services) == [0, 0]


def test_one_that_waits_for_its_host_is_gone_at_once(services: Services, fleet: SlowFleet, host: SimulatedHost) -> None:
    host.job_s = 60
    there = [guests.create(services, wish(f"web{number}")) for number in range(MOST_ON_A_HOST)]
    waits = guests.create(services, wish("shop"))
    assert operations.cancel(services, waits.id).state is OperationState.CANCELLED
    assert rows(services) == [MOST_ON_A_HOST, MOST_ON_A_HOST]
    deadline = time.monotonic() + 30
    while len([kept for kept in host.guests.values() if kept.job]) < MOST_ON_A_HOST:
        assert time.monotonic() < deadline, "not all have a job on the host"
        time.sleep(0.02)
    host.job_s = 0  # what undoes them takes no time
    for operation in there:
        operations.cancel(services, operation.id)
    assert {wait(services, operation).state for operation in there} == {OperationState.CANCELLED}


@pytest.mark.parametrize("before", [None, "It failed before."])
def test_a_job_that_takes_long_is_ended_at_once_and_calls_nobodys_attention(
    services: Services, host: SimulatedHost, before: str | None
) -> None:
    wait(services, guests.create(services, wish("web")))
    ident = guests.view(services, "web").guest.id
    services.db.write(lambda connection: stored_guests.settle(connection, ident, Phase.RUNNING, before))
    kept = next(iter(host.guests.values()))
    kept.deaf = True
    operation = guests.stop(services, "web", 3600)
    deadline = time.monotonic() + 30
    while kept.job is None or kept.job.verb != "guest_stop":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    operations.cancel(services, operation.id)
    assert wait(services, operation).state is OperationState.CANCELLED
    assert kept.domid is not None
    view = guests.view(services, "web")
    assert (view.guest.phase, view.guest.attention) == (Phase.RUNNING, before)


def test_a_guest_that_takes_long_delays_no_other(services: Services, host: SimulatedHost) -> None:
    for name in ("deaf", "shop"):
        wait(services, guests.create(services, wish(name)))
    host.guests[guests.view(services, "deaf").guest.id].deaf = True
    slow = guests.stop(services, "deaf", 3600)
    assert wait(services, guests.reboot(services, "shop", 0)).state is OperationState.DONE
    operations.cancel(services, slow.id)
    assert wait(services, slow).state is OperationState.CANCELLED


def test_what_has_ended_cannot_be_cancelled(services: Services) -> None:
    operation = guests.create(services, wish("web"))
    wait(services, operation)
    with pytest.raises(Conflict, match="has ended: it is done"):
        operations.cancel(services, operation.id)


def test_a_delete_that_has_begun_cannot_be_taken_back(services: Services, fleet: SlowFleet) -> None:
    wait(services, guests.create(services, wish("web")))
    fleet.fail = "volume_delete"
    operation = guests.delete(services, "web", force=True)
    assert fleet.reached.wait(30)
    with pytest.raises(Conflict, match="cannot be taken back"):
        operations.cancel(services, operation.id)
    fleet.go_on.set()
    assert wait(services, operation).state is OperationState.DONE


def test_the_first_characters_name_an_operation(services: Services) -> None:
    ended = [wait(services, guests.create(services, wish(name))) for name in ("a", "b")]
    for one in ended:
        assert operations.by_id(services, one.id[:8]).id == one.id
        with pytest.raises(Conflict, match="has ended"):
            operations.cancel(services, one.id[:8])
    for text in (ended[0].id[:3], "%%%%", "____", "0000000000"):
        with pytest.raises(NotFound):
            operations.by_id(services, text)
    made = {"id": ended[0].id[:-1] + "!"}
    services.db.write(
        lambda connection: connection.execute(
            schema.operations.update().where(schema.operations.c.id == ended[1].id).values(made)
        )
    )
    with pytest.raises(InvalidRequest, match="Several operations begin with"):
        operations.by_id(services, ended[0].id[:8])
