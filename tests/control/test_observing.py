"""What is stored of a host is what that host said last, whoever asked, and whenever the answer arrived."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa

from teig.control import asking, drift, guests, hosts, observing, placing
from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import Busy, InternalFault, Refused, Unreachable
from teig.model.host import HostFacts
from teig.model.names import HostId
from teig.model.operation import OperationState
from teig.policy.drift import NOT_RUNNING, UNREACHABLE
from teig.store import hosts as stored_hosts
from teig.store import observations, schema
from teig.store.hosts import StoredHost
from tests.servers import until
from tests.simulated import HOST_KEY, SITE, enrol, server, server_with_hosts, wait, wish


class Moving(SimulatedFleet):
    """Hosts that answer at the address that is theirs now; at an earlier one somebody is slow to say that he is not."""

    def __init__(self, host: SimulatedHost) -> None:
        super().__init__([host])
        self.address = host.name
        self.reached, self.go_on = threading.Event(), threading.Event()

    def host(self, address: Any) -> Any:
        return next(iter(self.hosts.values())) if address.address == self.address else _Gone(self)


class _Gone:
    def __init__(self, fleet: Moving) -> None:
        self._fleet = fleet

    def facts(self, *_: float) -> Any:
        self._fleet.reached.set()
        assert self._fleet.go_on.wait(30)
        raise Unreachable("Nobody is there.")


@pytest.fixture
def fleet(host: SimulatedHost) -> Moving:
    return Moving(host)


@pytest.fixture
def services(tmp_path: Path, fleet: Moving, database: sa.URL | None) -> Iterator[Services]:
    with server(tmp_path, fleet, database) as services:
        enrol(services, ["sim1"])
        yield services


def stored(services: Services) -> StoredHost:
    return services.db.read(lambda connection: stored_hosts.named(connection, "sim1"))


def seen_since(services: Services, host: StoredHost, moment: float) -> bool:
    return services.db.read(lambda connection: observations.seen_at(connection, host.id) or 0.0) > moment


def behind(work: Callable[[], object]) -> threading.Thread:
    """Do something beside, whose failure is expected."""

    def attempt() -> None:
        with pytest.raises(Unreachable):
            work()

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    return thread


def test_a_host_that_has_moved_is_not_silent_for_who_asks_where_it_was(services: Services, fleet: Moving) -> None:
    before = stored(services)
    fleet.address = "elsewhere"
    asking = behind(lambda: observing.observe(services, before))
    assert fleet.reached.wait(30)
    hosts.add(services, "sim1", "elsewhere", 22, HOST_KEY, SITE.name)
    fleet.go_on.set()
    asking.join(30)
    assert services.db.read(observations.silent) == {}
    wait(services, guests.create(services, wish("web")))


def test_a_host_that_does_not_answer_is_silent_until_it_does(services: Services, fleet: Moving) -> None:
    fleet.go_on.set()
    fleet.address = "elsewhere"
    with pytest.raises(Unreachable):
        observing.observe(services, stored(services))
    assert [why.message for why in services.db.read(observations.silent).values()] == ["Nobody is there."]
    fleet.address = "sim1"
    observing.observe(services, stored(services))
    assert services.db.read(observations.silent) == {}


@pytest.mark.parametrize(("module", "patience"), [(hosts, "LIVE_S"), (placing, "OBSERVE_S")])
def test_a_host_is_not_silent_because_somebody_had_less_patience_than_observers(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch, module: ModuleType, patience: str
) -> None:
    monkeypatch.setattr(module, patience, 0.1)
    host.call_s = 0.3
    if module is hosts:
        view = hosts.view(services, "sim1")
        assert (view.answers, view.warnings[0]) == (False, "Host sim1 does not answer. Look whether it runs.")
    else:
        object.__setattr__(services, "now", lambda: time.time() + observations.FRESH_S + 1)  # a clock was set
        with pytest.raises(Refused, match="sim1: was last seen"):
            guests.create(services, wish("web"))
    assert services.db.read(observations.silent) == {}
    object.__setattr__(services, "now", time.time)
    host.call_s = 0.0
    wait(services, guests.create(services, wish("web")))


def test_a_host_that_was_put_back_to_an_earlier_state_is_seen_as_it_is_now(
    services: Services, fleet: Moving, host: SimulatedHost
) -> None:
    """As a virtual machine is from a snapshot: it is in the same boot, at an earlier time of it."""
    inventory = host.inventory()
    later = dataclasses.replace(inventory, uptime_ns=inventory.uptime_ns + 10**15)
    before = stored(services)
    seen = observations.Seen(host.facts(), later, services.now())
    services.db.write(lambda connection: observing.store(connection, before, seen, services.looks))
    fleet.go_on.set()
    fleet.address = "elsewhere"
    with pytest.raises(Unreachable):
        observing.observe(services, before)
    hosts.add(services, "sim1", "elsewhere", 22, HOST_KEY, SITE.name)
    assert services.db.read(observations.silent) == {}
    wait(services, guests.create(services, wish("web")))


def test_facts_that_are_older_replace_none_whatever_comes_with_them(services: Services, host: SimulatedHost) -> None:
    """A host is asked twice, and somebody else has asked it whole in between."""
    [at] = services.db.read(stored_hosts.listed)
    early = host.facts()
    host.groups["vg0"].size_bytes //= 2
    seen = observing.observe(services, at)
    late = observations.Seen(early, host.inventory(), services.now())
    services.db.update(lambda connection: observing.store(connection, at, late, services.looks))
    known = services.db.read(lambda connection: observations.of_host(connection, at.id))
    assert known is not None
    assert known.facts == seen.facts


def test_what_was_read_to_add_a_host_again_replaces_nothing_that_was_seen_since(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, seen = host.inventory, []

    def slow(*args: Any) -> Any:
        found = sound(*args)
        monkeypatch.setattr(host, "inventory", sound)
        [at] = services.db.read(stored_hosts.listed)
        seen.append(observing.observe(services, at))
        return found

    monkeypatch.setattr(host, "inventory", slow)
    hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name)
    [at] = services.db.read(stored_hosts.listed)
    known = services.db.read(lambda connection: observations.of_host(connection, at.id))
    assert known is not None
    assert known.facts == seen[0].facts


def test_creates_that_wait_for_a_host_to_be_seen_again_are_told_to_try_later(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has room, and is asked: after an outage of the server, say."""
    monkeypatch.setattr(asking, "MOST_AT_ONE", 0)
    now = services.now
    object.__setattr__(services, "now", lambda: now() + 2 * observations.FRESH_S)
    with pytest.raises(Busy, match="Many requests wait for hosts at site lab"):
        guests.create(services, wish("web"))


