"""Guests and their network cards, as rows.

A row is the promise: it counts in admission from the transaction that makes it until the one that removes it. While an
operation works on a guest its id stands in the row, and no other operation may begin.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from teig.model.errors import Busy, Conflict, NotFound, Refused
from teig.model.guest import GuestSpec
from teig.model.names import GuestId, HostId, OperationId
from teig.model.site import Site
from teig.policy.admission import NOTHING, RATES, Promised, memory_for
from teig.record import dump, load
from teig.store.schema import guests, nics

_BY_ID = guests.select().where(guests.c.id == sa.bindparam("ident"))


class Phase(StrEnum):
    """What is meant to be so with a guest; whether it is so, its host says."""

    CREATING = "creating"
    RUNNING = "running"
    STOPPED = "stopped"
    DELETING = "deleting"


@dataclass(frozen=True)
class StoredGuest:
    """A guest's row: what was promised and on which host, and the operation that works on it now, if any."""

    host: HostId
    spec: GuestSpec
    phase: Phase
    fence: int
    operation: OperationId | None
    created: float

    @property
    def id(self) -> GuestId:
        """The guest's UUID."""
        return self.spec.id

    @property
    def name(self) -> str:
        """The guest's name."""
        return self.spec.name


def add(connection: sa.Connection, guest: StoredGuest) -> None:
    """Store a new guest and take its addresses; Conflict where the name is taken."""
    check_free(connection, guest.name)
    connection.execute(
        guests.insert().values(
            id=guest.id,
            name=guest.name,
            host=guest.host,
            spec=dump(guest.spec),
            phase=guest.phase,
            fence=guest.fence,
            operation=guest.operation,
            created=guest.created,
            **_sums(guest.spec),
        )
    )
    for nic in guest.spec.nics:
        connection.execute(nics.insert().values(mac=nic.mac, guest=guest.id, site=guest.spec.site, address=nic.ip))


def check_free(connection: sa.Connection, name: str) -> None:
    """Raise Conflict where a guest has that name."""
    if connection.execute(sa.select(guests.c.id).where(guests.c.name == name)).first():
        raise Conflict(f"There is a guest named {name} already.", "Choose another name.", code="name_taken")


def listed(connection: sa.Connection, host: HostId | None = None) -> list[StoredGuest]:
    """Return all guests, or those of one host, by name."""
    query = guests.select().order_by(guests.c.name)
    if host is not None:
        query = query.where(guests.c.host == host)
    return [_stored(row) for row in connection.execute(query)]


def named(connection: sa.Connection, name: str) -> StoredGuest:
    """Return one guest; NotFound where there is none of that name."""
    row = connection.execute(guests.select().where(guests.c.name == name)).first()
    if row is None:
        raise NotFound(f"There is no guest named {name}.", "Look at: teig guest list", code="no_guest")
    return _stored(row)


def by_id(connection: sa.Connection, guest: GuestId) -> StoredGuest | None:
    """Return one guest, or None."""
    row = connection.execute(_BY_ID, {"ident": guest}).first()
    return _stored(row) if row else None


def claim(connection: sa.Connection, guest: StoredGuest, operation: OperationId) -> None:
    """Give the guest to an operation; Busy where another operation has it."""
    if guest.operation is not None:
        raise Busy(
            f"Guest {guest.name} is being worked on by operation {guest.operation}.",
            f"Wait for it: teig op wait {guest.operation}",
        )
    connection.execute(guests.update().where(guests.c.id == guest.id).values(operation=operation))


def settle(connection: sa.Connection, guest: GuestId, phase: Phase) -> None:
    """End an operation's hold on a guest and say what is meant to be so from now on."""
    connection.execute(guests.update().where(guests.c.id == guest).values(phase=phase, operation=None))


def respecify(connection: sa.Connection, spec: GuestSpec, before: GuestSpec | None = None) -> None:
    """Promise something else to a guest; its name, host and network cards stay.

    With `before`, to which it may yet go back, the larger of both counts until it is respecified without.
    """
    sums = _sums(spec)
    if before is not None:
        sums = {name: max(value, _sums(before)[name]) for name, value in sums.items()}
    connection.execute(guests.update().where(guests.c.id == spec.id).values(spec=dump(spec), **sums))


