"""The name of an address: what its PTR record says (RFC 1035, 3.5; RFC 3596, 2.5)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from teig.model.address_range import Network, parse_address, parse_network
from teig.model.errors import InvalidRequest

TTL_S: Final = 3600
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_BITS: Final = {4: 8, 6: 4}
"""Of a label of a reverse zone's name."""


def check_host_name(untrusted: str) -> str:
    """Return a host's whole name in lower case, without a dot at its end (RFC 1123, 2.1); else InvalidRequest."""
    name = untrusted.removesuffix(".").lower()
    labels = name.split(".")
    if not untrusted.isascii():
        raise InvalidRequest(
            f"{untrusted!r:.80} is no name of a host: it has letters that are not of ASCII.",
            "Write its labels as the DNS has them, which begin with xn--.",
            code="bad_host_name",
        )
    if len(name) > 253 or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise InvalidRequest(
            f"{untrusted!r:.80} is no whole name of a host.",
            "Write it as mail.example.org: labels of a-z, 0-9 and -, with dots between them.",
            code="bad_host_name",
        )
    return name


def check_single(untrusted: str) -> str:
    """Return a single address as it is usually written; InvalidRequest where it is none, or a network."""
    text = untrusted.removesuffix("/128" if ":" in untrusted else "/32")
    return str(parse_address("named", text))


def pointer(address: str) -> str:
    """Return the name of the PTR record of an address, without a dot at its end."""
    return ipaddress.ip_address(address).reverse_pointer


def origin(network: Network) -> str:
    """Return the name of the reverse zone of a network; InvalidRequest where one zone is more or less than it."""
    bits = _BITS[network.version]
    shorter = network.prefixlen // bits * bits
    if shorter != network.prefixlen:
        raise InvalidRequest(
            f"No reverse zone is just {network}.",
            f"Name a network whose length is a multiple of {bits}: {network.supernet(new_prefix=shorter)}",
            code="bad_zone",
        )
    labels = network.network_address.reverse_pointer.split(".")
    return ".".join(labels[(network.max_prefixlen - network.prefixlen) // bits :])


def zone_file(untrusted_network: str, names: Iterable[tuple[str, str]], servers: Iterable[str], serial: int) -> str:
    """Return a master file (RFC 1035, 5.1) of the names in a network, given as pairs of address and name.

    With name `servers` it is a whole zone, with SOA and NS records; without, what such a file can include.
    """
    network = parse_network("network", untrusted_network)
    zone = origin(network)
    lines = [f"$ORIGIN {zone}.", f"$TTL {TTL_S}"]
    hosts = [check_host_name(server) for server in servers]
    if hosts:
        lines.append(f"@ IN SOA {hosts[0]}. hostmaster.{hosts[0]}. {serial} 3600 600 1209600 600")
        lines += [f"@ IN NS {host}." for host in hosts]
    inside = [(ipaddress.ip_address(address), name) for address, name in names]
    for address, name in sorted((one for one in inside if one[0] in network), key=lambda one: int(one[0])):
        lines.append(f"{address.reverse_pointer.removesuffix(zone).removesuffix('.') or '@'} IN PTR {name}.")
    return "\n".join(lines) + "\n"
