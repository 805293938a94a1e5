"""Which addresses of a site are free: the numbers that no card and no guest has, and that do not rest.

Taken are those after the highest that is not free, as long as there are any, then the lowest: so also those of an
earlier release, which let none rest, rest for a while.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from teig.model.address_range import AddressRange, Network
from teig.model.errors import Refused
from teig.model.site import Site
from teig.store import observations
from teig.store.schema import addresses, hosts, nics

_TIMES: sa.BindParameter[float] = sa.bindparam("now", type_=sa.Float)
TAKEN = sa.or_(addresses.c.guest.is_not(None), addresses.c.left_on.is_not(None), addresses.c.free_at > _TIMES)
"""What of the table is not free at the time `now`."""
OF_CARDS = ""
"""Stands in `range` for the addresses of a site's own record, which cards get; their numbers are themselves."""


@dataclass(frozen=True)
class Span:
    """What addresses are looked for in: the numbers `least` to `most` of a range of a site."""

    site: str
    range: str
    least: int
    most: int
    at: Callable[[int], str]
    called: str

    @classmethod
    def of_cards(cls, site: Site) -> Span:
        """Return what a site's own record says."""
        first, last = int(ipaddress.IPv4Address(site.first_address)), int(ipaddress.IPv4Address(site.last_address))
        return cls(site.name, OF_CARDS, first, last, lambda number: f"{ipaddress.IPv4Address(number)}/32",
                   f"Site {site.name}")  # fmt: skip

    @classmethod
    def of_range(cls, known: AddressRange) -> Span:
        """Return what a range says."""
        return cls(known.site, known.network, 0, known.count - 1, known.at, f"Range {known.network}")


def in_use(connection: sa.Connection, site: str) -> list[Network]:
    """Return what is in use and no row of a range says so: by guests that nobody claims, or that were adopted.

    Refused where a guest runs at the site that nobody claims and whose addresses cannot be read.
    """
    there = observations.hosts_with_unreadable(connection, site)
    if there:
        raise Refused(
            f"A guest that the database does not know runs on {', '.join(there)} whose addresses cannot be read: any "
            f"free one at site {site} may be in use.",
            "Put its files there right (teig host adopt), or end its domain (xl destroy). If the machine is lost for "
            "good: teig host remove NAME --force",
            code="address_unknown",
        )
    found = observations.addresses_in_use(connection)
    found.update(connection.execute(_STRAYS, {"at": site}).scalars())
    return [ipaddress.ip_network(text) for text in found]


_STRAYS = sa.select(addresses.c.address).where(addresses.c.site == sa.bindparam("at"), addresses.c.range.is_(None))


def free(connection: sa.Connection, span: Span, count: int, now: float) -> list[int]:
    """Return `count` numbers of a span that are free at a time; Refused where too few are known to be."""
    busy = in_use(connection, span.site)
    given = {"at": span.site, "range": span.range, "least": span.least, "most": span.most, "now": now}
    found: list[int] = []
    highest = [int(connection.execute(query, given).scalar() or -1) for query in _highest(span)]
    for after in (max(span.least - 1, *highest), span.least - 1):
        while len(found) < count and (number := _next(connection, span, after, now)) <= span.most:
            if number not in found and is_unused(connection, span, number, busy):
                found.append(number)
            after = _last_with(span, number, busy)  # noqa: PLW2901 - it goes on from there
    if len(found) < count:
        raise _too_few(connection, span, given, (count, len(found)))
    return found


