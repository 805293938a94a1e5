"""Further addresses of guests that run: given, taken away, and moved, and never two guests' at once."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as sa

from teig.control import addresses, adopting, drift, guests, hosts, observing, operations, ranges, reverse_names
from teig.control.addresses import Begun
from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import Busy, Conflict, HostFault, InvalidRequest, NotFound, Refused, TeigError
from teig.model.operation import Operation, OperationState
from teig.operations import engine
from teig.store import addresses as stored_addresses
from teig.store import archive
from teig.store import guests as stored_guests
from teig.store import hosts as stored_hosts
from teig.store.database import Database, sqlite_url
from tests.faults import FaultyFleet
from tests.simulated import SITE, enrol, server, server_with_hosts, stored, wait, wish

RANGE = "198.51.100.0/29"
FIRST = "198.51.100.1/32"
SIX = "2001:db8::/48"


class Two:
    """A server with two hosts, a guest on each (web on sim1, db on sim2), and a range of six addresses."""

    def __init__(self, services: Services, fleet: FaultyFleet, *there: SimulatedHost) -> None:
        self.services, self.fleet, self.there = services, fleet, there

    def on_host(self, name: str) -> tuple[str, ...]:
        """Return what leads to a guest as its host has it."""
        there = [guest.spec for host in self.there if host.answers for guest in host.inventory().guests if guest.spec]
        [found] = [spec for spec in there if spec.name == name]
        return found.nics[0].also

    def promised(self, name: str) -> tuple[str, ...]:
        return guests.view(self.services, name).guest.spec.nics[0].also

    def owner(self, address: str) -> str | None:
        [line] = [one for one in addresses.listed(self.services, None, None) if one.address == address]
        return line.guest

    def done(self, begun: Begun) -> Operation:
        ended = wait(self.services, begun.operation)
        assert ended.state is OperationState.DONE, ended.error
        return ended

    def add(self, name: str, *, network: str | None = None, address: str | None = None) -> str:
        begun = addresses.add(self.services, name, network, address)
        self.done(begun)
        return begun.address

    def observe(self) -> None:
        observing.observe_all(self.services, self.services.db.read(stored_hosts.listed))

    def later(self, seconds: float) -> Services:
        return replace(self.services, now=lambda: time.time() + seconds)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "FIRST_PAUSE_S", 0.01)


@pytest.fixture
def two(tmp_path: Path, database: sa.URL | None) -> Iterator[Two]:
    there = [SimulatedHost(name, memory_mib=2048, cores=4) for name in ("sim1", "sim2")]
    fleet = FaultyFleet(SimulatedFleet(there))
    with server(tmp_path, fleet, database) as services:
        enrol(services, ["sim1", "sim2"], replace(SITE, quarantine_s=3600))
        ranges.add(services, "lab", RANGE, None, None, None)
        for name, host in (("web", "sim1"), ("db", "sim2")):
            assert wait(services, guests.create(services, wish(name, host=host))).state is OperationState.DONE
        yield Two(services, fleet, *there)


def test_a_running_guest_gets_an_address_and_runs_on(two: Two) -> None:
    before = guests.view(two.services, "web").on_host
    assert two.add("web") == FIRST
    after = guests.view(two.services, "web").on_host
    assert before is not None
    assert after is not None
    assert before.domid == after.domid
    assert two.on_host("web") == two.promised("web") == (FIRST,)
    assert two.owner(FIRST) == "web"
    [_, further] = ranges.listed(two.services)
    assert (further.taken, further.resting) == (1, 0)


def test_a_guest_gets_a_network_of_its_own(two: Two) -> None:
    ranges.add(two.services, "lab", SIX, None, None, 64)
    assert two.add("web", network=SIX) == "2001:db8::/64"
    assert two.add("db", network=SIX) == "2001:db8:0:1::/64"
    assert two.add("web", address="2001:DB8:0:f::/64") == "2001:db8:0:f::/64"
    assert two.on_host("web") == ("2001:db8::/64", "2001:db8:0:f::/64")
    with pytest.raises(NotFound, match="No range of site lab gives 2001:db8:0:8::/61"):
        addresses.add(two.services, "web", None, "2001:db8:0:8::/61")


def test_which_range_is_said_where_there_are_several(two: Two) -> None:
    ranges.add(two.services, "lab", SIX, None, None, 64)
    with pytest.raises(InvalidRequest, match="Which range") as caught:
        addresses.add(two.services, "web", None, None)
    assert RANGE in caught.value.todo
    assert SIX in caught.value.todo


def test_with_several_cards_an_address_leads_to_the_first(two: Two) -> None:
    wait(two.services, guests.create(two.services, wish("wide", nics=2)))
    two.add("wide")
    assert [nic.also for nic in guests.view(two.services, "wide").guest.spec.nics] == [(FIRST,), ()]


def test_what_cannot_be_given_is_refused(two: Two) -> None:
    cases: tuple[tuple[str, str | None, str | None, type[TeigError], str], ...] = (
        ("mars", None, None, NotFound, "no_guest"),
        ("web", "203.0.113.0/24", None, NotFound, "no_range"),
        ("web", None, "203.0.113.1", NotFound, "no_range"),
        ("web", None, "10.77.16.1", NotFound, "no_range"),
        ("web", RANGE, "203.0.113.1", Refused, "no_range"),
        ("web", None, "198.51.100.0", NotFound, "no_range"),
        ("web", None, "127.0.0.1", InvalidRequest, "invalid"),
        ("web", None, "fe80::1", InvalidRequest, "invalid"),
        ("web", None, "\uff1201.0.113.1", InvalidRequest, "bad_address"),
        ("web", None, "2001:db8::1%eth0", InvalidRequest, "bad_address"),
        ("web", None, "198.51.100.1\n", InvalidRequest, "bad_address"),
    )
    for name, network, address, kind, code in cases:
        with pytest.raises(kind) as caught:
            addresses.add(two.services, name, network, address)
        assert caught.value.reason == code, address
    assert two.promised("web") == ()


def test_an_address_that_is_anothers_is_refused(two: Two) -> None:
    two.add("web")
    with pytest.raises(Conflict, match=r"198\.51\.100\.1 is guest web's"):
        addresses.add(two.services, "db", None, "198.51.100.1")


def test_a_card_has_so_many_and_no_more(two: Two) -> None:
    ranges.add(two.services, "lab", SIX, None, None, None)
    for _ in range(32):
        two.add("web", network=SIX)
    with pytest.raises(Refused, match="32 further addresses already"):
        addresses.add(two.services, "web", SIX, None)
    assert len(two.on_host("web")) == 32


def test_a_removed_address_rests_for_others_and_not_for_the_guest_that_had_it(two: Two) -> None:
    two.add("web")
    two.done(addresses.remove(two.services, "198.51.100.1"))
    assert two.on_host("web") == two.promised("web") == ()
    assert two.owner(FIRST) is None
    with pytest.raises(Refused, match=r"198\.51\.100\.1 was given back lately, and rests until 20") as caught:
        addresses.add(two.services, "db", None, "198.51.100.1")
    assert caught.value.reason == "address_rests"
    assert two.add("db") == "198.51.100.2/32"
    assert two.add("web", address="198.51.100.1") == FIRST


def test_a_range_whose_rest_rests_says_when_the_next_is_free(two: Two) -> None:
    for _ in range(6):
        two.add("web")
    two.done(addresses.remove(two.services, "198.51.100.3"))
    with pytest.raises(Refused, match="has 6 addresses for guests and only 0 of them free") as caught:
        addresses.add(two.services, "db", None, None)
    assert "Lately given back, and not given again yet: 1; the next is free at 20" in str(caught.value)
    assert addresses.add(two.later(3601), "db", None, None).address == "198.51.100.3/32"


def test_the_addresses_of_a_deleted_guest_rest(two: Two) -> None:
    two.add("web")
    wait(two.services, guests.delete(two.services, "web", force=True))
    wait(two.services, guests.create(two.services, wish("web")))
    with pytest.raises(Refused) as caught:
        addresses.add(two.services, "web", None, "198.51.100.1")
    assert caught.value.reason == "address_rests"
    assert [(one.taken, one.resting) for one in ranges.listed(two.services)] == [(2, 1), (0, 1)]


def test_a_range_of_which_a_guest_has_an_address_is_not_removed(two: Two) -> None:
    two.add("web")
    with pytest.raises(Conflict, match=r"Guests have addresses of range 198\.51\.100\.0/29: 198\.51\.100\.1/32"):
        ranges.remove(two.services, RANGE)
    two.done(addresses.remove(two.services, "198.51.100.1"))
    ranges.remove(two.services, RANGE)
    assert len(ranges.listed(two.services)) == 1


def test_a_cards_own_address_stays_with_its_guest(two: Two) -> None:
    own = guests.view(two.services, "web").guest.spec.nics[0].ip
    with pytest.raises(Conflict, match="network card's own address"):
        addresses.remove(two.services, own)
    with pytest.raises(NotFound, match="No guest has"):
        addresses.remove(two.services, "198.51.100.5")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["guest_define", "guest_enforce"])
def test_what_fails_on_the_host_is_undone(two: Two, step: str, when: str) -> None:
    two.fleet.fail, two.fleet.when, two.fleet.error = step, when, _once(two.fleet)
    ended = wait(two.services, addresses.add(two.services, "web", None, None).operation)
    assert (ended.state, ended.error and ended.error["message"]) == (OperationState.FAILED, "It is broken.")
    assert two.on_host("web") == two.promised("web") == ()
    assert [one.address for one in addresses.listed(two.services, None, "web")] == ["10.77.16.0/32"]
    two.add("web")
    two.fleet.fail, two.fleet.when, two.fleet.error = step, when, _once(two.fleet)
    taken = two.promised("web")
    ended = wait(two.services, addresses.remove(two.services, taken[0]).operation)
    assert ended.state is OperationState.FAILED
    assert two.on_host("web") == two.promised("web") == taken
    assert two.owner(taken[0]) == "web"


def _once(fleet: FaultyFleet) -> type[HostFault]:
    def error() -> HostFault:
        fleet.fail = None
        return HostFault("It is broken.")

    return error  # type: ignore[return-value]


def test_what_cannot_be_undone_leaves_promise_and_row_as_one(two: Two) -> None:
    """Mending the guest makes it so; and what is the guest's can be taken away again."""
    two.fleet.fail = "guest_enforce"
    ended = wait(two.services, addresses.add(two.services, "web", None, None).operation)
    assert ended.state is OperationState.STUCK
    assert two.promised("web") == (FIRST,)
    assert two.owner(FIRST) == "web"
    two.fleet.fail = None
    assert wait(two.services, guests.mend(two.services, "web")).state is OperationState.DONE
    assert two.on_host("web") == (FIRST,)
    two.fleet.fail = "guest_enforce"
    assert wait(two.services, addresses.remove(two.services, FIRST).operation).state is OperationState.STUCK
    assert (two.promised("web"), two.owner(FIRST)) == ((FIRST,), "web")
    two.fleet.fail = None
    two.done(addresses.remove(two.services, FIRST))
    assert two.on_host("web") == ()


