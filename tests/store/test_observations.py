"""What an observer and an operation see of one guest at the same time."""

from __future__ import annotations

from teig.control import guests, observing
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.store import hosts, observations
from tests.simulated import wait, wish


def test_what_an_operation_has_read_meanwhile_stays(services: Services, host: SimulatedHost) -> None:
    """The observer has asked the host, and the database what it knows of it, before the operation wrote."""
    [stored] = services.db.read(hosts.listed)
    wait(services, guests.create(services, wish("web")))
    [before] = host.inventory().guests
    known = services.db.read(lambda connection: observations.of_guest(connection, before.id, stored.id))
    assert known is not None
    wait(services, guests.stop(services, "web", 0))
    read = services.db.read(lambda connection: observations.of_guest(connection, before.id, stored.id))
    assert read is not None
    assert (read.guest.domid, read.fence > known.fence) == (None, True)
    for earlier in (None, known):
        services.db.update(lambda it, earlier=earlier: observations.put_guest(it, stored.id, before, earlier))  # type: ignore[misc]
        assert services.db.read(lambda it: observations.of_guest(it, before.id, stored.id)) == read
    observing.observe(services, stored)
    later = services.db.read(lambda connection: observations.of_guest(connection, before.id, stored.id))
    assert later is not None
    assert later.fence == read.fence
