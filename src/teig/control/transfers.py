"""What guests transfer: hosts tell totals at every look, and months are made of them every few minutes.

Nearly all guests of a large fleet have sent something between two looks, so storing that at each would cost more than
all else of observing. A look that comes later tells no less. One transaction stores a whole host's.
"""

from __future__ import annotations

import sqlalchemy as sa

from teig.control.services import Services
from teig.model.transfer import MonthOfTransfer, month_of
from teig.store import guests, hosts, observations, transfers
from teig.store.hosts import StoredHost
from teig.store.observations import Seen

EVERY_S = 120.0


def take_in(services: Services, host: StoredHost, seen: Seen) -> None:
    """Add what a look tells to this month, by this server's clock, where it has not for `EVERY_S` seconds.

    The first look of a server's is stored, whatever others have stored: it may be the last of a month.
    """
    told = {guest.id: guest.transfer for guest in seen.inventory.guests if guest.transfer}
    last, before = services.counted.get(host.id, (0.0, None))
    if not told or told == before or 0 <= seen.seen_at - last < EVERY_S:
        return

    def work(connection: sa.Connection) -> None:
        if observations.lock(connection, host.id) is not None and hosts.is_current(connection, host):
            transfers.add(connection, host.id, seen.inventory.guests, month_of(seen.seen_at))

    services.db.update(work, lasting=False)  # what a power cut undoes, the next look tells again
    services.counted[host.id] = (seen.seen_at, told)


def months(services: Services, name: str) -> list[MonthOfTransfer]:
    """Return the months of the guests that have or had a name, the newest first; NotFound where there was none."""

    def work(connection: sa.Connection) -> list[MonthOfTransfer]:
        found = transfers.months_of(connection, name)
        if not found:
            guests.named(connection, name)
        return found

    return services.db.read(work)
