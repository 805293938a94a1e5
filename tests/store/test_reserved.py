"""What is reserved on hosts, in sums."""

from __future__ import annotations

import sqlalchemy as sa

from teig.control import guests
from teig.control.services import Services
from teig.policy.admission import Amounts
from teig.store import guests as stored_guests
from teig.store import reservations
from teig.store.reservations import Reserved
from tests.simulated import wait, wish


def test_a_guest_with_disks_in_two_pools_is_one_guest(services: Services) -> None:
    wait(services, guests.create(services, wish("web")))

    def sums(connection: sa.Connection) -> tuple[Reserved, Reserved]:
        [web] = stored_guests.listed(connection)
        return reservations.on_hosts(connection)[web.host], reservations.on_hosts(connection, [web.host])[web.host]

    def keep(connection: sa.Connection) -> None:
        [web] = stored_guests.listed(connection)
        reservations.keep(connection, web.id, web.host, "vg1", Amounts(disk_bytes=4096, rates=(1, 2, 3, 4)))

    before, _ = services.db.read(sums)
    services.db.write(keep)
    found, alone = services.db.read(sums)
    assert found == alone
    assert (before.guests, found.guests) == (1, 1)
    assert found.beside("vg0") == before.beside("vg0")
    assert found.beside("vg1").disk_bytes == 4096
    assert found.beside("vg1").memory_mib == before.beside("vg0").memory_mib