def test_hosts_behind_one_address_keep_no_other_from_being_asked(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(asking.MOST_AT_ONE):
            assert stack.enter_context(asking.place("sim1 2201"))
        hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name)


def test_an_answer_from_where_a_host_was_is_not_stored(services: Services, fleet: Moving, host: SimulatedHost) -> None:
    before = stored(services)
    seen = observations.Seen(host.facts(), host.inventory(), services.now())
    fleet.address = "elsewhere"
    hosts.add(services, "sim1", "elsewhere", 22, HOST_KEY, SITE.name)
    at = services.db.read(lambda connection: observations.seen_at(connection, before.id))
    services.db.write(lambda connection: observing.store(connection, before, seen, services.looks))
    assert services.db.read(lambda connection: observations.seen_at(connection, before.id)) == at


def test_an_answer_of_a_removed_host_is_not_stored(services: Services, host: SimulatedHost) -> None:
    before = stored(services)
    seen = observations.Seen(host.facts(), host.inventory(), services.now())
    hosts.remove(services, "sim1")
    services.db.write(lambda connection: observing.store(connection, before, seen, services.looks))
    assert services.db.read(observations.of_hosts) == {}


def test_an_answer_that_nothing_can_be_made_of_is_that_host_s_trouble_alone(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impossible(*_: object) -> NoReturn:
        raise ZeroDivisionError

    host.groups["vg0"].size_bytes //= 2  # so that there is something to be judged
    monkeypatch.setattr(observing, "capacity_of", impossible)
    observing.observe_all(services, services.db.read(stored_hosts.listed))
    [why] = services.db.read(observations.silent).values()
    assert why.message == "Host sim1 tells what cannot be."


def test_a_host_that_never_answered_is_known_to_be_silent_and_not_asked_in_every_list(
    services: Services, host: SimulatedHost
) -> None:
    """As after a backup was restored, or after an upgrade, while a host is down."""
    [stored] = services.db.read(stored_hosts.listed)
    services.db.update(lambda connection: observations.forget(connection, stored.id))
    host.answers = False
    [view] = hosts.listed(services)
    assert (view.seen, view.answers, view.warnings != ()) == (None, False, True)
    asked = []
    sound = host.facts
    host.facts = lambda *args: asked.append(1) or sound(*args)  # type: ignore[method-assign,func-returns-value]
    assert len(hosts.listed(services)) == 1
    assert asked == []
    [found] = drift.found(services)
    assert (found.host, found.kind) == ("sim1", UNREACHABLE)
    host.answers = True
    [view] = [hosts.view(services, "sim1")]
    assert view.answers
    assert drift.found(services) == []


def test_a_guest_that_was_deleted_since_a_look_is_nobodys_stranger(services: Services, host: SimulatedHost) -> None:
    """The look was read before the delete ended, and is stored after it. Servers' clocks may differ."""
    wait(services, guests.create(services, wish("web")))
    at, facts, inventory, now = stored(services), host.facts(), host.inventory(), services.now()

    def look(seconds: int) -> None:
        later = dataclasses.replace(inventory, uptime_ns=inventory.uptime_ns + seconds * 10**9)
        seen = observations.Seen(facts, later, now + seconds)
        services.db.update(lambda connection: observing.store(connection, at, seen, services.looks))

    wait(services, guests.delete(services, "web", force=True))
    for seconds in (0, 30):
        look(seconds)
        assert drift.found(services) == []
        assert services.db.read(observations.addresses_in_use) == set()
    look(300)
    object.__setattr__(services, "now", lambda: now + 300)
    assert [one.guest for one in drift.found(services)] == ["web"], "one that is still there must be adopted"


@pytest.mark.parametrize("spec", [{}, {"name": "web"}])
def test_a_guest_whose_row_is_damaged_takes_neither_its_host_nor_other_guests_away(
    services: Services, spec: dict[str, str]
) -> None:
    for name in ("web", "shop"):
        wait(services, guests.create(services, wish(name)))
    row = schema.guests.update().where(schema.guests.c.name == "web").values(spec=spec)
    services.db.write(lambda connection: connection.execute(row))
    seen = observing.observe(services, stored(services))
    assert services.db.read(observations.silent) == {}
    assert services.db.read(lambda connection: observations.seen_at(connection, stored(services).id)) == seen.seen_at
    assert drift.found(services) == []
    assert services.db.read(observations.addresses_in_use) == set()
    assert wait(services, guests.create(services, wish("new"))).state is OperationState.DONE


def test_a_row_of_ours_that_cannot_be_read_is_not_put_down_to_the_host(services: Services) -> None:
    at = stored(services)
    row = schema.sites.update().values(record={})
    services.db.write(lambda connection: connection.execute(row))
    with pytest.raises(InternalFault, match="Site that cannot be read"):
        observing.observe(services, at)
    assert services.db.read(observations.silent) == {}


@pytest.mark.parametrize("damaged", ["observations.facts", "observations.capacity", "observations.drift", "record"])
@pytest.mark.parametrize("value", ["{}", '"x"', '{"a":'])
def test_what_was_seen_and_is_damaged_is_replaced_by_what_is_seen(
    services: Services, host: SimulatedHost, database: sa.URL | None, damaged: str, value: str
) -> None:
    wait(services, guests.create(services, wish("web")))
    host.power_off_inside(next(iter(host.guests)))
    table, _, column = damaged.rpartition(".")
    change = sa.text(f"UPDATE {table or 'observed_guests'} SET {column} = :value")  # noqa: S608 - named above
    stored_there = value if database is None else value.replace('{"a":', "[]")  # PostgreSQL lets nobody store half
    services.db.write(lambda connection: connection.execute(change, {"value": stored_there}))
    observing.observe(services, stored(services))
    assert [(one.guest, one.kind) for one in drift.found(services)] == [("web", NOT_RUNNING)]
    assert services.db.read(observations.silent) == {}
    wait(services, guests.start(services, "web"))


def test_no_server_keeps_a_connection_to_a_host_that_another_has_removed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "HOSTS_S", 0.1)
    forgotten: list[HostId] = []
    monkeypatch.setattr(services.fleet, "forget", forgotten.append)
    there = stored(services)
    with observing.observing(services):
        until(partial(seen_since, services, there, time.time()), "a look")
        services.db.write(lambda connection: stored_hosts.remove(connection, there, 0.0, force=False))
        until(lambda: bool(forgotten), "that its connection is ended")
    assert forgotten == [there.id]