def test_an_address_moves_when_the_one_that_has_it_has_let_go(two: Two) -> None:
    two.add("web")
    held, seen = Event(), []

    def waits() -> Exception:
        seen.append((two.owner(FIRST), two.on_host("db")))
        two.fleet.fail = None
        held.wait(10)
        return Busy("Try again.")

    two.fleet.fail, two.fleet.error = "guest_enforce", waits  # of web, which is first
    begun = addresses.move(two.services, "198.51.100.1", "db", force=False)
    with pytest.raises(Busy):
        guests.stop(two.services, "db", 0)
    time.sleep(0.3)
    assert not operations.by_id(two.services, begun.operation.id).state.ended
    held.set()
    two.done(begun)
    assert seen == [("web", ())]
    assert (two.on_host("web"), two.on_host("db")) == ((), (FIRST,))
    assert (two.promised("web"), two.promised("db"), two.owner(FIRST)) == ((), (FIRST,), "db")


def test_where_the_one_does_not_let_go_nothing_moves(two: Two) -> None:
    two.add("web")
    two.fleet.fail, two.fleet.error = "guest_define", _once(two.fleet)
    ended = wait(two.services, addresses.move(two.services, FIRST, "db", force=False).operation)
    assert ended.state is OperationState.FAILED
    assert ended.error is not None
    assert ended.error["code"] == "not_let_go"
    assert (two.on_host("web"), two.on_host("db")) == ((FIRST,), ())
    assert (two.promised("web"), two.promised("db"), two.owner(FIRST)) == ((FIRST,), (), "web")
    two.done(addresses.move(two.services, FIRST, "db", force=False))
    assert two.owner(FIRST) == "db"


