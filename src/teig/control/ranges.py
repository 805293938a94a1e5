"""Ranges: addresses of sites that guests can get. What a site's own record says is its first, for network cards."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import sqlalchemy as sa

from teig.control.services import Services
from teig.model.address_range import AddressRange, whole_range
from teig.store import ranges, sites
from teig.store.free_addresses import OF_CARDS
from teig.store.ranges import Usage


@dataclass(frozen=True)
class RangeView:
    """A range and how much of it is left. `of_cards`: it is the site's own, which network cards get addresses from.

    `taken` are guests', `resting` were given back lately. A host's own addresses, and those of guests that nobody
    claims, are given to nobody and count as free here.
    """

    site: str
    network: str
    first: str
    last: str
    prefix: int
    of_cards: bool
    count: int
    taken: int
    resting: int


def add(
    services: Services, site: str, network: str, first: str | None, last: str | None, prefix: int | None
) -> RangeView:
    """Store a new range. What is left out is all of the network, in single addresses."""
    new = whole_range(site, network, first, last, prefix)
    services.db.write(lambda connection: ranges.add(connection, new))
    [view] = [one for one in listed(services, site) if one.network == new.network and not one.of_cards]
    return view


def listed(services: Services, site: str | None = None) -> list[RangeView]:
    """Return all ranges, or those of a site, the site's own first."""

    def work(connection: sa.Connection) -> list[RangeView]:
        usage = ranges.usage(connection, services.now())
        found = []
        for one in sites.listed(connection) if site is None else [sites.named(connection, site)]:
            first, last = ipaddress.IPv4Address(one.first_address), ipaddress.IPv4Address(one.last_address)
            own = AddressRange(one.name, one.network, str(first), str(last), first.max_prefixlen)
            found.append(_view(own, usage.get((one.name, OF_CARDS)), of_cards=True))
            known = ranges.listed(connection, one.name)
            found += [_view(other, usage.get((one.name, other.network)), of_cards=False) for other in known]
        return found

    return services.db.read(work)


def remove(services: Services, network: str) -> None:
    """Forget a range; Conflict while guests have addresses of it."""
    services.db.write(lambda connection: ranges.remove(connection, ranges.named(connection, network)))


def _view(known: AddressRange, usage: Usage | None, *, of_cards: bool) -> RangeView:
    used = usage or Usage(0, 0)
    return RangeView(**vars(known), of_cards=of_cards, count=known.count, taken=used.taken, resting=used.resting)
