"""Guests that are paused, and let go on by whoever is to: none is forgotten."""

from __future__ import annotations

import pytest

from teig.agent.keeper import pauses
from teig.agent.xen.hypervisor import Hypervisor
from tests.agent.given import GUEST
from tests.keeper.given import Host


def test_the_agent_lets_a_guest_go_on_and_only_those_that_are_paused_here(host: Host) -> None:
    folder = host.root / "run"
    folder.mkdir()
    host.run(7)
    xen = host.xen
    assert not pauses.release(xen, GUEST, folder)  # type: ignore[arg-type]
    xen.pause(7)  # an administrator
    assert not pauses.release(xen, GUEST, folder)  # type: ignore[arg-type]
    pauses.pause(xen, host.xen.running[1], 5.0, folder)  # type: ignore[arg-type]
    assert pauses.paused(GUEST, folder) == (7, 5.0)
    assert pauses.release(xen, GUEST, folder)  # type: ignore[arg-type]
    assert xen.pauses == {7: 1}
    (folder / f"paused/{GUEST}.json").write_text("{")
    assert pauses.release(xen, GUEST, folder)  # type: ignore[arg-type]
    assert pauses.all_paused(folder) == {}


def test_who_was_let_go_on_by_somebody_else_just_now_is_released_all_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, xen = host.root / "run", host.xen
    host.run(7)
    pauses.pause(xen, host.xen.running[1], 5.0, folder)  # type: ignore[arg-type]
    sound = pauses._is_paused

    def meanwhile(xen: Hypervisor, guest: str, domid: int) -> bool:
        answer = sound(xen, guest, domid)
        if answer:
            xen.unpause(domid)
        return answer

    monkeypatch.setattr(pauses, "_is_paused", meanwhile)
    assert pauses.release(xen, GUEST, folder)  # type: ignore[arg-type]
    assert pauses.all_paused(folder) == {}


def test_a_pause_that_cannot_be_taken_back_is_not_forgotten(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, xen = host.root / "run", host.xen
    host.run(7)
    pauses.pause(xen, host.xen.running[1], 5.0, folder)  # type: ignore[arg-type]

    def fail(_domid: int) -> None:
        raise RuntimeError(12, "Cannot allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr(xen, "unpause", fail)
        with pytest.raises(RuntimeError, match="allocate"):
            pauses.release(xen, GUEST, folder)  # type: ignore[arg-type]
    assert pauses.paused(GUEST, folder) == (7, 5.0)
    assert pauses.release(xen, GUEST, folder)  # type: ignore[arg-type]
    assert not xen.running[1].paused