def test_a_move_that_is_cancelled_before_the_one_lets_go_leaves_the_address_to_nobody_else(two: Two) -> None:
    two.add("web")
    held = Event()

    def waits() -> Exception:
        two.fleet.fail = None
        held.wait(10)
        return Busy("Try again.")

    two.fleet.fail, two.fleet.error = "guest_enforce", waits
    begun = addresses.move(two.services, FIRST, "db", force=False)
    time.sleep(0.2)
    operations.cancel(two.services, begun.operation.id)
    assert wait(two.services, begun.operation).state is OperationState.CANCELLED
    held.set()
    for one in operations.listed(two.services, 5):
        wait(two.services, one)
    assert (two.on_host("web"), two.on_host("db")) == ((), ())
    assert (two.promised("web"), two.promised("db"), two.owner(FIRST)) == ((), (), None)
    assert ranges.listed(two.services)[1].resting == 1


def test_what_the_one_has_let_go_is_the_others_though_its_host_fails(two: Two) -> None:
    """It rests for nobody: the guest that was to get it is marked, and mending that ends what was begun."""
    two.add("web")
    two.there[1].answers = False  # which nobody has seen yet
    ended = wait(two.services, addresses.move(two.services, FIRST, "db", force=False).operation)
    assert ended.state is OperationState.FAILED
    two.there[1].answers = True
    assert (two.promised("web"), two.promised("db"), two.owner(FIRST)) == ((), (FIRST,), "db")
    assert "is its own, and its host was not told" in str(guests.view(two.services, "db").guest.attention)
    assert wait(two.services, guests.mend(two.services, "db")).state is OperationState.DONE
    assert two.on_host("db") == (FIRST,)


