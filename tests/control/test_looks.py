"""A look at a host that tells nothing new is only stamped; whatever is new, on the host or in the database, is seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from teig.control import guests, looks, observing
from teig.control.looks import Looks
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import TeigError, Unreachable
from teig.model.host import ForeignDomain
from teig.model.names import HostId
from teig.store import hosts as stored_hosts
from teig.store import observations
from teig.store.hosts import StoredHost
from teig.store.observations import Seen
from teig.store.schema import guests as guests_table
from teig.store.schema import observations as observations_table
from teig.store.schema import observed_addresses, observed_guests, operations, reservations, sites
from tests.simulated import wait, wish

Change = Callable[[Services, SimulatedHost], object]
STORED = (observations_table, observed_guests, observed_addresses, reservations, guests_table)
FOREIGN = ForeignDomain(77, "theirs", "00000000-0000-4000-8000-000000000077", 256, 1, 256)
PASSING = {"seen_at", "uptime_ns", "boot", "facts", "record"}


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that were judged, each time."""
    found: list[str] = []
    sound = observing._judge

    def counted(connection: sa.Connection, host: StoredHost, *known: Any) -> Any:
        found.append(host.name)
        return sound(connection, host, *known)

    monkeypatch.setattr(observing, "_judge", counted)
    return found


def settled(services: Services, judged: list[str]) -> StoredHost:
    """Make a guest, and look at its host until nothing is new."""
    wait(services, guests.create(services, wish("web")))
    [at] = services.db.read(stored_hosts.listed)
    for _ in range(3):
        judged.clear()
        observing.observe(services, at)
    assert judged == []
    return at


def rows(services: Services) -> dict[str, list[dict[str, Any]]]:
    """Return all that a look decides, in whatever order."""

    def work(connection: sa.Connection) -> dict[str, list[dict[str, Any]]]:
        return {
            table.name: sorted((_lasting(row) for row in connection.execute(table.select()).mappings()), key=str)
            for table in STORED
        }

    return services.db.read(work)


def _lasting(row: Any) -> dict[str, Any]:
    """Return a row without what every look changes."""
    kept = {name: value for name, value in row.items() if name not in PASSING}
    if row.get("started_s") is not None:
        kept["started_s"] = round(row["started_s"])
    if "record" in row:
        kept["record"] = {key: value for key, value in row["record"].items() if key not in observations.PASSING}
    return kept


def table(which: sa.Table, **values: Any) -> Change:
    """Return a change of every row of a table: somebody else's."""
    return lambda services, _: services.db.write(lambda connection: connection.execute(which.update().values(values)))


def guest_on(host: SimulatedHost) -> Any:
    [kept] = host.guests.values()
    return kept


def halved(_: Services, host: SimulatedHost) -> None:
    host.groups["vg0"].size_bytes //= 2


def ended(_: Services, host: SimulatedHost) -> None:
    [ident] = host.guests
    host.power_off_inside(ident)


def set_on(name: str, value: object) -> Change:
    return lambda _, host: setattr(host, name, value)


def guest_set(name: str, value: object) -> Change:
    return lambda _, host: setattr(guest_on(host), name, value)


def no_bridge(services: Services, host: SimulatedHost) -> None:
    def work(connection: sa.Connection) -> None:
        [row] = connection.execute(sites.select())
        connection.execute(sites.update().values(record={**row.record, "bridge": "xenbr7"}))

    services.db.write(work)


def forgotten(services: Services, _: SimulatedHost) -> None:
    services.db.write(lambda connection: connection.execute(observed_guests.delete()))


def respecified(services: Services, _: SimulatedHost) -> None:
    def work(connection: sa.Connection) -> None:
        [row] = connection.execute(guests_table.select())
        connection.execute(guests_table.update().values(spec={**row.spec, "weight": 7}))

    services.db.write(work)


def larger(services: Services, _: SimulatedHost) -> None:
    """A change in the middle of something long."""

    def work(connection: sa.Connection) -> None:
        [row] = connection.execute(guests_table.select())
        disks = [{**disk, "size_bytes": 2 * disk["size_bytes"]} for disk in row.spec["disks"]]
        connection.execute(guests_table.update().values(spec={**row.spec, "disks": disks}))

    services.db.write(work)


