"""What is said and done where nobody has looked at a host yet: since a backup was restored, say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from teig.control import drift, guests, hosts, placing, pools
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import Conflict, HostFault, Refused, Unreachable
from teig.model.pool import DiskRate, PoolRating
from teig.policy.drift import UNREACHABLE
from teig.store import hosts as stored_hosts
from teig.store import observations
from tests.simulated import HOST_KEY, SITE, wish


@pytest.fixture(autouse=True)
def _unseen(services: Services, host: SimulatedHost) -> None:
    """The host is enrolled, nothing of it was seen, and it does not answer."""
    [there] = services.db.read(stored_hosts.listed)
    services.db.write(lambda connection: observations.forget(connection, there.id))
    host.answers = False


def test_such_a_host_is_forgotten_only_by_force(services: Services, host: SimulatedHost) -> None:
    """Guests may run there that the backup does not know, with addresses that would be given to others."""
    hosts.view(services, "sim1")
    with pytest.raises(Conflict, match="Nobody knows what runs on host sim1: it was not observed yet") as caught:
        hosts.remove(services, "sim1")
    assert "teig host remove sim1 --force" in caught.value.todo
    host.answers = True
    hosts.view(services, "sim1")
    assert hosts.remove(services, "sim1") == ()


def test_its_agent_and_keeper_are_not_known_to_be_current(services: Services, host: SimulatedHost) -> None:
    """It may be that nothing of it can be seen because its agent is too old."""
    assert hosts.view(services, "sim1").outdated == ("agent", "keeper")
    host.answers = True
    assert hosts.view(services, "sim1").outdated == ()


def test_drift_tells_of_it(services: Services) -> None:
    [found] = drift.found(services)
    assert (found.host, found.kind, found.text) == ("sim1", UNREACHABLE, "Host sim1 was not observed yet.")


@pytest.mark.parametrize(
    "ask",
    [
        lambda services: pools.of_host(services, "sim1"),
        lambda services: pools.bench(services, "sim1"),
        lambda services: pools.rate(services, "sim1", PoolRating(DiskRate(500, 500, 10**8, 10**8))),
    ],
    ids=["show", "bench", "rate"],
)
def test_nobody_is_told_to_make_a_volume_group_there(services: Services, ask: Callable[[Services], object]) -> None:
    with pytest.raises(Unreachable, match="it was not observed yet") as caught:
        ask(services)
    assert "teig host show sim1" in caught.value.todo


def test_a_create_tells_that_it_does_not_answer_as_of_one_that_was_seen(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts.view(services, "sim1")
    monkeypatch.setattr(placing, "SILENT_S", -1.0)
    with pytest.raises(Unreachable, match="Host sim1 does not answer"):
        guests.create(services, wish("web"))


def test_beside_one_that_has_no_room_the_create_tells_why_of_each(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.fleet.hosts["sim2"] = SimulatedHost("sim2", memory_mib=2048)  # type: ignore[attr-defined]
    hosts.add(services, "sim2", "sim2", 22, HOST_KEY, SITE.name)
    hosts.view(services, "sim1")
    monkeypatch.setattr(placing, "SILENT_S", -1.0)
    with pytest.raises(Refused, match="sim1: was not observed yet: Host sim1 does not answer"):
        guests.create(services, wish("web"))


@pytest.mark.parametrize("ask", [pools.of_host, pools.bench])
def test_where_lvm_fails_nobody_is_told_to_make_a_volume_group_either(
    services: Services, host: SimulatedHost, ask: Callable[[Services, str], object]
) -> None:
    host.answers = True
    sound = host.facts
    host.facts = lambda *args: replace(  # type: ignore[method-assign]
        sound(*args), volume_groups=(), lvm_failure="vgs ended with status 5."
    )
    hosts.view(services, "sim1")
    with pytest.raises(HostFault, match="does not tell of its volume groups: vgs ended with"):
        ask(services, "sim1")


def test_a_host_whose_keeper_does_not_run_is_not_ready_and_not_outdated(
    services: Services, host: SimulatedHost
) -> None:
    host.answers, host.keeper_beat, host.keeper_version = True, None, ""
    view = hosts.view(services, "sim1")
    assert (view.state, view.outdated) == ("keeper_dead", ())
    assert view.warnings[0].endswith("Start it: teig drift --fix")