def test_from_a_silent_host_an_address_moves_only_by_force(two: Two) -> None:
    two.add("web")
    two.there[0].answers = False
    two.observe()
    with pytest.raises(Refused, match="nobody can see guest web let go") as caught:
        addresses.move(two.services, FIRST, "db", force=False)
    assert "both answer for the address" in caught.value.todo
    two.done(addresses.move(two.services, FIRST, "db", force=True))
    assert (two.promised("web"), two.promised("db"), two.owner(FIRST)) == ((), (FIRST,), "db")
    assert two.on_host("db") == (FIRST,)
    assert "moved by force" in str(guests.view(two.services, "web").guest.attention)
    two.there[0].answers = True
    [differs] = drift.found(two.services, now=True)
    assert (differs.guest, differs.kind) == ("web", "addresses")
    assert "198.51.100.1/32 should lead to it no more" in differs.text
    for one in drift.mend(two.services).operations:
        wait(two.services, one)
    assert (two.on_host("web"), drift.found(two.services, now=True)) == ((), [])
    assert guests.view(two.services, "web").guest.attention is None


def test_what_was_taken_by_force_is_given_to_no_third_before_the_first_was_seen_to_let_go(two: Two) -> None:
    two.add("web")
    two.there[0].answers = False
    two.observe()
    two.done(addresses.move(two.services, FIRST, "db", force=True))
    two.done(addresses.remove(two.services, FIRST))
    wait(two.services, guests.create(two.services, wish("third", host="sim2")))
    much_later = two.later(7200)
    with pytest.raises(Conflict, match="taken from guest web, whose host may not know it yet"):
        addresses.add(much_later, "third", None, FIRST)
    two.there[0].answers = True
    two.observe()
    with pytest.raises(Conflict):
        addresses.add(much_later, "third", None, FIRST)
    assert wait(two.services, guests.mend(two.services, "web")).state is OperationState.DONE
    assert two.on_host("web") == ()
    two.observe()  # which servers do twice a minute
    assert addresses.add(two.later(7200), "third", None, FIRST).address == FIRST


def test_an_address_moves_within_its_site_and_to_another_guest(two: Two) -> None:
    two.add("web")
    with pytest.raises(Conflict, match="web's already"):
        addresses.move(two.services, FIRST, "web", force=False)
    with pytest.raises(NotFound, match="no guest named mars"):
        addresses.move(two.services, FIRST, "mars", force=True)


def test_requests_at_once_never_get_the_same_address(two: Two) -> None:
    names = [f"g{number}" for number in range(8)]
    for name in names:
        wait(two.services, guests.create(two.services, wish(name)))

    def ask(name: str) -> str | None:
        try:
            return addresses.add(two.services, name, None, None).address
        except Refused:
            return None

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(ask, names))
    taken = [one for one in given if one is not None]
    assert len(taken) == len(set(taken)) == 6
    for one in operations.listed(two.services, 20):
        assert wait(two.services, one).state is OperationState.DONE


def test_whatever_is_done_no_address_leads_to_two_guests(two: Two) -> None:
    """Random adds, removals, moves, deletions and faults: promises, rows and hosts agree in the end."""
    dice = random.Random(7)  # noqa: S311 - a game
    for name in ("a", "b"):
        wait(two.services, guests.create(two.services, wish(name)))
    names = ["web", "db", "a", "b"]
    begun: list[Operation] = []
    while len(begun) < 30:
        two.fleet.fail = dice.choice([None, None, None, "guest_define", "guest_enforce"])
        two.fleet.error = _once(two.fleet)
        try:
            begun.append(_something(two, dice, names).operation)
        except (Conflict, Refused, NotFound, Busy):
            time.sleep(0.01)
            continue
        if dice.random() < 0.5:
            wait(two.services, begun[-1])
        _check_each_is_one_guests(two)
    two.fleet.fail = None
    for one in operations.listed(two.services, 200):
        wait(two.services, one)
    for name in names:
        assert wait(two.services, guests.mend(two.services, name)).state is OperationState.DONE
        rows = {line.address for line in addresses.listed(two.services, None, name) if line.range}
        assert set(two.on_host(name)) == set(two.promised(name)) == rows


