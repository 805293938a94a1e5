"""Guests and their network cards, as rows.

What is reserved for a guest is in `store.reservations`; the operation that works on it, which is its lock, in
`store.operations`; what was seen of it in `store.observations`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from teig.model.errors import Busy, Conflict, NotFound
from teig.model.guest import GuestSpec
from teig.model.names import GuestId, HostId, OperationId
from teig.model.site import Site
from teig.policy.guest_life import Phase
from teig.record import dump, recall
from teig.store import addresses, observations, reservations, transfer_amounts, transfers
from teig.store.free_addresses import Span, free
from teig.store.schema import guests, nics, operations

_OPEN = sa.and_(operations.c.guest == guests.c.id, operations.c.ended.is_(None))
_GUESTS = sa.select(guests, operations.c.id.label("operation")).outerjoin(operations, _OPEN)
_BY_ID = _GUESTS.where(guests.c.id == sa.bindparam("ident"))

MOST_FENCE: Final = 2**62
"""A fencing number beyond this is damage: it must leave room for those that follow."""


@dataclass(frozen=True)
class StoredGuest:
    """A guest's row: what was promised and on which host, and the operation that works on it now, if any.

    `attention` says why a person should look at it, None where nobody need.
    """

    host: HostId
    spec: GuestSpec
    phase: Phase
    fence: int
    operation: OperationId | None
    created: float
    attention: str | None = None

    @property
    def id(self) -> GuestId:
        """The guest's UUID."""
        return self.spec.id

    @property
    def name(self) -> str:
        """The guest's name."""
        return self.spec.name


def add(connection: sa.Connection, guest: StoredGuest) -> None:
    """Store a new guest and take its addresses; Conflict where the name or one of these is taken."""
    check_free(connection, guest.name)
    _check_cards_free(connection, guest.spec)
    values = {"id": guest.id, "name": guest.name, "host": guest.host, "spec": dump(guest.spec), "phase": guest.phase,
              "fence": guest.fence, "created": guest.created, "attention": guest.attention}  # fmt: skip
    connection.execute(guests.insert(), values)
    for nic in guest.spec.nics:
        number = int(ipaddress.IPv4Address(nic.ip))
        card = {"mac": nic.mac, "guest": guest.id, "site": guest.spec.site, "address": nic.ip, "number": number}
        addresses.claim_card(connection, guest.spec.site, nic.ip)
        connection.execute(nics.insert(), card)
    addresses.adopt(connection, guest.spec)


def check_free(connection: sa.Connection, name: str) -> None:
    """Raise Conflict where a guest has that name."""
    if connection.execute(_IS_NAMED, {"called": name}).first():
        raise Conflict(f"There is a guest named {name} already.", "Choose another name.", code="name_taken")


_IS_NAMED = sa.select(guests.c.id).where(guests.c.name == sa.bindparam("called"))


def _check_cards_free(connection: sa.Connection, spec: GuestSpec) -> None:
    for nic in spec.nics:
        row = connection.execute(_SAME_CARD, {"its_mac": nic.mac, "at": spec.site, "its_address": nic.ip}).first()
        if row is not None:
            what = f"MAC address {nic.mac}" if row.mac == nic.mac else f"address {nic.ip}"
            raise Conflict(
                f"The {what} is guest {row.name}'s already.",
                f"Delete one of the two guests: {row.name} or {spec.name}.",
                code="address_taken",
            )


_SAME_CARD = (
    sa.select(guests.c.name, nics.c.mac)
    .join(nics, guests.c.id == nics.c.guest)
    .where(
        sa.or_(
            nics.c.mac == sa.bindparam("its_mac"),
            sa.and_(nics.c.site == sa.bindparam("at"), nics.c.address == sa.bindparam("its_address")),
        )
    )
)


def listed(
    connection: sa.Connection, host: HostId | None = None, *, after: str = "", limit: int | None = None
) -> list[StoredGuest]:
    """Return all guests, or those of one host, by name: at most `limit` of those whose names follow `after`."""
    query = _GUESTS.where(guests.c.name > after).order_by(guests.c.name).limit(limit)
    if host is not None:
        query = query.where(guests.c.host == host)
    return [_stored(row) for row in connection.execute(query)]


def ids_on(connection: sa.Connection, host: HostId) -> set[GuestId]:
    """Return which guests are on a host."""
    return {
        GuestId(ident) for ident in connection.execute(sa.select(guests.c.id).where(guests.c.host == host)).scalars()
    }


def known(connection: sa.Connection, those: Collection[GuestId]) -> set[GuestId]:
    """Return which of some guests the database knows, on whatever host."""
    query = sa.select(guests.c.id).where(guests.c.id.in_(sorted(those)))
    return {GuestId(ident) for ident in connection.execute(query).scalars()}


