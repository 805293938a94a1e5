"""Ranges, as rows: addresses of a site that guests can get beside those of their cards."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import sqlalchemy as sa

from teig.model.address_range import AddressRange, Network, nobodys
from teig.model.errors import Conflict, InvalidRequest, NotFound
from teig.model.site import Site
from teig.record import dump, recall
from teig.store import sites
from teig.store.free_addresses import OF_CARDS
from teig.store.schema import addresses, nics, ranges


@dataclass(frozen=True)
class Usage:
    """How many of a range's addresses guests have, and how many rest after they were given back."""

    taken: int
    resting: int


def add(connection: sa.Connection, new: AddressRange) -> None:
    """Store a new range; refused where it has anything in common with another one or with a site's own addresses."""
    own = sites.named(connection, new.site)
    _check_free(connection, new.network, "another one")
    for site in sites.listed(connection):
        _check_apart(new, site, own)
    connection.execute(ranges.insert().values(network=new.network, site=new.site, record=dump(new)))
    _take_in(connection, new)


def check_no_overlap(connection: sa.Connection, site: Site) -> None:
    """Raise Conflict where a new site's network has addresses in common with a range."""
    _check_free(connection, site.network, "another network")


def _check_free(connection: sa.Connection, untaken: str, another: str) -> None:
    """Raise Conflict where a network has addresses in common with a range; `another` is what to choose instead."""
    network = ipaddress.ip_network(untaken)
    for known in listed(connection):
        if network.overlaps(ipaddress.ip_network(known.network)):
            raise Conflict(
                f"Network {network} has addresses in common with range {known.network} of site {known.site}.",
                f"Choose {another}, or remove that range first.",
                code="range_overlaps",
            )


def listed(connection: sa.Connection, site: str | None = None) -> list[AddressRange]:
    """Return all ranges, or those of a site, by site and network."""
    query = ranges.select().order_by(ranges.c.site, ranges.c.network)
    rows = connection.execute(query if site is None else query.where(ranges.c.site == site))
    return [recall(AddressRange, row.record) for row in rows]


def named(connection: sa.Connection, network: str) -> AddressRange:
    """Return the range of a network; NotFound where there is none."""
    row = connection.execute(ranges.select().where(ranges.c.network == network)).first()
    if row is None:
        raise NotFound(f"There is no range {network}.", "Look at: teig range list", code="no_range")
    return recall(AddressRange, row.record)


def remove(connection: sa.Connection, old: AddressRange) -> None:
    """Forget a range; Conflict while a guest has an address of it, or may use one still."""
    mine = (addresses.c.range == old.network, addresses.c.site == old.site)
    used = sa.or_(addresses.c.guest.is_not(None), addresses.c.left_on.is_not(None))
    there = list(connection.execute(sa.select(addresses.c.address).where(*mine, used).limit(6)).scalars())
    if there:
        raise Conflict(
            f"Guests have addresses of range {old.network}: {', '.join(there[:5])}{', ...' * (len(there) > 5)}.",
            f"See whose (teig address list --site {old.site}), and take them away: teig address remove ADDRESS",
            code="range_in_use",
        )
    connection.execute(addresses.delete().where(*mine))
    connection.execute(ranges.delete().where(ranges.c.network == old.network))


def usage(connection: sa.Connection, now: float) -> dict[tuple[str, str], Usage]:
    """Return what is taken of each range and what rests at a time, by site and network ("": what its cards get)."""
    used = sa.or_(addresses.c.guest.is_not(None), addresses.c.left_on.is_not(None))
    rests = sa.and_(~used, addresses.c.free_at > now)
    columns = (
        sa.func.sum(sa.case((used, 1), else_=0)).label("taken"),
        sa.func.sum(sa.case((rests, 1), else_=0)).label("resting"),
    )
    key = (addresses.c.site, addresses.c.range)
    rows = connection.execute(sa.select(*key, *columns).where(addresses.c.range.is_not(None)).group_by(*key))
    found = {(row.site, row.range): Usage(int(row.taken), int(row.resting)) for row in rows}
    cards = connection.execute(sa.select(nics.c.site, sa.func.count().label("cards")).group_by(nics.c.site))
    for row in cards:
        rest = found.get((row.site, OF_CARDS), _NONE)
        found[row.site, OF_CARDS] = Usage(rest.taken + int(row.cards), rest.resting)
    return found


_NONE = Usage(0, 0)


def _check_apart(new: AddressRange, site: Site, own: Site) -> None:
    network: Network = ipaddress.ip_network(site.network)
    if not network.overlaps(ipaddress.ip_network(new.network)):
        return
    if site != own:
        raise Conflict(
            f"Network {new.network} has addresses in common with the network {network} of site {site.name}.",
            "Choose another one.",
            code="range_overlaps",
        )
    first, last = ipaddress.IPv4Address(site.first_address), ipaddress.IPv4Address(site.last_address)
    theirs = [*ipaddress.summarize_address_range(first, last)]
    others = [ipaddress.ip_network(address) for address in (site.gateway, *nobodys(network, network.max_prefixlen))]
    if any(map(new.overlaps, [*theirs, *others])):
        raise InvalidRequest(
            f"Range {new.first} to {new.last} has addresses in common with site {site.name}: its guests' cards get "
            f"{first} to {last}, its gateway is {site.gateway}.",
            "Leave these out with --first and --last.",
            code="range_overlaps",
        )


def _take_in(connection: sa.Connection, new: AddressRange) -> None:
    """Count what guests have already that were adopted before the range was known; Conflict where it does not fit."""
    for row in connection.execute(sa.select(addresses).where(addresses.c.range.is_(None))).all():
        network = ipaddress.ip_network(row.address)
        number = new.number_of(network) if row.site == new.site else None
        if number is None and new.overlaps(network):
            raise Conflict(
                f"{row.address} in range {new.network} is a guest's at site {row.site} already.",
                "Choose a range that gives just that, or none of it.",
                code="address_taken",
            )
        if number is not None:
            mine = (addresses.c.site == row.site, addresses.c.address == row.address)
            connection.execute(addresses.update().where(*mine).values(range=new.network, number=number))
