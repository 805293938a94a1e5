"""A range: addresses of a site that its guests can get beside those that their network cards have.

Addresses and networks are written as a guest's card has them in `also`: with their prefix length, in the one usual way.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from teig.model.errors import InvalidRequest
from teig.model.names import check_name
from teig.model.site import NO_GUESTS

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_PLAIN: Final = re.compile(r"[0-9A-Fa-f.:]+(/[0-9]+)?", re.ASCII)
MOST: Final = 2**62
"""Addresses of one range: each has a number, its place there, and a database's whole numbers end soon after that."""
_GUESTS_OF_6: Final = tuple(ipaddress.IPv6Network(text) for text in ("2000::/3", "fc00::/7"))
"""Global unicast (RFC 4291, 2.4) and unique local addresses (RFC 4193)."""
_LEAST_PREFIX: Final = {4: 8, 6: 16}


@dataclass(frozen=True)
class AddressRange:
    """What guests of `site` can get of `network`, of IPv4 or IPv6: from `first` to `last`, both included.

    Each is a network of `prefix` bits: 32 and 128 are single addresses, 64 is what an IPv6 guest has networks of its
    own in. `first` and `last` are the first addresses of such networks. A range is called by its network.
    """

    site: str
    network: str
    first: str
    last: str
    prefix: int

    def __post_init__(self) -> None:
        """Refuse what no guest can have, and what contradicts itself."""
        check_name("site", self.site)
        network = parse_network("network", self.network)
        if str(network) != self.network:
            raise InvalidRequest(f"Write the network {self.network} as {network}.")
        if not network.prefixlen <= self.prefix <= network.max_prefixlen:
            raise InvalidRequest(
                f"{network} has no networks of {self.prefix} bits to give.",
                f"Choose {network.prefixlen} to {network.max_prefixlen}; {network.max_prefixlen} is single addresses.",
            )
        first, last = parse_address("first", self.first), parse_address("last", self.last)
        for what, address in (("first", first), ("last", last)):
            if address not in network:
                raise InvalidRequest(f"The {what} address {address} lies outside of {network}.")
            if int(address) % self._step:
                raise InvalidRequest(f"The {what} address {address} begins no network of {self.prefix} bits.")
        if int(first) > int(last):
            raise InvalidRequest(f"The first address, {first}, comes after the last, {last}.")
        if nobodys(network, self.prefix) & {first, last}:
            raise InvalidRequest(
                f"In {network}, the network's own address and, of IPv4, its broadcast address are nobody's.",
                "Begin after the one and end before the other.",
            )
        if self.count > MOST:
            raise InvalidRequest(
                f"{first} to {last} are more than a range can have.", "Give a last address that is nearer."
            )

    @property
    def _step(self) -> int:
        return 1 << (parse_network("network", self.network).max_prefixlen - self.prefix)

    @property
    def count(self) -> int:
        """How many it has."""
        return (int(ipaddress.ip_address(self.last)) - int(ipaddress.ip_address(self.first))) // self._step + 1

    def at(self, number: int) -> str:
        """Return the one at a place, counted from 0, with its prefix length."""
        address = ipaddress.ip_address(self.first) + number * self._step
        return f"{address}/{self.prefix}"

    def number_of(self, network: Network) -> int | None:
        """Return the place of an address or network; None where the range does not have it."""
        first = ipaddress.ip_address(self.first)
        if network.version != first.version or network.prefixlen != self.prefix:
            return None
        number = (int(network.network_address) - int(first)) // self._step
        return number if 0 <= number < self.count else None

    def overlaps(self, network: Network) -> bool:
        """Return whether what it has and a network have addresses in common."""
        first, last = ipaddress.ip_address(self.first), int(ipaddress.ip_address(self.last)) + self._step - 1
        least, most = int(network.network_address), int(network.broadcast_address)
        return network.version == first.version and least <= last and int(first) <= most