def _last_with(span: Span, number: int, busy: list[Network]) -> int:
    """Return the last number of a span that lies in the same networks in use as one does: they may have very many."""
    own = ipaddress.ip_network(span.at(number))
    begins = int(own.network_address)
    ends = [(int(other.broadcast_address) - begins) // own.num_addresses for other in busy if other.overlaps(own)]
    return min(span.most, number + max([0, *ends]))


def is_unused(connection: sa.Connection, span: Span, number: int, busy: list[Network]) -> bool:
    """Return whether nothing that no row of the range tells of has an address: what is `in_use`, a host, a card."""
    wanted = ipaddress.ip_network(span.at(number))
    if any(map(wanted.overlaps, busy)):
        return False
    its_ip = str(wanted.network_address)
    if connection.execute(_HOST_AT, {"ip": its_ip}).first() is not None:
        return False
    if not span.range:
        return True
    return connection.execute(_CARD_AT, {"at": span.site, "ip": its_ip}).first() is None


_HOST_AT = sa.select(hosts.c.id).where(hosts.c.address == sa.bindparam("ip"))
_CARD_AT = sa.select(nics.c.mac).where(nics.c.site == sa.bindparam("at"), nics.c.address == sa.bindparam("ip"))


def _too_few(connection: sa.Connection, span: Span, given: dict[str, object], counts: tuple[int, int]) -> Refused:
    wanted, found = counts
    resting, first = connection.execute(_RESTING, given).one()
    rest = ""
    if resting:
        rest = f" Lately given back, and not given again yet: {resting}; the next is free at {moment(first)}."
    return Refused(
        f"{span.called} has {span.most - span.least + 1} addresses for guests and only {found} of them free; "
        f"{wanted} {'is' if wanted == 1 else 'are'} wanted.{rest}",
        f"{'Wait, delete' if resting else 'Delete'} guests, or {'add a' if span.range else 'enlarge its'} range.",
        code="no_address",
    )


def moment(when: float) -> str:
    """Return seconds since 1970 for a person."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when))


def _next(connection: sa.Connection, span: Span, after: int, now: float) -> int:
    """Return the lowest number above `after` that is free: what follows a run of those that are not."""
    number = after + 1
    while True:
        began = number
        for there, run_end in _RUNS if not span.range else _RUNS[1:]:
            given = {"at": span.site, "range": span.range, "number": number, "now": now}
            if connection.execute(there, given).first() is not None:
                number = int(connection.execute(run_end, given).scalar_one()) + 1
        if number == began:
            return number


_AT: sa.BindParameter[str] = sa.bindparam("at")
_NUMBER: sa.BindParameter[int] = sa.bindparam("number")
_NEXT_CARD = nics.alias()
_CARD = sa.select(nics.c.mac).where(nics.c.site == _AT, nics.c.number == _NUMBER)
_CARDS_END = (
    sa.select(nics.c.number)
    .where(
        nics.c.site == _AT,
        nics.c.number >= _NUMBER,
        ~sa.exists().where(_NEXT_CARD.c.site == nics.c.site, _NEXT_CARD.c.number == nics.c.number + 1),
    )
    .order_by(nics.c.number)
    .limit(1)
)
_FOLLOWING = addresses.alias()
_MINE = sa.and_(addresses.c.site == _AT, addresses.c.range == sa.bindparam("range"))
_ROW = sa.select(addresses.c.address).where(_MINE, addresses.c.number == _NUMBER, TAKEN)
_FOLLOWS = sa.exists().where(
    _FOLLOWING.c.site == addresses.c.site,
    _FOLLOWING.c.range == addresses.c.range,
    _FOLLOWING.c.number == addresses.c.number + 1,
    sa.or_(_FOLLOWING.c.guest.is_not(None), _FOLLOWING.c.left_on.is_not(None), _FOLLOWING.c.free_at > _TIMES),
)
_ROWS_END = (
    sa.select(addresses.c.number)
    .where(_MINE, addresses.c.number >= _NUMBER, TAKEN, ~_FOLLOWS)
    .order_by(addresses.c.number)
    .limit(1)
)
_RUNS = ((_CARD, _CARDS_END), (_ROW, _ROWS_END))
_BETWEEN: tuple[sa.BindParameter[int], sa.BindParameter[int]] = (sa.bindparam("least"), sa.bindparam("most"))
_HIGHEST_CARD = sa.select(sa.func.max(nics.c.number)).where(nics.c.site == _AT, nics.c.number.between(*_BETWEEN))
_HIGHEST_ROW = sa.select(sa.func.max(addresses.c.number)).where(_MINE, addresses.c.number.between(*_BETWEEN), TAKEN)
_RESTING = sa.select(sa.func.count(), sa.func.min(addresses.c.free_at)).where(
    _MINE,
    addresses.c.number.between(*_BETWEEN),
    addresses.c.guest.is_(None),
    addresses.c.left_on.is_(None),
    addresses.c.free_at > _TIMES,
)


def _highest(span: Span) -> list[sa.Select[Any]]:
    return [_HIGHEST_ROW] if span.range else [_HIGHEST_CARD, _HIGHEST_ROW]
