"""Ranges of addresses, and what rests after a guest gave it back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from teig.control import guests, hosts, ranges, sites
from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.address_range import whole_range
from teig.model.errors import Conflict, InvalidRequest, NotFound, Refused, TeigError
from teig.model.operation import OperationState
from tests.faults import FaultyFleet
from tests.simulated import SITE, enrol, server, server_with_hosts, wait, wish


@pytest.fixture
def resting(tmp_path: Path, host: SimulatedHost, database: sa.URL | None) -> Iterator[Services]:
    """A site with two addresses for cards, which rest for the usual hour."""
    site = replace(SITE, last_address="10.77.16.1", quarantine_s=3600)
    with server_with_hosts(tmp_path, host, site=site, database=database) as services:
        yield services


def later(services: Services, seconds: float) -> Services:
    """Return the server as it is some time later."""
    return replace(services, now=lambda: time.time() + seconds)


def make(services: Services, name: str) -> str:
    ended = wait(services, guests.create(services, wish(name)))
    assert ended.state is OperationState.DONE, ended.error
    return guests.view(services, name).guest.spec.nics[0].ip


def delete(services: Services, name: str) -> None:
    ended = wait(services, guests.delete(services, name, force=True))
    assert ended.state is OperationState.DONE, ended.error


@pytest.mark.parametrize(
    ("given", "first", "last", "count"),
    [
        ({"network": "198.51.100.0/29"}, "198.51.100.1", "198.51.100.6", 6),
        ({"network": "198.51.100.0/31"}, "198.51.100.0", "198.51.100.1", 2),
        ({"network": "198.51.100.0/24", "first": "198.51.100.9"}, "198.51.100.9", "198.51.100.254", 246),
        ({"network": "198.51.100.0/24", "prefix": 28}, "198.51.100.0", "198.51.100.240", 16),
        ({"network": "2001:db8::/48", "prefix": 64}, "2001:db8::", "2001:db8:0:ffff::", 65536),
        ({"network": "2001:db8::/120"}, "2001:db8::1", "2001:db8::ff", 255),
        ({"network": "2001:db8::/64"}, "2001:db8::1", "2001:db8:0:0:4000::", 2**62),
    ],
)
def test_a_range_is_all_that_guests_can_have_of_a_network(
    given: dict[str, Any], first: str, last: str, count: int
) -> None:
    known = whole_range("lab", **given)
    assert (known.first, known.last, known.count) == (first, last, count)
    assert known.at(0) == f"{first}/{known.prefix}"
    assert known.at(count - 1) == f"{last}/{known.prefix}"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"network": "127.0.0.0/24"}, "none that guests can have"),
        ({"network": "224.1.0.0/24"}, "none that guests can have"),
        ({"network": "fe80::/64"}, "none that guests can have"),
        ({"network": "::/0"}, "none that guests can have"),
        ({"network": "::ffff:198.51.100.0/120"}, "none that guests can have"),
        ({"network": "198.0.0.0/7"}, "too large"),
        ({"network": "198.51.100.7/24"}, "host bits"),
        ({"network": "\uff1198.51.100.0/24"}, "none of IPv4 or IPv6"),
        ({"network": "198.51.100.0/24%"}, "none of IPv4 or IPv6"),
        ({"network": "198.51.100.0/24", "first": "203.0.113.1"}, "lies outside"),
        ({"network": "198.51.100.0/24", "first": "2001:db8::1"}, "lies outside"),
        ({"network": "198.51.100.0/24", "first": "198.51.100.0"}, "are nobody's"),
        ({"network": "198.51.100.0/24", "last": "198.51.100.255"}, "are nobody's"),
        ({"network": "2001:db8::/64", "first": "2001:db8::", "last": "2001:db8::9"}, "are nobody's"),
        ({"network": "198.51.100.0/24", "first": "198.51.100.9", "last": "198.51.100.8"}, "comes after the last"),
        ({"network": "198.51.100.0/24", "prefix": 23}, "no networks of 23 bits"),
        ({"network": "198.51.100.0/24", "prefix": 33}, "no networks of 33 bits"),
        ({"network": "2001:db8::/48", "prefix": 64, "first": "2001:db8::1"}, "begins no network of 64 bits"),
        ({"network": "2001:db8::/48", "first": "2001:db8::1%eth0"}, "names an interface"),
        ({"network": "2001:db8::/48", "last": "2001:db8:0:ffff::"}, "more than a range can have"),
    ],
)
def test_a_range_that_cannot_be_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        whole_range("lab", **given)


@pytest.mark.parametrize(
    ("given", "kind", "code"),
    [
        ({"network": "198.51.100.0/25"}, Conflict, "range_overlaps"),
        ({"network": "198.51.96.0/20"}, Conflict, "range_overlaps"),
        ({"network": "10.78.0.0/24"}, Conflict, "range_overlaps"),  # of another site
        ({"network": "10.77.0.0/16"}, InvalidRequest, "range_overlaps"),  # with its gateway and its cards
        ({"network": "10.77.0.0/24"}, InvalidRequest, "range_overlaps"),
        ({"network": "10.77.16.8/29"}, InvalidRequest, "range_overlaps"),
        ({"network": "203.0.113.0/24", "site": "mars"}, NotFound, "no_site"),
    ],
)
def test_no_two_ranges_have_an_address_in_common(
    services: Services, given: dict[str, str], kind: type[TeigError], code: str
) -> None:
    away = {
        "network": "10.78.0.0/16",
        "gateway": "10.78.0.1",
        "first_address": "10.78.1.0",
        "last_address": "10.78.1.9",
    }
    sites.add(services, replace(SITE, name="bergen", **away))  # type: ignore[arg-type]
    ranges.add(services, "lab", "198.51.100.0/24", None, None, None)
    with pytest.raises(kind) as caught:
        ranges.add(services, given.get("site", "lab"), given["network"], None, None, None)
    assert caught.value.reason == code
    assert [one.network for one in ranges.listed(services, "lab")] == ["10.77.0.0/16", "198.51.100.0/24"]


def test_a_range_can_be_of_the_sites_own_network_beside_what_cards_get(services: Services) -> None:
    added = ranges.add(services, "lab", "10.77.0.0/16", "10.77.20.0", "10.77.20.9", None)
    assert (added.of_cards, added.count) == (False, 10)


def test_a_site_is_not_added_where_a_range_is(services: Services) -> None:
    ranges.add(services, "lab", "198.51.100.0/24", None, None, None)
    away = {"network": "198.51.0.0/16", "gateway": "198.51.0.1"}
    away |= {"first_address": "198.51.1.0", "last_address": "198.51.1.9"}
    with pytest.raises(Conflict, match=r"in common with range 198\.51\.100\.0/24 of site lab"):
        sites.add(services, replace(SITE, name="bergen", **away))  # type: ignore[arg-type]


def test_a_range_is_removed_and_can_be_added_again(services: Services) -> None:
    for _ in range(2):
        ranges.add(services, "lab", "2001:db8::/48", None, None, 64)
        ranges.remove(services, "2001:db8::/48")
    assert [one.network for one in ranges.listed(services)] == ["10.77.0.0/16"]
    with pytest.raises(NotFound, match="no range 2001:db8::/48"):
        ranges.remove(services, "2001:db8::/48")


def test_a_released_address_rests_also_for_a_guest_of_the_same_name(resting: Services) -> None:
    assert [make(resting, name) for name in ("web", "db")] == ["10.77.16.0", "10.77.16.1"]
    began = time.time()
    delete(resting, "web")
    with pytest.raises(Refused, match=r"only 0 of them free; 1 is wanted\. Lately given back") as caught:
        guests.create(resting, wish("web"))
    assert caught.value.reason == "no_address"
    told = time.mktime(time.strptime(str(caught.value).split("free at ")[1][:19], "%Y-%m-%d %H:%M:%S")) - time.timezone
    assert began + 3600 - 1 <= told <= time.time() + 3600
    [own] = ranges.listed(resting)
    assert (own.of_cards, own.count, own.taken, own.resting) == (True, 2, 1, 1)
    with pytest.raises(Refused):
        guests.create(later(resting, 3500), wish("web"))


def test_a_released_address_is_given_again_after_its_time(resting: Services) -> None:
    for name in ("web", "db"):
        make(resting, name)
    delete(resting, "web")
    after = later(resting, 3601)
    hosts.view(after, "sim1")
    assert make(after, "shop") == "10.77.16.0"
    assert [one.resting for one in ranges.listed(after)] == [0]


def test_the_rest_of_an_address_outlives_the_server(
    tmp_path: Path, host: SimulatedHost, database: sa.URL | None
) -> None:
    site = replace(SITE, last_address="10.77.16.0", quarantine_s=3600)
    with server_with_hosts(tmp_path, host, site=site, database=database) as services:
        make(services, "web")
        delete(services, "web")
    with server(tmp_path, SimulatedFleet([host]), database) as services, pytest.raises(Refused, match="Lately given"):
        guests.create(services, wish("shop"))


@pytest.mark.parametrize(("step", "rest"), [("guest_define", 0), ("guest_start", 1)])
def test_an_address_that_no_guest_has_used_does_not_rest(
    tmp_path: Path, host: SimulatedHost, database: sa.URL | None, step: str, rest: int
) -> None:
    """A create that fails before its domain is started must not use a small range up."""
    fleet = FaultyFleet(SimulatedFleet([host]))
    with server(tmp_path, fleet, database) as services:
        enrol(services, ["sim1"], replace(SITE, quarantine_s=3600))
        fleet.fail = step
        assert wait(services, guests.create(services, wish("web"))).state is OperationState.FAILED
        assert [(one.taken, one.resting) for one in ranges.listed(services)] == [(0, rest)]


def test_the_addresses_of_a_host_are_given_to_nobody(
    tmp_path: Path, host: SimulatedHost, database: sa.URL | None
) -> None:
    with server_with_hosts(tmp_path, host, database=database) as services:
        services.db.write(lambda connection: connection.exec_driver_sql("UPDATE hosts SET address = '10.77.16.0'"))
        guests.create(services, wish("web"))
        assert guests.view(services, "web").guest.spec.nics[0].ip == "10.77.16.1"
