"""What leads to guests beside the addresses of their cards, as rows; and what rests after guests gave it back.

A guest's spec says the same as its rows, but while an operation changes them. An address is taken in the transaction
that promises it. It changes hands, or begins to rest, in the one that ends an operation which has read the host.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from teig.model.address_range import AddressRange, shown
from teig.model.errors import Conflict, NotFound, Refused
from teig.model.guest import GuestSpec
from teig.model.names import GuestId
from teig.store import ranges, reverse_names, sites
from teig.store.free_addresses import OF_CARDS, Span, free, in_use, is_unused, moment
from teig.store.reverse_names import NameLine
from teig.store.schema import addresses, guests, nics


@dataclass(frozen=True)
class AddressLine:
    """An address in a list: whose it is, and where it is from.

    `range` is "" for that of a card, None where no range has it. `next` is the guest that gets it when `guest` was seen
    to have let go; `left_on` is one that lost it by force and may use it still. `free_at` (seconds since 1970): nobody
    has it, and until then nobody gets it. `names` are those of single addresses in it, for reverse DNS.
    """

    address: str
    site: str
    range: str | None
    guest: str | None
    next: str | None = None
    left_on: str | None = None
    free_at: float | None = None
    names: tuple[NameLine, ...] = ()


@dataclass(frozen=True)
class Held:
    """Who has an address, who gets it next, and who may use it still although it was taken from it by force."""

    address: str
    site: str
    guest: GuestId
    next: str | None
    left_on: str | None


def take(connection: sa.Connection, known: AddressRange, guest: GuestId, now: float, wanted: str | None = None) -> str:
    """Give a guest a free address of a range, or the one that is `wanted`; what is refused says why."""
    span = Span.of_range(known)
    if wanted is None:
        [number] = free(connection, span, 1, now)
    else:
        number = _number_free(connection, known, guest, now, wanted)
    address = known.at(number)
    old = connection.execute(addresses.select().where(_is(known.site, address))).first()
    # What is taken and never used is as it was then: it may rest, or be in use where nobody can see it.
    kept = {"left_on": old.left_on, "last": old.last, "free_at": old.free_at} if old else {}
    _forget(connection, known.site, address)
    row = {"site": known.site, "address": address, "range": known.network, "number": number, "guest": guest}
    connection.execute(addresses.insert(), {**row, **kept})
    return address


def _number_free(connection: sa.Connection, known: AddressRange, guest: GuestId, now: float, wanted: str) -> int:
    """Return the place of an address that somebody insists on. One that rests is free for the guest that had it."""
    number = known.number_of(ipaddress.ip_network(wanted))
    if number is None:
        raise Refused(
            f"Range {known.network} does not give {shown(wanted)}: it has {shown(known.at(0))} to "
            f"{shown(known.at(known.count - 1))}.",
            code="no_range",
        )
    row = connection.execute(addresses.select().where(_is(known.site, wanted))).first()
    if row is not None and row.guest is not None:
        raise Conflict(
            f"{shown(wanted)} is guest {_name(connection, row.guest)}'s.",
            f"Move it: teig address move {shown(wanted)} GUEST",
            code="address_taken",
        )
    if row is not None and row.left_on is not None and row.left_on != guest:
        raise Conflict(
            f"{shown(wanted)} was taken from guest {_name(connection, row.left_on)}, whose host may not know it yet.",
            f"When that answers: teig guest mend {_name(connection, row.left_on)}",
            code="address_taken",
        )
    if row is not None and row.free_at is not None and row.free_at > now and row.last != guest:
        raise Refused(
            f"{shown(wanted)} was given back lately, and rests until {moment(row.free_at)}.",
            "Wait, or take another one.",
            code="address_rests",
        )
    if not is_unused(connection, Span.of_range(known), number, in_use(connection, known.site)):
        raise Conflict(
            f"{shown(wanted)} is in use: by a guest that nobody claims, by a card, or by a host.",
            "Take another one.",
            code="address_taken",
        )
    return number


def range_of(connection: sa.Connection, site: str, address: str) -> AddressRange:
    """Return the range of a site that gives an address; NotFound where none does."""
    network = ipaddress.ip_network(address)
    for known in ranges.listed(connection, site):
        if known.number_of(network) is not None:
            return known
    raise NotFound(
        f"No range of site {site} gives {shown(address)}.", f"Look at: teig range list --site {site}", code="no_range"
    )


def adopt(connection: sa.Connection, spec: GuestSpec) -> None:
    """Count what a guest has that was found on a host; Conflict where it is another's."""
    for address in (address for nic in spec.nics for address in nic.also):
        network = ipaddress.ip_network(address)
        for other in connection.execute(_LED).all():
            if network.overlaps(ipaddress.ip_network(other.address)):
                raise _taken(connection, address, other.guest)
        row: dict[str, Any] = {"site": spec.site, "address": address, "range": None, "number": None, "guest": spec.id}
        for known in ranges.listed(connection, spec.site):
            number = known.number_of(network)
            if number is not None:
                row.update(range=known.network, number=number)
        _forget(connection, spec.site, address)
        connection.execute(addresses.insert(), row)


