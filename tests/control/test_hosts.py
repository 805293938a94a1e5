"""Hosts that are gone for good: no guest of theirs stays behind that nothing could be done about."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa

from teig.control import adopting, asking, drift, guests, hosts, observing, operations, placing, pools, sites
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import Busy, Conflict, HostFault, NotFound, Refused, Unreachable
from teig.model.guest import GuestState
from teig.model.host import Inventory
from teig.model.names import HostId
from teig.model.operation import OperationState
from teig.model.pool import PoolRating
from teig.policy.admission import Amounts, memory_for
from teig.policy.guest_life import Phase
from teig.store import guests as stored_guests
from teig.store import hosts as stored_hosts
from teig.store import observations, reservations, schema
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


def test_a_host_is_not_forgotten_while_guests_run_there_that_nobody_claims(
    services: Services, host: SimulatedHost
) -> None:
    wait(services, guests.create(services, wish("web")))
    lost = stored(services)[0]
    address = lost.spec.nics[0].address.split("/")[0]
    services.db.write(lambda connection: stored_guests.remove(connection, lost, None))
    hosts.view(services, "sim1")
    with pytest.raises(Conflict, match=f"not in the database, with the addresses {address}") as caught:
        hosts.remove(services, "sim1")
    assert "teig host adopt sim1" in caught.value.todo
    assert hosts.remove(services, "sim1", force=True) == ()


def test_a_host_that_was_removed_while_it_was_added_again_is_not_said_to_be_there(
    services: Services, host: SimulatedHost
) -> None:
    there = services.db.read(lambda connection: stored_hosts.named(connection, "sim1"))
    hosts.remove(services, "sim1")
    with pytest.raises(NotFound, match="was removed meanwhile"):
        services.db.write(lambda connection: stored_hosts.replace(connection, there))


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
        found = adopting.adopt(services, "sim1")
        assert found.adopted == ("db",)
        [problem] = found.problems
        assert problem.startswith("web: ")
        assert "address" in problem


@pytest.mark.parametrize("late_s", [0.0, 5.0, 3600.0])
def test_a_guest_that_is_deleted_while_its_host_is_adopted_stays_deleted(
    services: Services, monkeypatch: pytest.MonkeyPatch, late_s: float
) -> None:
    """By another server, say, whose clock is late, or by one whose clock was put back."""
    wait(services, guests.create(services, wish("web")))
    object.__setattr__(services.engine._parts, "now", lambda: time.time() - late_s)
    sound = observing.observe

    def slow(*args: Any) -> Seen:
        seen = sound(*args)
        wait(services, guests.delete(services, "web", force=True))
        return seen

    monkeypatch.setattr(observing, "observe", slow)
    found = adopting.adopt(services, "sim1")
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
    assert adopting.adopt(services, "sim1").adopted == ("web",)
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
    adopting.adopt(services, "sim1")
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


def test_a_machine_that_was_set_up_anew_takes_its_place_again_with_its_guests(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its Domain-0 was installed again, on the same volume group: it has another machine-id."""
    wait(services, guests.create(services, wish("web")))
    sound = host.facts
    monkeypatch.setattr(host, "facts", lambda *args: replace(sound(*args), machine_id="another"))
    with pytest.raises(Conflict, match="Host sim1 is enrolled, and this is another machine") as caught:
        hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name)
    assert "--reinstalled" in caught.value.todo
    hosts.add(services, "sim2", "sim1", 22, HOST_KEY, SITE.name)
    assert [problem.split(".")[0] for problem in adopting.adopt(services, "sim2").problems] == [
        "web: it is known as a guest of host sim1"
    ]
    with pytest.raises(Conflict, match="enrolled already, as host sim2"):
        hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name, reinstalled=True)
    hosts.remove(services, "sim2")
    hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name, reinstalled=True)
    assert pools.of_host(services, "sim1").rating is None, "it may have other disks"
    assert guests.view(services, "web").live
    assert wait(services, guests.reboot(services, "web", 0)).state is OperationState.DONE


def test_a_host_whose_keeper_does_not_run_takes_no_new_guest(services: Services, host: SimulatedHost) -> None:
    wait(services, guests.create(services, wish("web")))
    host.keeper_beat = None
    hosts.view(services, "sim1")
    with pytest.raises(Refused, match="its keeper does not run"):
        guests.create(services, wish("shop"))
    wait(services, guests.resize(services, "web", "tiny"))
    host.keeper_beat = 1.0
    hosts.view(services, "sim1")
    wait(services, guests.create(services, wish("shop")))