def mark(connection: sa.Connection, guest: GuestId, phase: Phase) -> None:
    """Say what is meant to be so with a guest, its operation going on."""
    connection.execute(guests.update().where(guests.c.id == guest).values(phase=phase))


def remove(connection: sa.Connection, guest: GuestId) -> None:
    """Forget a guest and free its addresses."""
    connection.execute(nics.delete().where(nics.c.guest == guest))
    connection.execute(guests.delete().where(guests.c.id == guest))


def free_addresses(connection: sa.Connection, site: Site, count: int) -> list[str]:
    """Return the lowest `count` addresses of a site that no guest has, with prefix; Refused where there are fewer."""
    taken = set(connection.execute(sa.select(nics.c.address).where(nics.c.site == site.name)).scalars())
    prefix = ipaddress.IPv4Network(site.network).prefixlen
    first, last = int(ipaddress.IPv4Address(site.first_address)), int(ipaddress.IPv4Address(site.last_address))
    found: list[str] = []
    for number in range(first, last + 1):
        address = str(ipaddress.IPv4Address(number))
        if address not in taken:
            found.append(f"{address}/{prefix}")
        if len(found) == count:
            return found
    raise Refused(
        f"Site {site.name} has {last - first + 1} addresses for guests and only {len(found)} of them free; "
        f"{count} are wanted.",
        "Delete guests, or enlarge the site's range.",
        code="no_address",
    )


def taken_macs(connection: sa.Connection) -> set[str]:
    """Return the MAC addresses of all guests."""
    return set(connection.execute(sa.select(nics.c.mac)).scalars())


def images_in_use(connection: sa.Connection) -> dict[str, str]:
    """Return for each image in use the name of a guest that uses it."""
    return {guest.spec.image: guest.name for guest in listed(connection)}


def raise_fence(connection: sa.Connection, guest: GuestId, fence: int) -> None:
    """Keep a guest's fencing number from being lower than the one that its host has seen."""
    connection.execute(guests.update().where(guests.c.id == guest, guests.c.fence < fence).values(fence=fence))


def promised(connection: sa.Connection, host: HostId | None = None) -> dict[HostId, Promised]:
    """Return the sum of what is promised on each host that has guests, or on one."""
    shape = (guests.c.host, guests.c.memory_mib, guests.c.vcpus)  # what Xen's overhead depends on
    sums = [sa.func.sum(guests.c[name]).label(name) for name in ("millicores", "disk_bytes", *RATES)]
    query = sa.select(*shape, sa.func.count().label("guests"), *sums).group_by(*shape)
    if host is not None:
        query = query.where(guests.c.host == host)
    found: dict[HostId, Promised] = {}
    for row in connection.execute(query):
        more = Promised(
            guests=row.guests,
            memory_mib=row.guests * memory_for(row.memory_mib, row.vcpus),
            millicores=int(row.millicores),
            disk_bytes=int(row.disk_bytes),
            rates=tuple(int(getattr(row, name)) for name in RATES),
        )
        found[row.host] = found.get(row.host, NOTHING) + more
    return found


def _sums(spec: GuestSpec) -> dict[str, int]:
    """Return the columns that admission sums up."""
    return {
        "memory_mib": spec.memory_mib,
        "vcpus": spec.vcpus,
        "millicores": round(1000 * spec.share_cores),
        "disk_bytes": spec.disk_bytes,
        **{name: getattr(spec.disk_rate, name) for name in RATES},
    }


def _stored(row: sa.Row[tuple[object, ...]]) -> StoredGuest:
    return StoredGuest(
        host=HostId(row.host),
        spec=load(GuestSpec, row.spec),
        phase=Phase(row.phase),
        fence=row.fence,
        operation=OperationId(row.operation) if row.operation else None,
        created=row.created,
    )