CHANGES: dict[str, Change] = {
    "less disk": halved,
    "a foreign domain": set_on("foreign", (FOREIGN,)),
    "no keeper": set_on("keeper_beat", None),
    "a keeper that is late": set_on("keeper_beat", 61.0),
    "a guest that ended": ended,
    "another maximum": guest_set("maxmem_mib", 999),
    "held back": guest_set("held", "Paused."),
    "a higher fence": guest_set("fence", 40),
    "another fence here": table(guests_table, fence=0),
    "another phase": table(guests_table, phase="stopped"),
    "another spec": respecified,
    "a larger disk": larger,
    "reserved less": table(reservations, memory_mib=1),
    "reserved elsewhere": table(reservations, pool="vg9"),
    "another observation of the guest": table(observed_guests, boot="other", state="stopped", domid=None, record={}),
    "no observation of the guest": forgotten,
    "another bridge": no_bridge,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_is_new_is_seen(services: Services, host: SimulatedHost, judged: list[str], change: Change) -> None:
    """What was remembered makes no difference: who remembers nothing finds nothing to change."""
    at = settled(services, judged)
    change(services, host)
    before = rows(services)
    seen = observing.observe(services, at)
    assert judged == ["sim1"]
    found = rows(services)
    services.db.update(lambda connection: observing.store(connection, at, seen, Looks()))
    assert rows(services) == found
    assert found != before


def test_what_is_new_and_passes_is_stored_without_being_judged(
    services: Services, host: SimulatedHost, judged: list[str]
) -> None:
    at = settled(services, judged)
    host.answers = False
    with pytest.raises(Unreachable):
        observing.observe(services, at)
    host.answers, host.keeper_beat = True, 2.5
    before = services.now()
    seen = observing.observe(services, at)
    known = services.db.read(lambda connection: observations.of_host(connection, at.id))
    assert judged == []
    assert known is not None
    assert (known.facts, known.error, known.silent_since) == (seen.facts, None, None)
    assert known.seen_at >= before
    assert known.facts.keeper_beat == 2.5


def test_what_another_server_has_found_since_is_judged_again(
    services: Services, host: SimulatedHost, judged: list[str]
) -> None:
    """It saw a keeper that does not run, which runs again when this one looks."""
    at = settled(services, judged)
    before = rows(services)
    other = dataclasses.replace(services, looks=Looks())
    host.keeper_beat = None
    observing.observe(other, at)
    host.keeper_beat = 1.0
    assert rows(services) != before
    observing.observe(services, at)
    assert rows(services) == before
    assert judged == ["sim1", "sim1"]


def test_a_look_that_could_not_be_stored_is_not_known(
    services: Services, host: SimulatedHost, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = settled(services, judged)
    host.keeper_beat = None
    with monkeypatch.context() as patch:
        patch.setattr(observations, "put", lambda *_: 1 / 0)
        with pytest.raises(TeigError):
            observing.observe(services, at)
    observing.observe(services, at)
    observing.observe(services, at)
    known = services.db.read(lambda connection: observations.of_host(connection, at.id))
    assert known is not None
    assert known.capacity.refuses != ""
    assert judged == ["sim1", "sim1"]


def test_a_guest_is_judged_when_the_operation_that_locks_it_ends(
    services: Services, host: SimulatedHost, judged: list[str]
) -> None:
    at = settled(services, judged)

    def seen_with(ended: float | None) -> int:
        services.db.write(lambda connection: connection.execute(operations.update().values(ended=ended)))
        observing.observe(services, at)
        return int(rows(services)["guests"][0]["fence"])

    guest_on(host).fence += 5
    assert seen_with(None) < guest_on(host).fence
    assert seen_with(1.0) == guest_on(host).fence


@pytest.mark.parametrize("change", [CHANGES["reserved less"], CHANGES["no observation of the guest"]])
def test_what_was_mended_and_is_put_back_is_mended_again(
    services: Services, host: SimulatedHost, judged: list[str], change: Change
) -> None:
    at = settled(services, judged)
    before = rows(services)
    for _ in range(2):
        change(services, host)
        assert rows(services) != before
        observing.observe(services, at)
        found = rows(services)
        assert found["reservations"] == before["reservations"]
        assert [row["state"] for row in found["observed_guests"]] == ["running"]


@pytest.mark.parametrize(
    "damage",
    [
        table(observations_table, memory_mib=10**6, differs=True),
        table(observed_guests, state="crashed"),
        table(observed_guests, domid=None),
        table(observed_guests, answers=False, started_s=0.0),
        table(observed_guests, started_s=None),
    ],
)
def test_what_somebody_has_damaged_is_put_right_within_ten_minutes(
    services: Services, host: SimulatedHost, judged: list[str], damage: Change
) -> None:
    at = settled(services, judged)
    before = rows(services)
    damage(services, host)
    now = services.now
    object.__setattr__(services, "now", lambda: now() + looks.JUDGED_S)
    observing.observe(services, at)
    assert rows(services) == before


def test_a_clock_that_was_set_back_has_every_host_judged(
    services: Services, host: SimulatedHost, judged: list[str]
) -> None:
    at = settled(services, judged)
    now = services.now
    object.__setattr__(services, "now", lambda: now() + looks.JUDGED_S)
    observing.observe(services, at)
    object.__setattr__(services, "now", now)
    observing.observe(services, at)
    assert judged == ["sim1", "sim1"]


def test_what_an_operation_has_read_since_is_no_part_of_a_later_look(
    services: Services, host: SimulatedHost, judged: list[str]
) -> None:
    """A late answer is judged with what is newer; one that tells the same, and is newer still, is not."""
    at = settled(services, judged)
    early = Seen(host.facts(), host.inventory(), services.now())
    ended(services, host)
    [ident] = host.guests
    stopped = host.guest(ident)

    def read_it(connection: sa.Connection) -> None:
        observations.put_guest(connection, at.id, stopped, observations.of_guest(connection, ident, at.id), 1)

    def states_after(seen: Seen) -> list[str]:
        services.db.update(lambda connection: observing.store(connection, at, seen, services.looks))
        return [line.state for line in guests.lines(services)]

    services.db.write(read_it)
    assert states_after(early) == states_after(early) == ["missing"]
    later = host.inventory().uptime_ns + 10**9
    told = tuple(dataclasses.replace(guest, uptime_ns=later) for guest in early.inventory.guests)
    again = dataclasses.replace(early.inventory, uptime_ns=later, guests=told)
    assert states_after(Seen(host.facts(), again, services.now())) == ["running"]


def test_hosts_that_were_removed_are_forgotten(services: Services, host: SimulatedHost, judged: list[str]) -> None:
    at = settled(services, judged)
    seen = Seen(host.facts(), host.inventory(), services.now())
    known = Looks()
    known.judged(at, b"same", b"same", seen)
    late = dataclasses.replace(seen, seen_at=seen.seen_at + looks.JUDGED_S)
    known.judged(dataclasses.replace(at, id=HostId("other")), b"same", b"same", late)
    assert len(known._judged) == 1