def test_a_host_whose_keeper_was_installed_just_now_is_waited_for(tmp_path: Path) -> None:
    host = SimulatedHost("sim1", memory_mib=2048, cores=4)
    host.keeper_beat = None
    with server_with_hosts(tmp_path, host) as services:
        assert host.keeper_beat == 0.0
        wait(services, guests.create(services, wish("web")))


def test_after_a_restore_no_address_is_given_away_before_the_hosts_were_looked_at(tmp_path: Path) -> None:
    """Guests may run there that the backup does not know."""
    first, second = (SimulatedHost(name, memory_mib=4096, cores=4) for name in ("sim1", "sim2"))
    with server_with_hosts(tmp_path, first, second) as services:
        wait(services, guests.create(services, wish("web", host="sim2")))
        address = guests.view(services, "web").guest.spec.nics[0].ip

        def as_after_a_restore(connection: sa.Connection) -> None:
            for stored_host in stored_hosts.listed(connection):
                observations.forget(connection, stored_host.id)
            stored_guests.remove(connection, stored(services)[0], None)

        services.db.write(as_after_a_restore)
        wait(services, guests.create(services, wish("shop", host="sim1")))
        assert guests.view(services, "shop").guest.spec.nics[0].ip != address


def test_the_address_of_a_guest_of_nobody_s_that_runs_is_not_given_away_though_its_spec_is_lost(tmp_path: Path) -> None:
    lost, other = (SimulatedHost(name, memory_mib=4096, cores=4) for name in ("sim1", "sim2"))
    with server_with_hosts(tmp_path, lost, other) as services:
        wait(services, guests.create(services, wish("web", host="sim1")))
        [web] = stored(services)
        lost.guests[web.id].spec = None
        hosts.remove(services, "sim1", force=True)
        hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name)
        wait(services, guests.create(services, wish("shop", host="sim2")))
        assert guests.view(services, "shop").guest.spec.nics[0].ip != web.spec.nics[0].ip


def test_while_a_guest_of_nobody_s_runs_whose_address_cannot_be_read_none_is_given_at_its_site(tmp_path: Path) -> None:
    lost, other, far = (SimulatedHost(name, memory_mib=4096, cores=4) for name in ("sim1", "sim2", "sim3"))
    with server_with_hosts(tmp_path, lost, other) as services:
        services.fleet.hosts["sim3"] = far  # type: ignore[attr-defined]
        sites.add(services, replace(SITE, name="elsewhere"))
        hosts.add(services, "sim3", "sim3", 22, HOST_KEY, "elsewhere")
        pools.bench(services, "sim3")
        wait(services, guests.create(services, wish("web", site="lab", host="sim1")))
        kept = lost.guests[stored(services)[0].id]
        kept.spec = kept.started = None
        hosts.view(services, "sim1")
        wait(services, guests.create(services, wish("shop", site="lab", host="sim2")))  # web's is in the database
        hosts.remove(services, "sim1", force=True)
        hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name)
        with pytest.raises(Refused, match="runs on sim1 whose addresses cannot be read") as caught:
            guests.create(services, wish("mail", site="lab", host="sim2"))
        assert "teig host remove NAME --force" in caught.value.todo
        with pytest.raises(Conflict, match="with the addresses one that cannot be read"):
            hosts.remove(services, "sim1")
        wait(services, guests.create(services, wish("mail", site="elsewhere")))
        lost.destroy(kept)
        hosts.view(services, "sim1")
        wait(services, guests.create(services, wish("news", site="lab", host="sim2")))


def test_before_it_is_known_what_runs_on_all_hosts_a_create_is_told_to_wait(
    services: Services, host: SimulatedHost
) -> None:
    """Of a host that has been silent for long nothing is waited for."""
    [stored_host] = services.db.read(stored_hosts.listed)
    services.db.write(lambda connection: observations.forget(connection, stored_host.id))
    host.answers = False
    for _ in range(2):
        with pytest.raises(Busy, match="not known yet what runs on sim1"):
            guests.create(services, wish("shop"))
    object.__setattr__(services, "now", lambda: time.time() + placing.SILENT_S + 1)
    with pytest.raises(Unreachable, match="Host sim1 does not answer"):
        guests.create(services, wish("shop"))
    host.answers = True
    hosts.view(services, "sim1")
    wait(services, guests.create(services, wish("shop")))