def claim_card(connection: sa.Connection, site: str, ip: str) -> None:
    """Let an address be a card's: it rests no more. Conflict where it leads to a guest already."""
    row = connection.execute(_BY_ADDRESS, {"at": site, "its_address": f"{ip}/32"}).first()
    if row is None:
        return
    if row.guest is not None:
        raise _taken(connection, row.address, row.guest)
    _forget(connection, site, row.address)


def _taken(connection: sa.Connection, address: str, guest: str) -> Conflict:
    name = _name(connection, guest)
    return Conflict(
        f"The address {shown(address)} is guest {name}'s already.",
        f"Take it away there: teig address remove {shown(address)}",
        code="address_taken",
    )


def held(connection: sa.Connection, address: str) -> Held:
    """Return who has an address beside cards; NotFound where nobody has."""
    taken = sa.and_(addresses.c.address == address, addresses.c.guest.is_not(None))
    row = connection.execute(addresses.select().where(taken)).first()
    if row is not None:
        return Held(row.address, row.site, GuestId(row.guest), row.next, row.left_on)
    ip = address.split("/", 1)[0]
    if connection.execute(sa.select(nics.c.mac).where(nics.c.address == ip)).first():
        raise Conflict(
            f"{shown(address)} is a network card's own address, which stays with its guest.",
            "Give the guest a further one, which can be moved: teig address add GUEST",
            code="of_a_card",
        )
    raise NotFound(f"No guest has {shown(address)}.", "Look at: teig address list", code="no_address")


def leading(connection: sa.Connection, address: str) -> tuple[str, str]:
    """Return the site of a single address and what leads to its guest with it; NotFound where it is no guest's."""
    row = connection.execute(sa.select(nics.c.site).where(nics.c.address == address)).first()
    if row is not None:
        return row.site, f"{address}/32"
    wanted = ipaddress.ip_network(address)
    for held_by in connection.execute(_LED).all():
        if wanted.overlaps(ipaddress.ip_network(held_by.address)):
            return held_by.site, held_by.address
    raise NotFound(f"No guest has {address}.", "Look at: teig address list", code="no_address")


def keep_for(connection: sa.Connection, site: str, address: str, guest: GuestId) -> None:
    """Let a guest have an address next, as soon as the one that has it was seen to have let go."""
    connection.execute(addresses.update().where(_is(site, address)).values(next=guest))


def wrest(connection: sa.Connection, site: str, address: str, guest: GuestId) -> None:
    """Give a guest an address at once that another one has, and remember that this one may use it still."""
    change = addresses.update().where(_is(site, address))
    connection.execute(change.values(left_on=addresses.c.guest, guest=guest, next=None))


def let_go(connection: sa.Connection, spec: GuestSpec, address: str, now: float) -> None:
    """Give an address on that a guest was seen to have let go: to who gets it next, else it rests.

    Of two transactions that change the row, the later one sees what the earlier one did: each decides by a condition.
    """
    mine = sa.and_(_is(spec.site, address), addresses.c.guest == spec.id)
    passed = addresses.update().where(mine, addresses.c.next.is_not(None))
    if connection.execute(passed.values(guest=addresses.c.next, next=None)).rowcount == 0:
        rest(connection, spec, address, now)


def rest(connection: sa.Connection, spec: GuestSpec, address: str, now: float | None) -> None:
    """Let an address of a guest rest; `now` None: it was never used, and is as it was before it was taken."""
    mine = sa.and_(_is(spec.site, address), addresses.c.guest == spec.id)
    nobodys = {"guest": None, "next": None} if now is None else _resting(connection, spec, now)
    if connection.execute(addresses.update().where(mine).values(nobodys)).rowcount:
        reverse_names.forget(connection, spec.site, address)


def wait_no_more(connection: sa.Connection, spec: GuestSpec, address: str) -> bool:
    """Let a guest not get an address next; False where it has it already."""
    waiting = sa.and_(_is(spec.site, address), addresses.c.next == spec.id)
    return connection.execute(addresses.update().where(waiting).values(next=None)).rowcount > 0


def stays(connection: sa.Connection, spec: GuestSpec, address: str) -> None:
    """Let a guest keep what it was to let go."""
    mine = sa.and_(_is(spec.site, address), addresses.c.guest == spec.id)
    connection.execute(addresses.update().where(mine).values(next=None))


