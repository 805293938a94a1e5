"""A site: a place with facts about it, and the network that guests there get addresses from."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, TypeVar

from teig.agent.contract.spec import bridge
from teig.model.contract import held
from teig.model.errors import InvalidRequest
from teig.model.names import check_name

A = TypeVar("A", ipaddress.IPv4Address, ipaddress.IPv4Network)
NO_GUESTS = tuple(
    ipaddress.IPv4Network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
)
"""This host, loopback, link-local, multicast and reserved (RFC 6890, RFC 5771)."""
QUARANTINE_S: Final = 3600
"""How long an address rests if nothing else is said: routers' neighbour tables forget within minutes, but name servers
keep an answer for as long as its record says, an hour say (RFC 1035, 3.2.1). It costs one address for each guest that
was deleted within the hour."""
MOST_QUARANTINE_S: Final = 30 * 86400


@dataclass(frozen=True)
class Site:
    """Where hosts stand: country (ISO 3166-1 alpha-2), who operates it, and the guests' IPv4 network.

    Guests get addresses from `first_address` to `last_address`, both included, in `network`; `gateway` is their way
    out; `bridge` is the bridge that the hosts of the site join guests to. An address that a guest has given back rests
    for `quarantine_s` seconds before another guest gets it.
    """

    name: str
    country: str
    operator: str
    network: str
    gateway: str
    first_address: str
    last_address: str
    bridge: str = "xenbr0"
    quarantine_s: int = QUARANTINE_S

    def __post_init__(self) -> None:
        """Refuse facts that contradict each other."""
        check_name("site", self.name)
        if not re.fullmatch(r"[A-Z]{2}", self.country):
            raise InvalidRequest(
                f"{self.country!r} is not a country code.", "Use two capital letters of ISO 3166-1, for example NO."
            )
        if not 1 <= len(self.operator) <= 255 or not self.operator.isprintable():
            raise InvalidRequest(f"Site {self.name}: operator must be a name of at most 255 characters.")
        try:
            held(bridge, "bridge", self.bridge)
        except InvalidRequest as error:
            raise InvalidRequest(
                f"Site {self.name}: bridge cannot be called {self.bridge!r:.80}.",
                "Use a letter and up to 14 of the characters a-z, 0-9, ., _ and -, for example xenbr0.",
            ) from error
        if not 0 <= self.quarantine_s <= MOST_QUARANTINE_S:
            raise InvalidRequest(
                f"Site {self.name}: an address rests 0 to {MOST_QUARANTINE_S} seconds, not {self.quarantine_s}."
            )
        self._check_addresses()

    def _check_addresses(self) -> None:
        network = self._read(ipaddress.IPv4Network, "network", self.network)
        gateway = self._read(ipaddress.IPv4Address, "gateway", self.gateway)
        first = self._read(ipaddress.IPv4Address, "first address", self.first_address)
        last = self._read(ipaddress.IPv4Address, "last address", self.last_address)
        if any(map(network.overlaps, NO_GUESTS)) or not 8 <= network.prefixlen <= 30:
            raise InvalidRequest(
                f"Site {self.name}: network {self.network} is none that guests can have addresses in.",
                "Choose one of 8 to 30 bits that is not for loopback, link-local, multicast or reserved addresses.",
            )
        for what, address in (("gateway", gateway), ("first address", first), ("last address", last)):
            if address not in network:
                raise InvalidRequest(f"Site {self.name}: {what} {address} lies outside of {network}.")
        if first > last:
            raise InvalidRequest(f"Site {self.name}: the first address, {first}, comes after the last, {last}.")
        nobodys = {network.network_address, network.broadcast_address}
        if first <= gateway <= last or not nobodys.isdisjoint({gateway, first, last}):
            raise InvalidRequest(
                f"Site {self.name}: the guests' addresses must not include the gateway, and neither may be the "
                f"network's own address or its broadcast address."
            )

    def _read(self, kind: type[A], what: str, untrusted: str) -> A:
        """Return an address or a network of IPv4; InvalidRequest says what is wrong with which."""
        try:
            return kind(untrusted)
        except ValueError as error:
            noun, example = ("network", "192.0.2.0/24") if kind is ipaddress.IPv4Network else ("address", "192.0.2.1")
            raise InvalidRequest(
                f"Site {self.name}: {what} is no IPv4 {noun}: {error}.",
                f"Write it as {example}; IPv6 is for further addresses: teig range add.",
            ) from error
