"""What `teig drift --fix` begins, and in which order."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import pytest

from teig.control import drift, guests, operations
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import Busy, HostFault
from teig.policy.drift import UNREACHABLE, Drift
from teig.policy.guest_life import Phase
from teig.store import schema
from tests.simulated import server_with_hosts, stored, wait, wish

LONG_S: Final = 20


def test_a_guest_that_its_owner_has_stopped_meanwhile_is_not_started(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(services, guests.create(services, wish("web")))
    host.power_off_inside(stored(services)[0].id)
    sound = drift.found

    def slow(asked: Services) -> list[Drift]:
        differing = sound(asked)
        wait(asked, guests.stop(asked, "web", 0))
        return differing

    monkeypatch.setattr(drift, "found", slow)
    mended = drift.mend(services)
    assert mended.operations == ()
    [left] = mended.left
    assert "It could not be mended: Guest web was stopped meanwhile." in left.text
    assert stored(services)[0].phase is Phase.STOPPED


@pytest.mark.parametrize("comes_up", [True, False])
def test_a_guest_is_started_when_its_host_s_keeper_runs(
    services: Services, host: SimulatedHost, comes_up: bool
) -> None:
    """It would run without limits before."""
    wait(services, guests.create(services, wish("web")))
    host.power_off_inside(stored(services)[0].id)
    host.keeper_beat = None
    if not comes_up:
        host.failures["keeper_start"] = HostFault("The keeper does not come up.")
    mended = drift.mend(services)
    if comes_up:
        [begun] = mended.operations
        wait(services, begun)
        assert [(step.name, step.state) for step in operations.listed(services, 1)[0].steps][-1][1] == "done"
        assert host.keeper_beat is not None
    else:
        assert mended.operations == ()
        assert [left.text for left in mended.left if left.guest] == [
            "It should run, and does not. It waits for its host's keeper."
        ]


@pytest.mark.parametrize("trouble", [Busy("Host sim1 has all 4 calls at once in use.", code="host_busy"), None])
def test_a_host_that_nobody_has_observed_lately_is_told(
    services: Services, host: SimulatedHost, trouble: Busy | None
) -> None:
    """It is not silent: all ways to it are in use, or a row of ours cannot be read."""
    assert drift.found(services, now=True) == []
    later = services.now() + 600
    object.__setattr__(services, "now", lambda: later)
    if trouble is not None:
        host.failures["facts"] = trouble
    else:
        services.db.write(lambda connection: connection.execute(schema.sites.update().values(record={})))
    [told] = drift.found(services, now=True)
    assert (told.host, told.kind) == ("sim1", UNREACHABLE)
    assert told.text.startswith("Host sim1 was last observed 6")


def test_guests_are_begun_before_keepers_are_started_side_by_side(tmp_path: Path) -> None:
    """A keeper may take a minute to come up."""
    first, second, last = (SimulatedHost(name, memory_mib=2048, cores=4) for name in ("a1", "a2", "z1"))
    together = threading.Barrier(2)
    with server_with_hosts(tmp_path, first, second, last) as services:
        wait(services, guests.create(services, wish("web", host="z1")))
        last.power_off_inside(stored(services)[0].id)

        def comes_up() -> None:
            together.wait(LONG_S)
            assert operations.listed(services, 1)[0].kind == "guest_start"

        def does_not() -> None:
            comes_up()
            raise HostFault("The keeper does not come up.")

        first.keeper_start, second.keeper_start = does_not, comes_up  # type: ignore[method-assign]
        first.keeper_beat = second.keeper_beat = None
        mended = drift.mend(services)
        assert [operation.subject for operation in mended.operations] == ["web"]
        assert mended.done == ("The keeper of a2 was started.",)
        [left] = mended.left
        assert left.text.endswith("It could not be mended: The keeper does not come up.")
