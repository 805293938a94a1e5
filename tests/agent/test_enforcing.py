"""What a running guest is held to at once, and what only from its next start on."""

from __future__ import annotations

from pathlib import Path

import pytest

from teig.agent.guests import guests as module
from teig.agent.host.state import State, write_json
from teig.agent.network.cards import Cards, Seen
from teig.agent.xen.hypervisor import Domain
from tests.agent.conftest import Making
from tests.agent.given import GUEST, spec
from tests.agent.processors import domain
from tests.keeper.given import Xen


def test_after_a_resize_down_everything_that_holds_at_once_is_enforced(
    making: Making, xen: Xen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Xen refuses a maxmem below what the domain has (libxl_domain_setmaxmem), which is the next start's."""
    agent = making(memory_mib=96)
    large: Domain = domain(5, GUEST)._replace(mem_kib=512 << 10, maxmem_kib=(512 << 10) + 1024)
    xen.running.append(large)
    xen.weights[5] = xen.weights[0]
    held: list[int] = []

    def must(argv: list[str], *_: object) -> str:
        assert argv[1] != "mem-max" or int(argv[3]) >= 512, f"Xen refuses {argv}"
        return ""

    monkeypatch.setattr(module, "must", must)
    monkeypatch.setattr(vars(agent)["_limits"], "hold", lambda _spec, domid: held.append(domid))
    agent.enforce(GUEST, 1)
    assert held == [5]
    assert xen.weights[5].weight == spec()["weight"]


@pytest.mark.parametrize("maxmem_mib", [96, 200])
def test_a_running_guest_has_no_balloon_after_a_resize_up_either(
    making: Making, xen: Xen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, maxmem_mib: int
) -> None:
    """It could take at any time what is promised to it from its next start on."""
    agent = making(memory_mib=128)
    write_json(State(tmp_path).guest_dir(GUEST) / "started.json", {"spec": {**spec(), "memory_mib": 96}, "at": 0.0})
    running: Domain = domain(5, GUEST)._replace(mem_kib=96 << 10, maxmem_kib=(maxmem_mib << 10) + 1024)
    xen.running.append(running)
    xen.weights[5] = xen.weights[0]
    asked: list[list[str]] = []
    monkeypatch.setattr(module, "must", lambda argv, *_: asked.append(argv))
    monkeypatch.setattr(vars(agent)["_limits"], "hold", lambda *_: None)
    monkeypatch.setattr(Cards, "hold", lambda *_: None)
    monkeypatch.setattr(Cards, "seen", lambda _: Seen({}, {}))
    agent.enforce(GUEST, 1)
    assert asked == ([] if maxmem_mib == 96 else [["xl", "mem-max", "5", "96"]])


def test_one_that_somebody_else_has_started_keeps_the_memory_that_it_has(
    making: Making, xen: Xen, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = making(memory_mib=256)
    xen.running.append(domain(5, GUEST)._replace(mem_kib=96 << 10, maxmem_kib=97 << 10))
    xen.weights[5] = xen.weights[0]
    asked: list[list[str]] = []
    monkeypatch.setattr(module, "must", lambda argv, *_: asked.append(argv))
    monkeypatch.setattr(vars(agent)["_limits"], "hold", lambda *_: None)
    monkeypatch.setattr(Cards, "hold", lambda *_: None)
    monkeypatch.setattr(Cards, "seen", lambda _: Seen({}, {}))
    agent.enforce(GUEST, 1)
    assert asked == []
