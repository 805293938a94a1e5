"""Names of addresses are told to a real BIND, also one that was away, and written as zone files that it takes."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from teig.control import addresses, guests, ranges, reverse_names, telling
from teig.control.services import Services
from teig.fleet.name_server import NameServer, parse_place, read_key
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import HostFault, InvalidRequest, NotFound, Unreachable
from teig.model.reverse_name import check_host_name, zone_file
from teig.store import reverse_names as rows
from tests.bind import CARD, SBIN, ZONES, Bind, running
from tests.simulated import server, server_with_hosts, wait, wish

SECRET = "bm90IHRoZSBzYW1lIHNlY3JldCBhdCBhbGw="


@pytest.fixture
def bind(tmp_path: Path) -> Iterator[Bind]:
    with running(tmp_path / "bind") as bind:
        yield bind


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "LOOK_S", 0.05)
    monkeypatch.setattr(telling, "AWAY_S", (0.05, 0.2))


@pytest.fixture
def web(services: Services) -> Services:
    """A server with a guest that has a card's address, a further one and a network."""
    ranges.add(services, "lab", "2001:db8::/48", None, None, 64)
    ranges.add(services, "lab", "198.51.100.0/24", None, None, None)
    wait(services, guests.create(services, wish("web")))
    for network in ("2001:db8::/48", "198.51.100.0/24"):
        wait(services, addresses.add(services, "web", network, None).operation)
    return services


def told(services: Services, bind: Bind) -> None:
    """Tell all that is due, as the thread does."""
    while telling.tell_due(services, bind.driver()):
        pass


def until(bind: Bind, address: str, name: str) -> None:
    deadline = time.monotonic() + 20
    while bind.name_of(address) != name:
        assert time.monotonic() < deadline, f"{address} is called {bind.name_of(address)}, not {name}"
        time.sleep(0.05)


def test_a_name_is_told_changed_and_taken_away(web: Services, bind: Bind) -> None:
    for address, name in ((CARD, "Web.Example.org."), ("2001:db8::7", "mail.example.org")):
        reverse_names.put(web, address, name)
        told(web, bind)
        assert bind.name_of(address) == check_host_name(name) + "."
    reverse_names.put(web, CARD, "www.example.org")
    told(web, bind)
    assert bind.name_of(CARD) == "www.example.org."
    lines = {line.address: line.names for line in addresses.listed(web, None, None)}
    assert [(one.name, one.sent, one.error) for one in lines[f"{CARD}/32"]] == [("www.example.org", True, None)]
    assert [one.address for one in lines["2001:db8::/64"]] == ["2001:db8::7"]
    reverse_names.put(web, CARD, None)
    told(web, bind)
    assert bind.name_of(CARD) == ""
    assert [one.address for one in web.db.read(rows.listed)] == ["2001:db8::7"]


def test_what_a_guest_has_no_more_loses_its_name_and_what_moves_keeps_it(web: Services, bind: Bind) -> None:
    wait(web, guests.create(web, wish("db")))
    for address in (CARD, "2001:db8::7"):
        reverse_names.put(web, address, "web.example.org")
    told(web, bind)
    wait(web, addresses.move(web, "2001:db8::/64", "db", force=False).operation)
    wait(web, guests.delete(web, "web", force=True))
    told(web, bind)
    assert (bind.name_of(CARD), bind.name_of("2001:db8::7")) == ("", "web.example.org.")
    wait(web, addresses.remove(web, "2001:db8::/64").operation)
    told(web, bind)
    assert bind.name_of("2001:db8::7") == ""
    assert web.db.read(rows.listed) == []


def test_while_the_name_server_is_away_names_are_kept_and_told_later(web: Services, bind: Bind) -> None:
    bind.stop()
    with telling.telling(replace(web, name_server=bind.driver())):
        reverse_names.put(web, CARD, "first.example.org")
        deadline = time.monotonic() + 10
        while not (line := web.db.read(rows.listed)[0]).error:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert (line.sent, "127.0.0.1 does not answer" in str(line.error)) == (False, True)
        reverse_names.put(web, CARD, "web.example.org")
        bind.start()
        until(bind, CARD, "web.example.org.")


def test_what_was_not_told_is_told_by_a_server_that_starts_later(
    tmp_path: Path, host: SimulatedHost, bind: Bind, database: sa.URL | None
) -> None:
    driver = bind.driver()
    bind.stop()
    with server_with_hosts(tmp_path, host, database=database) as services:
        wait(services, guests.create(services, wish("web")))
        reverse_names.put(services, CARD, "web.example.org")
        with pytest.raises(Unreachable):
            telling.tell_due(services, driver)
    bind.start()
    with server(tmp_path, SimulatedFleet([host]), database) as services:
        told(services, bind)
    assert bind.name_of(CARD) == "web.example.org."


def test_what_the_name_server_refuses_holds_up_no_other_name(web: Services, bind: Bind) -> None:
    reverse_names.put(web, "198.51.100.1", "web.example.org")  # it has no such zone
    reverse_names.put(web, CARD, "web.example.org")
    told(web, bind)
    assert bind.name_of(CARD) == "web.example.org."
    known = {one.address: one for one in web.db.read(rows.listed)}
    assert known[CARD].sent
    assert not known["198.51.100.1"].sent
    assert "refuses a question for 1.100.51.198.in-addr.arpa.: REFUSED" in str(known["198.51.100.1"].error)
    assert web.db.read(lambda connection: rows.due(connection, time.time(), 9)) == []
    [due] = web.db.read(lambda connection: rows.due(connection, time.time() + 6, 9))
    assert (due.address, due.tries) == ("198.51.100.1", 1)