def _something(two: Two, dice: random.Random, names: list[str]) -> Begun:
    address, name = f"198.51.100.{dice.randint(1, 6)}", dice.choice(names)
    what = dice.randrange(3)
    if what == 0:
        return addresses.add(two.later(7200), name, None, None)
    if what == 1:
        return addresses.remove(two.services, address)
    return addresses.move(two.services, address, name, force=dice.random() < 0.5)


def _check_each_is_one_guests(two: Two) -> None:
    specs = [guest.spec for host in two.there for guest in host.inventory().guests if guest.spec]
    led = [also for spec in specs for nic in spec.nics for also in nic.also]
    assert len(led) == len(set(led))


def test_a_guest_that_nobody_claims_keeps_its_addresses_from_others(two: Two) -> None:
    two.add("web")
    lost = next(one for one in stored(two.services) if one.name == "web")
    two.services.db.write(lambda connection: stored_guests.remove(connection, lost, None))
    two.observe()
    assert two.add("db") == "198.51.100.2/32"
    with pytest.raises(Conflict, match="is in use"):
        addresses.add(two.services, "db", None, FIRST)
    assert adopting.adopt(two.services, "sim1").adopted == ("web",)
    assert two.owner(FIRST) == "web"


def test_a_database_that_was_lost_is_made_anew_from_hosts(two: Two, tmp_path: Path) -> None:
    """Whether the range is added before the hosts' guests are adopted or after."""
    ranges.add(two.services, "lab", SIX, None, None, 64)
    two.add("web", network=RANGE)
    two.add("db", network=SIX)
    for one in stored(two.services):
        two.services.db.write(lambda connection, one=one: stored_guests.remove(connection, one, None))  # type: ignore[misc]
    ranges.remove(two.services, SIX)
    for name in ("sim1", "sim2"):
        hosts.view(two.services, name)
        assert len(adopting.adopt(two.services, name).adopted) == 1
    assert (two.owner(FIRST), two.owner("2001:db8::/64")) == ("web", "db")
    with pytest.raises(Conflict, match="is a guest's at site lab already"):
        ranges.add(two.services, "lab", SIX, None, None, 56)
    ranges.add(two.services, "lab", SIX, None, None, 64)
    assert two.add("web", network=SIX) == "2001:db8:0:1::/64"


def test_a_move_goes_on_after_the_server_was_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "FIRST_PAUSE_S", 1.0)
    there = [SimulatedHost(name, memory_mib=2048, cores=4) for name in ("sim1", "sim2")]
    with server_with_hosts(tmp_path, *there) as services:
        ranges.add(services, "lab", RANGE, None, None, None)
        for name, host in (("web", "sim1"), ("db", "sim2")):
            wait(services, guests.create(services, wish(name, host=host)))
        wait(services, addresses.add(services, "web", None, None).operation)
        there[0].answers = False  # it is not known yet that it is silent
        begun = addresses.move(services, FIRST, "db", force=False)
        time.sleep(0.3)
    there[0].answers = True
    with server(tmp_path, SimulatedFleet(there)) as services:
        assert wait(services, begun.operation).state is OperationState.DONE
        assert guests.view(services, "db").guest.spec.nics[0].also == (FIRST,)
        assert guests.view(services, "web").guest.spec.nics[0].also == ()


def test_a_backup_has_who_has_what_and_what_rests(two: Two, tmp_path: Path) -> None:
    for name in ("web", "db"):
        two.add(name)
    two.done(addresses.remove(two.services, FIRST))
    reverse_names.put(two.services, "198.51.100.2", "db.example.org")
    two.services.db.write(lambda connection: connection.exec_driver_sql("UPDATE reverse_names SET sent = TRUE"))
    made = two.services.db.read(lambda connection: archive.dump_all(connection, time.time()))
    before = addresses.listed(two.services, None, None)
    url = sqlite_url(tmp_path / "restored.sqlite")
    archive.load_all(url, json.loads(json.dumps(made)), time.time())
    with Database(url) as db:
        after = db.read(lambda connection: stored_addresses.listed(connection, time.time(), None, None))
    assert [replace(line, names=()) for line in after] == [replace(line, names=()) for line in before]
    assert [(name.name, name.sent) for line in after for name in line.names] == [("db.example.org", False)]