class _Deaf(SimulatedHost):
    """Answers nothing while it is `deaf`, and keeps nobody waiting any more at the `end`."""

    def __init__(self, name: str, deaf: threading.Event, end: threading.Event) -> None:
        super().__init__(name)
        self._deaf, self._end = deaf, end

    def facts(self, timeout_s: float = 60.0) -> HostFacts:
        if not self._deaf.is_set():
            return super().facts(timeout_s)
        self._end.wait(timeout_s)
        raise Unreachable("Nobody is there.")


def test_hosts_that_fall_silent_together_keep_no_other_from_being_observed(
    tmp_path: Path, database: sa.URL | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those behind a switch that fails: each is given its time, and all at once."""
    monkeypatch.setattr(observing, "EVERY_S", 1.0)
    deaf, end = threading.Event(), threading.Event()
    together = [_Deaf(f"silent{number:02}", deaf, end) for number in range(80)]
    with server_with_hosts(tmp_path, *together, SimulatedHost("sound"), database=database) as services:
        sound = services.db.read(lambda connection: stored_hosts.named(connection, "sound"))
        try:
            deaf.set()
            with observing.observing(services):
                for _ in range(3):  # whatever came first, by the second time the others were asked
                    until(partial(seen_since, services, sound, time.time()), "a look at the host that answers", 8.0)
        finally:
            end.set()
            until(lambda: not [one for one in threading.enumerate() if "teig-observer" in one.name], "the end")