def has(connection: sa.Connection, guest: GuestId, address: str) -> bool:
    """Return whether an address is a guest's."""
    mine = sa.and_(addresses.c.address == address, addresses.c.guest == guest)
    return connection.execute(sa.select(addresses.c.address).where(mine)).first() is not None


def seen_off(connection: sa.Connection, spec: GuestSpec, seen: frozenset[str], now: float) -> None:
    """Forget that a guest may still use what it has lost by force, where its host was seen not to let it any more."""
    lost = connection.execute(_LEFT_ON, {"lost_by": spec.id}).scalars()
    for address in set(lost) - seen:
        mine = sa.and_(addresses.c.address == address, addresses.c.left_on == spec.id)
        rests = sa.and_(mine, addresses.c.guest.is_(None))
        connection.execute(addresses.update().where(rests).values(_resting(connection, spec, now)))
        connection.execute(addresses.update().where(mine).values(left_on=None))


def release(connection: sa.Connection, spec: GuestSpec, now: float | None) -> None:
    """Let all addresses of a guest rest that is no more, its cards' too; `now` None: they were never used."""
    mine = addresses.c.guest == spec.id
    led = set(connection.execute(sa.select(addresses.c.address).where(mine)).scalars())
    for address in led | {f"{nic.ip}/32" for nic in spec.nics}:
        reverse_names.forget(connection, spec.site, address)
    connection.execute(addresses.update().where(addresses.c.next == spec.id).values(next=None))
    connection.execute(addresses.update().where(mine).values(_resting(connection, spec, now)))
    seen_off(connection, spec, frozenset(), now or 0.0)
    resting = _resting(connection, spec, now)
    nobodys = sa.and_(addresses.c.guest.is_(None), addresses.c.left_on.is_(None))
    over = sa.or_(addresses.c.free_at.is_(None), addresses.c.free_at <= (now or 0.0))
    connection.execute(addresses.delete().where(addresses.c.site == spec.site, nobodys, over))
    if resting["free_at"] is None:
        return
    for nic in spec.nics:
        ip = ipaddress.IPv4Address(nic.ip)
        _forget(connection, spec.site, f"{ip}/32")
        own = {"site": spec.site, "address": f"{ip}/32", "range": OF_CARDS, "number": int(ip)}
        connection.execute(addresses.insert(), {**own, **resting})


def listed(connection: sa.Connection, now: float, site: str | None, guest: str | None) -> list[AddressLine]:
    """Return the addresses that guests have, and those that rest, of a site or a guest alone if that is named."""
    named = {row.id: row.name for row in connection.execute(sa.select(guests.c.id, guests.c.name))}
    found = [
        AddressLine(f"{row.address}/32", row.site, OF_CARDS, named.get(row.guest))
        for row in connection.execute(nics.select())
    ]
    for row in connection.execute(addresses.select()):
        if row.guest is None and row.left_on is None and not (row.free_at is not None and row.free_at > now):
            continue
        whose = (named.get(row.guest), named.get(row.next), named.get(row.left_on))
        free_at = row.free_at if row.guest is None else None
        found.append(AddressLine(row.address, row.site, row.range, *whose, free_at=free_at))
    names = reverse_names.by_leads(connection)
    chosen = [
        replace(line, names=names.get((line.site, line.address), ()))
        for line in found
        if site in {None, line.site} and guest in {None, line.guest}
    ]
    return sorted(chosen, key=lambda line: (line.site, ":" in line.address, ipaddress.ip_network(line.address)))


def _resting(connection: sa.Connection, spec: GuestSpec, now: float | None) -> dict[str, Any]:
    """Return the columns of what a guest had and nobody has now."""
    rest_s = sites.named(connection, spec.site).quarantine_s
    return {
        "guest": None,
        "next": None,
        "last": spec.id,
        "free_at": now + rest_s if now is not None and rest_s else None,
    }


def _forget(connection: sa.Connection, site: str, address: str) -> None:
    connection.execute(addresses.delete().where(_is(site, address)))


def _is(site: str, address: str) -> sa.ColumnElement[bool]:
    return sa.and_(addresses.c.site == site, addresses.c.address == address)


_LED = sa.select(addresses.c.address, addresses.c.site, addresses.c.guest).where(addresses.c.guest.is_not(None))
_BY_ADDRESS = addresses.select().where(
    addresses.c.site == sa.bindparam("at"), addresses.c.address == sa.bindparam("its_address")
)
_LEFT_ON = sa.select(addresses.c.address).where(addresses.c.left_on == sa.bindparam("lost_by"))


def _name(connection: sa.Connection, guest: str) -> str:
    return connection.execute(sa.select(guests.c.name).where(guests.c.id == guest)).scalar() or guest