def test_a_name_that_was_changed_while_it_was_told_is_told_anew(web: Services, bind: Bind) -> None:
    reverse_names.put(web, CARD, "old.example.org")
    [old] = web.db.read(lambda connection: rows.due(connection, time.time(), 9))
    assert web.db.update(lambda connection: rows.claim(connection, old, time.time()))
    assert not web.db.update(lambda connection: rows.claim(connection, old, time.time()))
    reverse_names.put(web, CARD, "new.example.org")
    told(web, bind)
    bind.driver().tell(CARD, "old.example.org")  # by a server that was paused
    web.db.update(lambda connection: rows.told(connection, old))
    told(web, bind)
    assert bind.name_of(CARD) == "new.example.org."


def test_another_key_is_refused_and_the_secret_is_shown_nowhere(bind: Bind, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.touch(mode=0o600)
    other.write_text('key "teig" { algorithm hmac-sha256; secret "' + SECRET + '"; };')
    driver = NameServer("127.0.0.1", bind.port, read_key(other))
    with pytest.raises(HostFault, match="does not accept the key") as caught:
        driver.tell(CARD, "web.example.org")
    assert "bm90" not in repr(read_key(other)) + str(caught.value)
    assert bind.name_of(CARD) == ""


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ('key "teig" { algorithm hmac-sha256; secret "' + SECRET + '"; };', 0o640, "Others can"),
        (
            'key "teig" { algorithm hmac-md5; secret "' + SECRET + '"; };',
            0o600,
            "no key for HMAC",
        ),
        ('key "teig" { algorithm hmac-sha256; secret "bm90"; };', 0o600, "no key for HMAC"),
        ("", 0o600, "no key for HMAC"),
        ("\u00e9", 0o600, "no key for HMAC"),
    ],
)
def test_a_file_without_a_key_that_is_kept_secret_is_refused(tmp_path: Path, text: str, mode: int, words: str) -> None:
    file = tmp_path / "key"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    with pytest.raises(InvalidRequest, match=words):
        read_key(file)
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_key(tmp_path / "none")


def test_where_a_name_server_is() -> None:
    assert parse_place("192.0.2.53") == ("192.0.2.53", 53)
    assert parse_place("192.0.2.53:5353") == ("192.0.2.53", 5353)
    assert parse_place("[2001:db8::53]:5353") == ("2001:db8::53", 5353)
    assert parse_place("2001:db8::53") == ("2001:db8::53", 53)
    assert parse_place("[2001:db8::53]") == ("2001:db8::53", 53)
    for bad in ("", "ns.example.org", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:70000", "192.0.2.53:\uff15"):
        with pytest.raises(InvalidRequest):
            parse_place(bad)


@pytest.mark.parametrize(
    "name",
    ["", "web", "web..org", "-web.example.org", "web-.example.org", "w_b.example.org", "web.example.org\n", "a b.org",
     "192.0.2.1", "w\u00e4b.example.org", "x" * 64 + ".org", ".".join(["abc"] * 64)],
)  # fmt: skip
def test_what_is_no_whole_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_host_name(name)
    assert caught.value.reason == "bad_host_name"


def test_only_an_address_of_a_guest_has_a_name(web: Services) -> None:
    for address in ("10.77.16.5", "2001:db8:0:1::7", "203.0.113.1"):
        with pytest.raises(NotFound, match="No guest has"):
            reverse_names.put(web, address, "web.example.org")
    for address, name in (("2001:db8::/64", "web.example.org"), (CARD, "web")):
        with pytest.raises(InvalidRequest):
            reverse_names.put(web, address, name)


def test_a_zone_file_is_one_that_bind_takes(web: Services, tmp_path: Path) -> None:
    reverse_names.put(web, CARD, "web.example.org")
    reverse_names.put(web, "2001:db8::7", "mail.example.org")
    check = shutil.which("named-checkzone", path=SBIN)
    assert check is not None
    servers = ("ns1.example.org", "ns2.example.org")
    for network, zone, record in (
        ("10.77.0.0/16", ZONES[0], "0.16 IN PTR web.example.org."),
        ("2001:db8::/32", ZONES[1], "7" + ".0" * 23 + " IN PTR mail.example.org."),
    ):
        text = reverse_names.zone(web, network, servers)
        file = tmp_path / zone
        file.write_text(text)
        done = subprocess.run([check, zone, str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert record in text.splitlines()
        assert "SOA" not in reverse_names.zone(web, network, ())
    with pytest.raises(InvalidRequest, match="No reverse zone is just") as caught:
        reverse_names.zone(web, "10.77.16.0/20", ())
    assert "10.77.0.0/16" in caught.value.todo


def test_addresses_beside_a_zone_are_not_in_it() -> None:
    text = zone_file("192.0.2.0/24", [("192.0.2.1", "a.example.org"), ("192.0.3.1", "b.example.org")], (), 1)
    assert text == "$ORIGIN 2.0.192.in-addr.arpa.\n$TTL 3600\n1 IN PTR a.example.org.\n"
