"""Hosts that are gone for good: no guest of theirs stays behind that nothing could be done about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from teig.control import guests, hosts, observing, operations, pools
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import Busy, Conflict, NotFound
from teig.model.names import HostId
from teig.model.operation import OperationState
from teig.model.pool import PoolRating
from teig.policy.admission import Amounts, memory_for
from teig.policy.guest_life import Phase
from teig.store import reservations
from teig.store.observations import Seen
from tests.simulated import HOST_KEY, SITE, candidate, server_with_hosts, stored, wait, wish


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


def test_a_guest_that_is_deleted_while_its_host_is_adopted_stays_deleted(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(services, guests.create(services, wish("web")))
    sound = observing.observe

    def slow(*args: Any) -> Seen:
        seen = sound(*args)
        wait(services, guests.delete(services, "web", force=True))
        return seen

    monkeypatch.setattr(observing, "observe", slow)
    found = hosts.adopt(services, "sim1")
    assert found.adopted == ()
    assert "worked on meanwhile" in found.problems[0]
    assert stored(services) == []


def test_a_guest_that_is_just_rebooting_is_adopted_as_one_that_runs(services: Services, host: SimulatedHost) -> None:
    wait(services, guests.create(services, wish("web")))
    ident = guests.view(services, "web").guest.id
    hosts.remove(services, "sim1", force=True)
    host.gap_s = 60.0
    host.reboot_inside(ident)
    hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name)
    assert hosts.adopt(services, "sim1").adopted == ("web",)
    assert guests.view(services, "web").guest.phase is Phase.RUNNING


def test_what_a_guest_has_beyond_what_is_reserved_is_reserved_when_it_is_seen(
    services: Services, host: SimulatedHost
) -> None:
    """As after a backup was restored that knows an earlier plan."""
    wait(services, guests.create(services, wish("web")))
    [guest] = stored(services)
    before = candidate(services, "sim1").reserved
    with host.lock:
        kept = host.guests[guest.id]
        kept.spec = kept.started = replace(guest.spec, memory_mib=600)
    reserved = candidate(services, "sim1").reserved
    assert reserved.memory_mib == before.memory_mib + memory_for(600, 1) - memory_for(96, 1)
    assert reserved.disk_bytes == before.disk_bytes


def test_a_pool_that_is_measured_while_its_host_is_removed(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = host.pool_bench

    def slow(name: str) -> PoolRating:
        hosts.remove(services, "sim1")
        return sound(name)

    monkeypatch.setattr(host, "pool_bench", slow)
    with pytest.raises(NotFound, match="no host named sim1"):
        pools.bench(services, "sim1")


def test_cancelling_what_nobody_has_begun_lowers_nothing(services: Services, host: SimulatedHost) -> None:
    wait(services, guests.create(services, wish("web")))
    [guest] = stored(services)
    hosts.remove(services, "sim1", force=True)
    hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name)
    pools.bench(services, "sim1")
    hosts.adopt(services, "sim1")
    before = candidate(services, "sim1").reserved
    services.db.update(
        lambda connection: reservations.raise_to(connection, guest.id, guest_host(services), "vg0", Amounts(500))
    )
    host.answers = False
    hosts.view(services, "sim1")  # it is known to be silent: nobody begins
    resize = guests.resize(services, "web", "tiny")
    operations.cancel(services, resize.id)
    assert candidate(services, "sim1").reserved.memory_mib == 500 > before.memory_mib


def guest_host(services: Services) -> HostId:
    return stored(services)[0].host
