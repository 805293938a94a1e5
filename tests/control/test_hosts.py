"""Hosts that are gone for good: no guest of theirs stays behind that nothing could be done about."""

from __future__ import annotations

from pathlib import Path

import pytest

from teig.control import guests, hosts, operations
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import Busy, Conflict, NotFound
from teig.model.operation import OperationState
from tests.simulated import HOST_KEY, SITE, server_with_hosts, wait, wish


def test_a_host_with_guests_is_forgotten_only_by_force(services: Services, host: SimulatedHost) -> None:
    wait(services, guests.create(services, wish("web")))
    host.answers = False
    with pytest.raises(Conflict, match="Host sim1 has 1 of our guests: web") as caught:
        hosts.remove(services, "sim1")
    assert "teig host remove sim1 --force" in caught.value.todo
    assert hosts.remove(services, "sim1", force=True) == ("web",)
    assert hosts.listed(services) == []
    with pytest.raises(NotFound):
        guests.view(services, "web")
    assert operations.listed(services, 10)[0].state is OperationState.DONE, "what was done stays to be read"


def test_while_something_is_done_on_a_host_it_is_not_forgotten(services: Services, host: SimulatedHost) -> None:
    wait(services, guests.create(services, wish("web")))
    host.job_s = 2.0
    stop = guests.stop(services, "web", 0)
    with pytest.raises(Busy, match="Guest web is being worked on") as caught:
        hosts.remove(services, "sim1", force=True)
    assert stop.id in caught.value.todo
    wait(services, stop)
    hosts.remove(services, "sim1", force=True)


def test_a_host_that_comes_back_has_its_guests_adopted_but_for_what_others_have_by_now(tmp_path: Path) -> None:
    lost, other = (SimulatedHost(name, memory_mib=2048, cores=4) for name in ("sim1", "sim2"))
    with server_with_hosts(tmp_path, lost, other) as services:
        for name in ("web", "db"):
            wait(services, guests.create(services, wish(name, host="sim1")))
        address = guests.view(services, "web").guest.spec.nics[0].ip
        hosts.remove(services, "sim1", force=True)
        wait(services, guests.create(services, wish("new", host="sim2")))
        assert guests.view(services, "new").guest.spec.nics[0].ip == address
        hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name)
        found = hosts.adopt(services, "sim1")
        assert found.adopted == ("db",)
        [problem] = found.problems
        assert problem.startswith("web: ")
        assert "address" in problem