def test_one_guest_whose_addresses_cannot_be_keeps_no_other_from_being_adopted(
    services: Services, host: SimulatedHost
) -> None:
    for name in ("a", "b"):
        wait(services, guests.create(services, wish(name)))
    hosts.remove(services, "sim1", force=True)
    hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name)
    kept = min(host.guests.items())[1]
    assert kept.spec is not None
    kept.spec = replace(kept.spec, nics=kept.spec.nics * 2)
    found = adopting.adopt(services, "sim1")
    assert len(found.adopted) == 1
    assert [problem.split(": ", 1)[1] for problem in found.problems] == [
        "its files name an address or a network card twice."
    ]


def test_a_guest_that_was_seen_running_is_not_deleted_without_force_whatever_its_phase(
    services: Services, host: SimulatedHost
) -> None:
    """Its start was carried out, and nobody heard of it."""
    wait(services, guests.create(services, wish("web")))
    wait(services, guests.stop(services, "web", 0))
    [guest] = stored(services)
    host.start(host.guests[guest.id])
    hosts.view(services, "sim1")
    with pytest.raises(Conflict, match="Guest web is running"):
        guests.delete(services, "web", force=False)
    assert guests.mend(services, "web").kind == "guest_mend"


def test_a_guest_that_nobody_has_seen_yet_is_not_called_missing(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step of its create, which looks at it, got no answer."""

    def silent(*_: object) -> NoReturn:
        raise Unreachable("Host sim1 does not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(host, "guest", silent)
        assert wait(services, guests.create(services, wish("web"))).state is OperationState.DONE
        assert [line.state for line in guests.lines(services)] == [GuestState.UNKNOWN]
    hosts.view(services, "sim1")
    assert [line.state for line in guests.lines(services)] == [GuestState.RUNNING]


def test_live_questions_leave_threads_for_other_requests(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that has just died is asked by some requests; the next are shown what was seen."""
    wait(services, guests.create(services, wish("web")))
    asked, go_on = [], threading.Event()

    def slow(*_: object) -> NoReturn:
        asked.append(1)
        assert go_on.wait(30)
        raise Unreachable("Host sim1 does not answer.")

    monkeypatch.setattr(host, "guest", slow)
    with ThreadPoolExecutor(asking.MOST_AT_ONE) as pool:
        waiting = [pool.submit(guests.view, services, "web") for _ in range(asking.MOST_AT_ONE)]
        deadline = time.monotonic() + 30
        while len(asked) < asking.MOST_AT_ONE:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        view = guests.view(services, "web")
        assert (view.live, view.on_host is not None) == (False, True)
        go_on.set()
        assert not any(one.result().live for one in waiting)
    assert len(asked) == asking.MOST_AT_ONE


@pytest.mark.parametrize(
    "ask",
    [
        lambda services: guests.create(services, wish("shop")),
        lambda services: adopting.adopt(services, "sim1"),
        lambda services: hosts.audit_facts(services, "sim1"),
        lambda services: drift.found(services, now=True),
        lambda services: pools.bench(services, "sim1"),
        lambda services: hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name),
    ],
    ids=["create", "adopt", "audit", "drift", "bench", "add"],
)
def test_whatever_asks_a_silent_host_leaves_threads_for_other_requests(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Services], object]
) -> None:
    host.answers = False
    hosts.view(services, "sim1")
    asked, go_on = [], threading.Event()

    def slow(*_: object) -> NoReturn:
        asked.append(1)
        assert go_on.wait(30)
        raise Unreachable("Host sim1 does not answer.")

    for verb in ("facts", "audit_facts", "pool_bench"):
        monkeypatch.setattr(host, verb, slow)
    with ThreadPoolExecutor(asking.MOST_AT_ONE) as pool:
        waiting = [pool.submit(ask, services) for _ in range(asking.MOST_AT_ONE)]
        deadline = time.monotonic() + 30
        while len(asked) < asking.MOST_AT_ONE:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises((Busy, Unreachable)):
            ask(services)
        assert len(asked) == asking.MOST_AT_ONE
        go_on.set()
        for one in waiting:
            one.exception()


