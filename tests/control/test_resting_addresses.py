"""Addresses that nobody has and that are not free all the same."""

# ruff: noqa: F811  (a fixture is imported and used)

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from teig.control import addresses, guests, ranges
from teig.model.errors import Conflict, Refused
from teig.model.operation import OperationState
from teig.operations.engine import Engine
from teig.operations.guest_readdress import with_also
from teig.store import addresses as stored_addresses
from teig.store import archive, schema
from teig.store import guests as stored_guests
from teig.store.database import Database, sqlite_url
from tests.control.test_addresses import FIRST, SIX, Two, two  # noqa: F401  (a fixture)
from tests.simulated import stored, wait


def test_what_rests_does_so_though_the_guest_that_had_it_asks_for_it_and_takes_that_back(two: Two) -> None:
    two.add("web")
    two.done(addresses.remove(two.services, FIRST))
    web = guests.view(two.services, "web").guest

    def ask_and_cancel(connection: sa.Connection) -> None:
        known = stored_addresses.range_of(connection, "lab", FIRST)
        stored_addresses.take(connection, known, web.id, time.time(), FIRST)
        stored_addresses.rest(connection, web.spec, FIRST, None)

    two.services.db.write(ask_and_cancel)
    with pytest.raises(Refused, match="rests until"):
        addresses.add(two.services, "db", None, FIRST)
    assert two.add("db") != FIRST


def test_a_large_network_that_a_stranger_has_is_passed_over_at_once(two: Two) -> None:
    ranges.add(two.services, "lab", SIX, None, None, 64)
    assert two.add("web", network=SIX) == "2001:db8::/64"
    lost = next(one for one in stored(two.services) if one.name == "web")
    two.services.db.write(lambda connection: stored_guests.remove(connection, lost, None))
    two.observe()
    ranges.remove(two.services, SIX)
    ranges.add(two.services, "lab", SIX, "2001:db8::1", "2001:db8::ffff:ffff:ffff", None)
    begun = time.monotonic()
    with pytest.raises(Refused, match="only 0 of them free"):
        addresses.add(two.services, "db", SIX, None)
    assert time.monotonic() - begun < 20


def test_a_backup_that_was_made_in_the_middle_of_a_move_leaves_the_address_to_one(
    two: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.add("web")
    monkeypatch.setattr(Engine, "claim", lambda *_: None)
    monkeypatch.setattr(Engine, "begin", lambda *_: None)
    addresses.move(two.services, FIRST, "db", force=False)
    assert (two.promised("web"), two.promised("db")) == ((), (FIRST,))
    made = two.services.db.read(lambda connection: archive.dump_all(connection, time.time()))
    url = sqlite_url(tmp_path / "restored.sqlite")
    archive.load_all(url, json.loads(json.dumps(made)), time.time())
    with Database(url) as db:
        [line] = [
            one
            for one in db.read(lambda connection: stored_addresses.listed(connection, time.time(), None, None))
            if one.address == FIRST
        ]
        promised = {guest.name: guest.spec.nics[0].also for guest in db.read(stored_guests.listed)}
    assert (line.guest, line.next) == ("web", None)
    assert promised == {"web": (FIRST,), "db": ()}


def test_what_leads_to_a_guest_on_its_host_and_not_by_an_earlier_database_is_given_to_nobody(two: Two) -> None:
    two.add("web")
    web = guests.view(two.services, "web").guest

    def forget(connection: sa.Connection) -> None:
        stored_guests.respecify(connection, with_also(web.spec, ()))
        connection.execute(schema.addresses.delete())

    two.services.db.write(forget)
    two.observe()
    assert two.add("db") != FIRST
    with pytest.raises(Conflict, match="is in use"):
        addresses.add(two.services, "db", None, FIRST)
    assert wait(two.services, guests.mend(two.services, "web")).state is OperationState.DONE
    two.observe()
    assert two.add("db", address="198.51.100.1") == FIRST
