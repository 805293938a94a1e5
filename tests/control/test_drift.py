"""What `teig drift --fix` begins, and in which order."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import pytest

from teig.control import drift, guests, operations
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import HostFault
from teig.policy.drift import Drift
from teig.policy.guest_life import Phase
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