def named(connection: sa.Connection, name: str) -> StoredGuest:
    """Return one guest; NotFound where there is none of that name."""
    row = connection.execute(_GUESTS.where(guests.c.name == name)).first()
    if row is None:
        raise NotFound(f"There is no guest named {name}.", "Look at: teig guest list", code="no_guest")
    return _stored(row)


def by_id(connection: sa.Connection, guest: GuestId) -> StoredGuest | None:
    """Return one guest, or None."""
    row = connection.execute(_BY_ID, {"ident": guest}).first()
    return _stored(row) if row else None


def check_unlocked(guest: StoredGuest) -> None:
    """Raise Busy where an operation that has not ended works on a guest."""
    if guest.operation is not None:
        raise Busy(
            f"Guest {guest.name} is being worked on by operation {guest.operation}.",
            f"Wait for it (teig op wait {guest.operation}), or cancel it: teig op cancel {guest.operation}",
        )


def settle(connection: sa.Connection, guest: GuestId, phase: Phase, attention: str | None) -> None:
    """Say what is meant to be so with a guest from now on, and why a person should look at it, if one should."""
    change = guests.update().where(guests.c.id == guest)
    connection.execute(change.values(phase=phase, attention=attention))


def call_attention(connection: sa.Connection, guest: GuestId, attention: str) -> None:
    """Say why a person should look at a guest; all else of it stays."""
    connection.execute(guests.update().where(guests.c.id == guest).values(attention=attention))


def respecify(connection: sa.Connection, spec: GuestSpec) -> None:
    """Promise something else to a guest; its name, host and network cards' own addresses stay."""
    connection.execute(guests.update().where(guests.c.id == spec.id).values(spec=dump(spec)))


def mark(connection: sa.Connection, guest: GuestId, phase: Phase) -> None:
    """Say what is meant to be so with a guest, its operation going on."""
    connection.execute(guests.update().where(guests.c.id == guest).values(phase=phase))


def remove(connection: sa.Connection, guest: StoredGuest, now: float | None) -> None:
    """Forget a guest, and free its addresses and all that is reserved for it: its host has nothing of it any more.

    `now` (seconds since 1970) is when its addresses begin to rest; None where they were never used.
    """
    addresses.release(connection, guest.spec, now)
    reservations.release(connection, guest.id)
    observations.forget_guest(connection, guest.id)
    transfers.forget_counts(connection, guest.id)
    transfer_amounts.forget(connection, guest.id)
    connection.execute(nics.delete().where(nics.c.guest == guest.id))
    connection.execute(guests.delete().where(guests.c.id == guest.id))


def free_addresses(connection: sa.Connection, site: Site, count: int, now: float) -> list[str]:
    """Return `count` addresses of a site for cards, with prefix; Refused where too few are known to be free.

    Not free is what a guest has, also one that runs on some host and that nobody claims, and what rests at the time
    `now` (seconds since 1970) because it was given back lately.
    """
    prefix = ipaddress.IPv4Network(site.network).prefixlen
    numbers = free(connection, Span.of_cards(site), count, now)
    return [f"{ipaddress.IPv4Address(number)}/{prefix}" for number in numbers]


def has_mac(connection: sa.Connection, mac: str) -> bool:
    """Return whether a guest has that MAC address."""
    return connection.execute(_HAS_MAC, {"its_mac": mac}).first() is not None


_HAS_MAC = sa.select(nics.c.mac).where(nics.c.mac == sa.bindparam("its_mac"))


def images_in_use(connection: sa.Connection) -> dict[str, str]:
    """Return for each image in use the name of a guest that uses it."""
    image = guests.c.spec["image"].as_string()
    rows = connection.execute(sa.select(image.label("image"), sa.func.min(guests.c.name).label("name")).group_by(image))
    return {row.image: row.name for row in rows}


def raise_fence(connection: sa.Connection, guest: GuestId, fence: int) -> None:
    """Keep a guest's fencing number from being lower than the one that its host has seen, unless that cannot be.

    While an operation is open it stays: with a higher number, one of the past would be let through.
    """
    if fence <= MOST_FENCE:
        mine = (guests.c.id == guest, guests.c.fence < fence)
        connection.execute(guests.update().where(*mine, ~sa.exists().where(_OPEN)).values(fence=fence))


def _stored(row: Any) -> StoredGuest:
    return stored(row, row.spec)


def stored(row: Any, spec: dict[str, Any]) -> StoredGuest:
    """Return the guest that a row of this table stands for, with the operation that works on it, and its spec."""
    return StoredGuest(
        host=HostId(row.host),
        spec=recall(GuestSpec, spec),
        phase=Phase(row.phase),
        fence=row.fence,
        operation=OperationId(row.operation) if row.operation else None,
        created=row.created,
        attention=row.attention,
    )
