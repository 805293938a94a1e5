"""Guests that a host has and the database has not: what is asked about each of them, and what is known of it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from teig.control import adopting, drift, guests, hosts, observing, operations, pools
from teig.control.services import Services
from teig.fleet.driver import Claim
from teig.fleet.simulated import SimulatedHost
from teig.operations import engine
from teig.policy.placement import affirm
from teig.store import hosts as stored_hosts
from teig.store import observations
from tests.simulated import HOST_KEY, SITE, stored, wait, wish


def test_the_history_of_operations_is_not_read_for_each_guest(services: Services) -> None:
    """It is never trimmed, and all who write wait meanwhile."""
    asked = []
    for count in (1, 4):
        for number in range(count):
            wait(services, guests.create(services, wish(f"g{count}{number}")))
        hosts.remove(services, "sim1", force=True)
        hosts.add(services, "sim1", "sim1", 22, HOST_KEY, SITE.name)
        statements: list[str] = []

        def note(*args: Any, to: list[str] = statements) -> None:
            to.append(args[2])

        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        try:
            found = adopting.adopt(services, "sim1")
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", note)
        assert (found.problems, len(found.adopted) >= count) == ((), True)
        pools.bench(services, "sim1")
        asked.append(len([statement for statement in statements if "FROM operations" in statement]))
    assert asked[0] == asked[1]


def test_a_create_that_nobody_had_begun_hides_no_guest_of_another_server_s(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This database is a copy, and whose server has the other one has carried out what is cancelled here."""
    [at] = services.db.read(stored_hosts.listed)
    with monkeypatch.context() as patch:
        patch.setattr(engine.Engine, "_has_place", lambda *_args, **_more: False)
        operation = guests.create(services, wish("web"))
        [guest] = stored(services)
        claim, decision = Claim(guest.id, 2, "the other"), affirm(guest.id, at, "lab")
        host.images.add(guest.spec.image)
        host.volume_create(claim, decision, guest.spec.disks[0], "vg0")
        host.volume_write_image(claim, decision, guest.spec.disks[0], guest.spec.image)
        host.guest_define(claim, decision, guest.spec)
        host.guest_start(claim)
        operations.cancel(services, operation.id)
    observing.observe(services, at)
    assert [found.guest for found in drift.found(services)] == ["web"]
    assert services.db.read(observations.addresses_in_use) == {guest.spec.nics[0].ip}
