"""What nobody foresaw ends an operation, and leaves a guest that every verb still works on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
import sqlalchemy as sa

from teig.control import guests, operations, plans
from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.operation import Operation, OperationState
from teig.operations import engine
from teig.operations.work import Work
from teig.policy.guest_life import Phase
from teig.store import schema
from tests.simulated import server, server_with_hosts, wait, wish


@pytest.fixture
def host() -> SimulatedHost:
    return SimulatedHost("sim1", memory_mib=4096, cores=4)


@pytest.fixture
def services(
    tmp_path: Path, host: SimulatedHost, database: sa.URL | None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    monkeypatch.setattr(engine, "FIRST_PAUSE_S", 0.01)
    with server_with_hosts(tmp_path, host, database=database) as services:
        wait(services, guests.create(services, wish("web")))
        yield services


def test_an_error_while_the_books_are_closed_holds_the_guest_for_nobody(services: Services) -> None:
    sequences = vars(services.engine)["_sequences"]
    sound = sequences["guest_stop"]

    def bug(connection: sa.Connection, work: Work) -> NoReturn:
        raise ZeroDivisionError("nobody thought of it")

    sequences["guest_stop"] = replace(sound, done=bug)
    ended = wait(services, guests.stop(services, "web", 0))
    sequences["guest_stop"] = sound
    assert ended.state in {OperationState.STUCK, OperationState.FAILED}
    view = guests.view(services, "web")
    assert view.guest.attention is not None
    assert view.todo is not None
    assert wait(services, guests.start(services, "web")).state is OperationState.DONE
    assert guests.view(services, "web").guest.attention is None


def test_a_resize_while_the_host_is_silent_condemns_no_guest(services: Services, host: SimulatedHost) -> None:
    host.answers = False
    ended = wait(services, guests.resize(services, "web", "small"), 60)
    host.answers = True
    assert ended.state is not OperationState.DONE
    view = guests.view(services, "web")
    assert view.guest.phase is Phase.RUNNING
    assert view.todo is not None
    assert wait(services, guests.mend(services, "web")).state is OperationState.DONE
    mended = guests.view(services, "web")
    assert (mended.guest.phase, mended.guest.attention) == (Phase.RUNNING, None)
    assert mended.guest.spec.plan in {plan.name for plan in plans.listed(services)}
    assert guests.drift(mended) == []


def damage(services: Services, operation: Operation, **values: object) -> None:
    damaged = schema.operations.update().where(schema.operations.c.id == operation.id).values(values)
    services.db.write(lambda connection: connection.execute(damaged))


@pytest.mark.parametrize("damaged", [{"steps": [{"name": "stop"}]}, {"state": "nonsense"}, {"steps": None}])
def test_an_operation_that_cannot_be_read_holds_up_no_other(
    services: Services, monkeypatch: pytest.MonkeyPatch, damaged: dict[str, object]
) -> None:
    wait(services, guests.create(services, wish("shop")))
    with monkeypatch.context() as patch:
        patch.setattr(engine.Engine, "_has_place", lambda *_args, **_more: False)
        unreadable, other = guests.stop(services, "web", 0), guests.stop(services, "shop", 0)
        damage(services, unreadable, **damaged)
        assert {shown.id for shown in operations.listed(services, 2)} == {unreadable.id, other.id}
    services.engine.wake_for_the_lost()
    assert wait(services, other).state is OperationState.DONE
    ended = wait(services, unreadable)
    assert (ended.state, (ended.error or {})["code"]) == (OperationState.STUCK, "internal")
    assert "cannot be read" in str(guests.view(services, "web").guest.attention)
    assert wait(services, guests.start(services, "web")).state is OperationState.DONE


def test_an_operation_that_cannot_be_read_can_be_cancelled(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.Engine, "_has_place", lambda *_args, **_more: False)
    unreadable = guests.stop(services, "web", 0)
    damage(services, unreadable, steps=[{"name": "stop"}])
    assert operations.cancel(services, unreadable.id).state is OperationState.CANCELLED


def test_an_operation_that_was_left_and_cannot_be_read_holds_up_no_other(
    tmp_path: Path, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server_with_hosts(tmp_path, host) as services:
        for name in ("web", "shop"):
            wait(services, guests.create(services, wish(name)))
        monkeypatch.setattr(engine.Engine, "_hand_over", lambda *_args, **_more: None)
        left, other = guests.stop(services, "web", 0), guests.stop(services, "shop", 0)
        damage(services, left, steps=sa.literal_column("'[{'"))
        monkeypatch.undo()
    with server(tmp_path, SimulatedFleet([host])) as services:
        assert wait(services, other).state is OperationState.DONE
        assert wait(services, left).state is OperationState.STUCK