def test_a_host_that_lost_what_it_must_have_takes_no_new_guest_and_says_so(tmp_path: Path) -> None:
    lame, sound = (SimulatedHost(name, memory_mib=memory, cores=4) for name, memory in (("sim1", 8192), ("sim2", 2048)))
    with server_with_hosts(tmp_path, lame, sound) as services:
        facts = lame.facts
        lame.facts = lambda *args: replace(facts(*args), bridges=())  # type: ignore[method-assign]
        assert "There is no bridge" in hosts.view(services, "sim1").warnings[0]
        wait(services, guests.create(services, wish("web")))
        assert guests.view(services, "web").host.name == "sim2"
        with pytest.raises(Refused, match="sim1: it lacks what a host must have: There is no bridge xenbr0"):
            guests.create(services, wish("shop", host="sim1"))


def test_where_a_create_has_failed_the_next_goes_elsewhere(tmp_path: Path) -> None:
    """What fails leaves its host the roomiest."""
    lame, sound = (SimulatedHost(name, memory_mib=memory, cores=4) for name, memory in (("sim1", 8192), ("sim2", 2048)))
    lame.failures["guest_start"] = HostFault("Its network cards could not be attached.")
    with server_with_hosts(tmp_path, lame, sound) as services:
        assert wait(services, guests.create(services, wish("first"))).state is OperationState.FAILED
        assert wait(services, guests.create(services, wish("second"))).state is OperationState.DONE
        assert guests.view(services, "second").host.name == "sim2"
        sound.answers = False
        hosts.view(services, "sim2")
        assert wait(services, guests.create(services, wish("third"))).state is OperationState.FAILED, (
            "there is no other"
        )


def test_a_copied_directory_or_a_damaged_fence_keeps_no_other_guest_from_being_adopted(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        wait(services, guests.create(services, wish(name)))
    hosts.remove(services, "sim1", force=True)
    hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name)
    sound = host.inventory

    def inventory(*args: Any) -> Inventory:
        told = sound(*args)
        copied, damaged, whole = told.guests
        copy = replace(copied, spec=whole.spec)
        return replace(told, guests=(copy, replace(damaged, fence=2**63 - 1), whole))

    monkeypatch.setattr(host, "inventory", inventory)
    found = adopting.adopt(services, "sim1")
    assert len(found.adopted) == 1
    assert sorted(problem.split(": ", 1)[1][:25] for problem in found.problems) == [
        "its fencing number on the",
        "its files on the host are",
    ]


def test_what_an_upgrade_reserved_in_no_pool_is_reserved_where_it_is_seen(
    services: Services, host: SimulatedHost
) -> None:
    """The host had just told of no volume group: LVM had failed at that moment."""
    wait(services, guests.create(services, wish("web")))
    before = candidate(services, "sim1").reserved
    services.db.write(lambda connection: connection.execute(schema.reservations.update().values(pool="")))
    assert candidate(services, "sim1").reserved == before
    sound = host.inventory
    services.db.write(lambda connection: connection.execute(schema.reservations.update().values(pool="")))

    def older(*args: Any) -> Inventory:
        told = sound(*args)
        return replace(told, guests=tuple(replace(guest, disks=()) for guest in told.guests))

    host.inventory = older  # type: ignore[method-assign,assignment]
    assert candidate(services, "sim1").reserved == before


def test_no_connection_is_left_to_a_machine_that_is_no_host(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is enrolled keeps its own: operations use it."""
    forgotten: list[HostId] = []
    monkeypatch.setattr(services.fleet, "forget", forgotten.append)
    services.fleet.hosts["sim2"] = SimulatedHost("sim2", memory_mib=2048)  # type: ignore[attr-defined]
    for name, left in (("sim1", 0), ("sim2", 1)):
        there = services.fleet.hosts[name]  # type: ignore[attr-defined]
        there.failures["inventory"] = Unreachable("It does not answer.")
        with pytest.raises(Unreachable):
            hosts.add(services, name, name, 22, HOST_KEY, SITE.name)
        assert len(forgotten) == left
    [there] = services.db.read(stored_hosts.listed)
    hosts.remove(services, "sim1")
    assert forgotten[1:] == [there.id]