def whole_range(
    site: str, network: str, first: str | None = None, last: str | None = None, prefix: int | None = None
) -> AddressRange:
    """Return a range with what was left out: single addresses, and all of the network that a guest can have."""
    known = parse_network("network", network)
    bits = known.max_prefixlen if prefix is None else prefix
    step = 1 << max(0, known.max_prefixlen - bits)
    least, most = int(known.network_address), int(known.broadcast_address) - step + 1
    none = {int(address) for address in nobodys(known, bits)}
    kind = type(known.network_address)
    begin = str(kind(least + (least in none))) if first is None else str(parse_address("first", first))
    if last is None:
        most = min(most - (most in none), int(ipaddress.ip_address(begin)) + (MOST - 1) * step)
        last = str(kind(max(most, least)))
    return AddressRange(site, str(known), begin, str(parse_address("last", last)), bits)


def nobodys(network: Network, prefix: int) -> set[Address]:
    """Return the addresses of a network that no guest can have alone: its own and, of IPv4, its broadcast address.

    The first of IPv6 is that of all routers there (RFC 4291, 2.6.1). Networks of two addresses and fewer have none
    (RFC 3021, RFC 6164).
    """
    if prefix < network.max_prefixlen or network.prefixlen >= network.max_prefixlen - 1:
        return set()
    own: set[Address] = {network.network_address}
    return own | ({network.broadcast_address} if network.version == 4 else set())


def parse_network(what: str, untrusted: str) -> Network:
    """Return a network that guests can have addresses in; InvalidRequest says what is wrong with which."""
    _check_plain(untrusted)
    try:
        network = ipaddress.ip_network(untrusted)
    except ValueError as error:
        raise InvalidRequest(
            f"The {what} {untrusted!r:.80} is none of IPv4 or IPv6: {error}.",
            "Write it as 192.0.2.0/24 or 2001:db8::/48, without addresses in it.",
        ) from error
    check_of_guests(network)
    if network.prefixlen < _LEAST_PREFIX[network.version]:
        raise InvalidRequest(f"The {what} {network} is too large.", "Choose one of 8 bits (IPv6: 16) or more.")
    return network


def check_of_guests(network: Network) -> None:
    """Raise InvalidRequest where guests cannot have addresses in a network: it is for something else."""
    if isinstance(network, ipaddress.IPv4Network):
        fits = not any(map(network.overlaps, NO_GUESTS))
    else:
        fits = any(map(network.subnet_of, _GUESTS_OF_6))
    if not fits:
        raise InvalidRequest(
            f"{network} is none that guests can have addresses in.",
            "Choose one that is not for loopback, link-local, multicast or reserved addresses.",
        )


def _check_plain(untrusted: str) -> None:
    """Refuse what Python takes for part of an address and is none: an interface behind %, white space."""
    if not _PLAIN.fullmatch(untrusted):
        raise InvalidRequest(
            f"{untrusted!r:.80} is an address or a network of none of IPv4 or IPv6.",
            "Write it as 192.0.2.7, 2001:db8::7 or 2001:db8:7::/64, and nothing behind it.",
            code="bad_address",
        )


def parse_address(what: str, untrusted: str) -> Address:
    """Return an address; InvalidRequest says what is wrong with which."""
    try:
        address = ipaddress.ip_address(untrusted)
    except ValueError as error:
        raise InvalidRequest(f"The {what} address is none of IPv4 or IPv6: {error}.") from error
    if "%" in untrusted:
        raise InvalidRequest(f"The {what} address {untrusted!r:.80} names an interface.", "Leave out what follows %.")
    return address


def canonical(untrusted: str) -> str:
    """Return an address or a network as it is kept: with its prefix length; InvalidRequest where it is none."""
    _check_plain(untrusted)
    try:
        network = ipaddress.ip_network(untrusted)
    except ValueError as error:
        raise InvalidRequest(
            f"{untrusted!r:.80} is neither an address nor a network: {error}.",
            "Write it as 192.0.2.7, 2001:db8::7 or 2001:db8:7::/64.",
            code="bad_address",
        ) from error
    check_of_guests(network)
    return str(network)


def shown(address: str) -> str:
    """Return an address without the prefix length that says that it is a single one; a network stays."""
    network = ipaddress.ip_network(address)
    return str(network.network_address) if network.num_addresses == 1 else address
