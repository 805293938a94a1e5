"""Months of what guests transfer are made of their hosts' totals: nothing is counted twice, whoever looks and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from teig.control import adopting, guests, observing, transfers
from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import NotFound
from teig.model.host import Transfer
from teig.model.transfer import month_of
from teig.store import archive, hosts
from teig.store import transfers as stored_transfers
from teig.store.database import sqlite_url
from teig.store.hosts import StoredHost
from teig.store.observations import Seen
from teig.store.schema import transfer_counts
from tests.simulated import enrol, server, server_with_hosts, stored, wait, wish

NOVEMBER, DECEMBER = 1795000000.0, 1798000000.0


@pytest.fixture(autouse=True)
def _always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "EVERY_S", 0.0)


def at(services: Services, name: str = "sim1") -> StoredHost:
    return services.db.read(lambda connection: hosts.named(connection, name))


def seen_now(services: Services, host: SimulatedHost, when: float = NOVEMBER) -> Seen:
    return Seen(host.facts(), host.inventory(), when)


def take_in(services: Services, seen: Seen) -> None:
    services.db.update(lambda connection: observing.store(connection, at(services), seen, services.looks))
    transfers.take_in(services, at(services), seen)


def months(services: Services, name: str = "web") -> dict[str, tuple[int, int]]:
    return {one.month: (one.sent_bytes, one.received_bytes) for one in transfers.months(services, name)}


def make(services: Services, name: str = "web") -> None:
    wait(services, guests.create(services, wish(name)))


def test_differences_are_added_to_the_month_of_the_look(services: Services, host: SimulatedHost) -> None:
    make(services)
    [web] = stored(services)
    take_in(services, seen_now(services, host))
    assert months(services) == {}
    for when, more in ((NOVEMBER, 1000), (NOVEMBER + 60, 300), (DECEMBER, 7)):
        host.transfer(web.id, more, 2 * more)
        take_in(services, seen_now(services, host, when))
    assert months(services) == {month_of(NOVEMBER): (1300, 2600), month_of(DECEMBER): (7, 14)}
    assert (month_of(NOVEMBER), month_of(DECEMBER)) == ("2026-11", "2026-12")


def test_what_was_counted_is_not_counted_again(services: Services, host: SimulatedHost) -> None:
    """By another server, which remembers nothing; by a look that arrives late; after a restart of this one."""
    make(services)
    [web] = stored(services)
    host.transfer(web.id, 1000, 0)
    early = seen_now(services, host)
    host.transfer(web.id, 500, 0)
    late = seen_now(services, host)
    other = replace(services, counted={})
    for server_, seen in ((services, late), (other, late), (other, early), (services, early), (other, late)):
        transfers.take_in(server_, at(services), seen)
    assert months(services) == {"2026-11": (1500, 0)}


def test_servers_that_look_at_once_count_once(services: Services, host: SimulatedHost) -> None:
    make(services)
    [web] = stored(services)
    for _ in range(5):
        host.transfer(web.id, 1000, 100)
        seen = seen_now(services, host)
        with ThreadPoolExecutor(8) as pool:
            looks = [
                pool.submit(transfers.take_in, replace(services, counted={}), at(services), seen) for _ in range(8)
            ]
        assert [look.exception() for look in looks] == [None] * 8
    assert months(services) == {"2026-11": (5000, 500)}


def test_another_counting_is_added_and_the_first_one_goes_on(services: Services, host: SimulatedHost) -> None:
    """A host that has lost its file; a guest that is moved to another host and back."""
    make(services)
    [web] = stored(services)
    host.transfer(web.id, 1000, 10)
    first = host.guests[web.id].transfer
    assert first is not None
    take_in(services, seen_now(services, host))
    host.guests[web.id].transfer = Transfer("another", 70, 1, 0, 0)
    take_in(services, seen_now(services, host))
    host.guests[web.id].transfer = replace(first, sent_bytes=1001)
    take_in(services, seen_now(services, host))
    assert months(services) == {"2026-11": (1071, 10)}


def test_a_look_that_tells_nothing_else_that_is_new_is_counted_too(services: Services, host: SimulatedHost) -> None:
    make(services)
    [web] = stored(services)
    for _ in range(3):
        host.transfer(web.id, 10, 0)
        observing.observe(services, at(services))
    assert sum(sent for sent, _ in months(services).values()) == 30
    assert guests.transfer(services, guests.view(services, "web"))["transfer"].sent_bytes == 30


def test_the_looks_between_cost_no_transaction(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "EVERY_S", 300.0)
    make(services)
    [web] = stored(services)
    taken = []
    monkeypatch.setattr(stored_transfers, "add", lambda *args: taken.append(args))
    for when in range(0, 901, 30):
        host.transfer(web.id, 10, 0)
        transfers.take_in(services, at(services), seen_now(services, host, NOVEMBER + when))
    before = len(taken)
    for when in range(930, 1801, 30):
        transfers.take_in(services, at(services), seen_now(services, host, NOVEMBER + when))
    assert (before, len(taken)) == (4, 4), "what has not changed is not stored"


def test_the_months_stay_when_the_guest_is_deleted(services: Services, host: SimulatedHost) -> None:
    make(services)
    [web] = stored(services)
    host.transfer(web.id, 1000, 0)
    observing.observe(services, at(services))
    host.transfer(web.id, 50, 5)
    wait(services, guests.delete(services, "web", force=True))
    [month] = transfers.months(services, "web")
    assert (month.guest, month.sent_bytes, month.received_bytes) == (web.id, 1050, 5)
    count = sa.select(sa.func.count()).select_from(transfer_counts)
    assert services.db.read(lambda connection: connection.execute(count).scalar_one()) == 0
    make(services)
    [again] = stored(services)
    host.transfer(again.id, 3, 0)
    observing.observe(services, at(services))
    assert {one.guest: one.sent_bytes for one in transfers.months(services, "web")} == {web.id: 1050, again.id: 3}


def test_a_guest_that_nobody_knows_has_no_months(services: Services) -> None:
    with pytest.raises(NotFound):
        transfers.months(services, "nobody")
    make(services)
    assert transfers.months(services, "web") == []


def test_what_an_adopted_guest_had_transferred_is_not_this_month_s(
    tmp_path: Path, host: SimulatedHost, database: sa.URL | None
) -> None:
    (tmp_path / "first").mkdir()
    with server_with_hosts(tmp_path / "first", host) as services:
        make(services)
        [web] = stored(services)
        host.transfer(web.id, 10**12, 10**12)
    with server(tmp_path, SimulatedFleet([host]), database) as services:
        enrol(services, ["sim1"])
        observing.observe(services, at(services))
        assert adopting.adopt(services, "sim1").adopted == ("web",)
        host.transfer(web.id, 5, 6)
        observing.observe(services, at(services))
        assert list(months(services).values()) == [(5, 6)]


def test_a_restored_backup_counts_what_came_after_it_once(tmp_path: Path, host: SimulatedHost) -> None:
    (tmp_path / "first").mkdir()
    with server_with_hosts(tmp_path / "first", host) as services:
        make(services)
        [web] = stored(services)
        host.transfer(web.id, 1000, 0)
        observing.observe(services, at(services))
        backup = services.db.read(lambda connection: archive.dump_all(connection, services.now()))
        host.transfer(web.id, 500, 0)
        observing.observe(services, at(services))
    archive.load_all(sqlite_url(tmp_path / "teig.sqlite"), backup, NOVEMBER)
    with server(tmp_path, SimulatedFleet([host])) as services:
        for _ in range(2):
            observing.observe(services, at(services))
        assert sum(sent for sent, _ in months(services).values()) == 1500
