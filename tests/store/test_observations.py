"""What an observer and an operation see of one guest at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from teig.control import guests, observing
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import NotFound
from teig.model.guest import GuestState
from teig.model.operation import Operation, OperationState
from teig.policy.admission import memory_for
from teig.store import hosts, observations, reservations
from teig.store.guests import StoredGuest
from tests.simulated import stored, wait, wish


def test_what_an_operation_has_read_meanwhile_stays(services: Services, host: SimulatedHost) -> None:
    """The observer has asked the host, and the database what it knows of it, before the operation wrote."""
    [at] = services.db.read(hosts.listed)
    wait(services, guests.create(services, wish("web")))
    [before] = host.inventory().guests
    known = services.db.read(lambda connection: observations.of_guest(connection, before.id, at.id))
    assert known is not None
    wait(services, guests.stop(services, "web", 0))
    read = services.db.read(lambda connection: observations.of_guest(connection, before.id, at.id))
    assert read is not None
    assert (read.guest.domid, read.fence > known.fence) == (None, True)
    for earlier in (None, known):
        services.db.update(lambda it, earlier=earlier: observations.put_guest(it, at.id, before, earlier))  # type: ignore[misc]
        assert services.db.read(lambda it: observations.of_guest(it, before.id, at.id)) == read
    observing.observe(services, at)
    later = services.db.read(lambda connection: observations.of_guest(connection, before.id, at.id))
    assert later is not None
    assert later.fence == read.fence


def observed_late(
    services: Services, host: SimulatedHost, begin: Callable[[], Operation], meanwhile: Callable[[], object]
) -> None:
    """Do an operation whose last answer arrives after something has happened that an observer has seen."""
    sound, asked, go_on = host.guest, threading.Event(), threading.Event()

    def late(*args: Any) -> Any:
        try:
            return sound(*args)
        finally:
            asked.set()
            assert go_on.wait(30)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(host, "guest", late)
        operation = begin()
        assert asked.wait(30)
    meanwhile()
    [at] = services.db.read(hosts.listed)
    observing.observe(services, at)
    go_on.set()
    assert wait(services, operation).state is OperationState.DONE


def seen_last(services: Services, guest: StoredGuest) -> observations.GuestRow | None:
    return services.db.read(lambda connection: observations.of_guest(connection, guest.id, guest.host))


def test_what_an_operation_has_read_replaces_nothing_that_was_seen_later(
    services: Services, host: SimulatedHost
) -> None:
    wait(services, guests.create(services, wish("web")))
    [guest] = stored(services)
    observed_late(services, host, lambda: guests.mend(services, "web"), lambda: host.power_off_inside(guest.id))
    assert [line.state for line in guests.lines(services)] == [GuestState.MISSING]
    read = seen_last(services, guest)
    assert read is not None
    assert (read.guest.domid, read.fence) == (None, stored(services)[0].fence)


def test_what_was_seen_twice_alike_is_no_older_for_that(services: Services, host: SimulatedHost) -> None:
    wait(services, guests.create(services, wish("web")))
    wait(services, guests.stop(services, "web", 0))
    [guest] = stored(services)
    observed_late(services, host, lambda: guests.start(services, "web"), lambda: host.power_off_inside(guest.id))
    assert [line.state for line in guests.lines(services)] == [GuestState.MISSING]


def test_a_guest_that_was_seen_since_its_host_had_nothing_of_it_is_not_forgotten(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(services, guests.create(services, wish("web")))
    [guest] = stored(services)

    def nothing(*_: object) -> Any:
        raise NotFound("Host sim1 has no such guest.")

    monkeypatch.setattr(host, "guest", nothing)
    observed_late(services, host, lambda: guests.mend(services, "web"), lambda: host.power_off_inside(guest.id))
    read = seen_last(services, guest)
    assert read is not None
    assert read.guest.domid is None
    wait(services, guests.mend(services, "web"))
    assert seen_last(services, guest) is None


def test_a_reservation_is_not_lowered_by_what_was_read_before_the_domain_was_seen(
    services: Services, host: SimulatedHost
) -> None:
    """Somebody has started it by hand with what it had before its plan became a smaller one."""
    host.memory_mib = 4096
    [at] = services.db.read(hosts.listed)
    observing.observe(services, at)
    wait(services, guests.create(services, wish("web", "small")))
    [guest] = stored(services)
    host.power_off_inside(guest.id)
    kept = host.guests[guest.id]
    observed_late(
        services, host, lambda: guests.resize(services, "web", "tiny"), lambda: host._make_domain(kept, guest.spec)
    )
    reserved = services.db.read(lambda connection: reservations.of_guest(connection, guest.id, guest.host))
    assert reserved["vg0"].memory_mib == memory_for(guest.spec.memory_mib, guest.spec.vcpus)
