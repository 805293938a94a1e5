"""What the command line shows of a server's own answers: nothing here makes up what the API says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from teig.api.app import build
from teig.control import guests
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from tests.cli.conftest import Teig
from tests.simulated import server_with_hosts, wait, wish

LOOKS = (
    "site list", "site show lab", "host list", "host show sim1", "pool list", "pool show sim1", "pool bench sim1",
    "range list", "address list",
    "plan list", "plan show tiny", "image list", "image show micro", "guest list", "guest show web", "op list",
)  # fmt: skip


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    folder = home / "teig/server"
    folder.mkdir(parents=True)
    with server_with_hosts(folder, SimulatedHost("sim1", memory_mib=2048, cores=4)) as services:
        wait(services, guests.create(services, wish("web")))
        socket = folder / "teig.sock"
        serving = uvicorn.Server(uvicorn.Config(build(services), uds=str(socket), log_level="warning"))
        thread = threading.Thread(target=serving.run)
        thread.start()
        deadline = time.monotonic() + 30
        while not serving.started:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield services
        serving.should_exit = True
        thread.join(30)


def test_every_look(services: Services, teig: Teig) -> None:
    for look in LOOKS:
        done = teig(*look.split())
        assert done.returncode == 0, f"{look}: {done.stderr}"
        assert done.stdout.strip()
        told = teig(*look.split(), "-o", "json")
        assert json.loads(told.stdout), look
    assert json.loads(teig("drift", "-o", "json").stdout) == []


def test_a_pool_is_rated_as_stated(services: Services, teig: Teig) -> None:
    rates = ("--read-iops", "4000", "--write-iops", "2000", "--read", "128M", "--write", "64M")
    alone = teig("pool", "rate", "sim1", *rates)
    assert "stated, reads and writes each alone" in alone.stdout, alone.stderr
    both = teig("pool", "rate", "sim1", *rates, "--together")
    assert "stated, reads and writes at once" in both.stdout
    assert "3500 of 4000 a second promised to nobody" in both.stdout


def test_a_host_that_is_lost_is_forgotten_with_its_guests(services: Services, teig: Teig) -> None:
    refused = teig("host", "remove", "sim1")
    assert "Host sim1 has 1 of our guests: web." in refused.stderr
    assert "teig host remove sim1 --force" in refused.stderr
    assert "Add --yes." in teig("host", "remove", "sim1", "--force").stderr
    done = teig("host", "remove", "sim1", "--force", "--yes")
    assert done.stdout == "Host sim1 is removed, and with it web.\n"
    assert json.loads(teig("guest", "list", "-o", "json").stdout) == []


def test_an_address_is_given_moved_and_taken_away(services: Services, teig: Teig) -> None:
    wait(services, guests.create(services, wish("db")))
    steps = (
        ("range add lab 2001:db8::/48 --prefix 64", "Range 2001:db8::/48 is added: 65536 for guests."),
        ("address add web", "2001:db8::/64 leads to guest web. Set it up inside the guest."),
        ("address add web --range 2001:db8::/48", "2001:db8:0:1::/64 leads to guest web."),
        ("guest show web", "further addresses 2001:db8::/64, 2001:db8:0:1::/64"),
        ("address move 2001:DB8::/64 db", "2001:db8::/64 leads to guest db."),
        ("address list --guest db", "2001:db8::/64 lab 2001:db8::/48 db"),
        ("address remove 2001:db8::/64", "2001:db8::/64 leads to guest db no more."),
        ("address remove 2001:db8:0:1::/64", "no more."),
        ("range list --site lab", "networks of 64 bits"),
        ("address name 10.77.16.0 Web.Example.org.", "10.77.16.0 is called web.example.org."),
        ("address list --guest web", "web.example.org (not told yet) of a card"),
        ("address zone 10.77.0.0/16", "$ORIGIN 77.10.in-addr.arpa. $TTL 3600 0.16 IN PTR web.example.org."),
        ("address zone 10.77.0.0/16 --ns ns1.example.org --ns ns2.example.org", "@ IN NS ns2.example.org."),
        ("address name 10.77.16.0 --none", "10.77.16.0 has no name."),
        ("range remove 2001:db8::/48", "Range 2001:db8::/48 is removed."),
    )
    for typed, told in steps:
        done = teig(*typed.split())
        assert done.returncode == 0, f"{typed}: {done.stderr}"
        assert told in " ".join(done.stdout.split()), f"{typed}: {done.stdout}"


def test_what_is_wrong_with_a_range_or_an_address_is_one_sentence(services: Services, teig: Teig) -> None:
    wrong = (
        ("range add mars 198.51.100.0/24", 1, "There is no site named mars."),
        ("range add lab 198.51.100.1/24", 2, "host bits set"),
        ("range add lab 10.77.0.0/16", 2, "has addresses in common with site lab"),
        ("range remove 198.51.100.0/24", 1, "There is no range 198.51.100.0/24."),
        ("address add web", 1, "Site lab has no addresses but those of network cards."),
        ("address add web 300.1.1.1", 2, "is neither an address nor a network"),
        ("address remove 10.77.16.0", 1, "is a network card's own address"),
        ("address move 198.51.100.1 web", 1, "No guest has 198.51.100.1."),
        ("address name 10.77.16.9 web.example.org", 1, "No guest has 10.77.16.9."),
        ("address name 10.77.16.0 web", 2, "is no whole name of a host"),
        ("address name 10.77.16.0", 2, "Give an address a name, or --none."),
        ("address zone 10.77.16.0/20", 2, "No reverse zone is just 10.77.16.0/20."),
        ("address list --guest mars", 1, "There is no guest named mars."),
    )
    for typed, status, told in wrong:
        done = teig(*typed.split())
        assert (done.returncode, done.stderr.count("error:")) == (status, 1), f"{typed}: {done.stderr}"
        assert told in done.stderr, f"{typed}: {done.stderr}"
