"""What a guest may send: frames of its own MAC and addresses, and none that speak for others.

One table of the bridge family sees each frame before its bridge does (nft(8), hook prerouting). A map leads from a
network card's name to one chain for all of Teig's, and sets hold which MAC and addresses each has: what a frame costs
does not grow with the guests. No connection is tracked. First goes what is neither ARP nor IP (tagged frames, LLC/SNAP,
RARP and the like), then what has another's MAC, then what has another's address or speaks as routers and DHCP servers
do. Each chain ends with a drop: what nobody thought of does not pass, and neither does a card of Teig's, which all are
in one group of devices (ip-link(8), `group`), that no set knows.

nftables 1.0.6 has no match for the target of neighbour discovery (RFC 4861, 4.3 and 4.4): it is bytes 8 to 23 of the
ICMPv6 message, and the one option that may follow it bytes 24 to 31.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Union

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.contract.spec import Nic
from teig.agent.host.process import must, run
from teig.agent.host.state import write_whole

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

GROUP: Final = 32278
"""The group of devices that all cards of Teig's guests are in."""
NAME: Final = "bridge teig"
_CARD = "$card"
_TRIES = 2
TABLE: Final = f"""\
create table {NAME}
table {NAME} {{
    set macs {{ type ifname . ether_addr; }}
    set ipv4 {{ type ifname . ipv4_addr; flags interval; }}
    set ipv6 {{ type ifname . ipv6_addr; flags interval; }}
    set nd_macs {{ typeof iifname . @th,208,48; }}
    set rs_macs {{ typeof iifname . @th,80,48; }}
    set nd_targets {{ typeof iifname . @th,64,128; flags interval; }}
    map cards {{ type ifname : verdict; }}
    chain prerouting {{
        type filter hook prerouting priority -300; policy accept;
        iifname vmap @cards
        iifgroup {GROUP} drop
    }}
    chain card {{
        ether type != {{ arp, ip, ip6 }} drop
        iifname . ether saddr != @macs drop
        ether type vmap {{ arp : goto from_arp, ip : goto from_ipv4, ip6 : goto from_ipv6 }}
    }}
    chain from_arp {{
        arp htype != 1 drop
        arp ptype != ip drop
        arp hlen != 6 drop
        arp plen != 4 drop
        arp operation != {{ request, reply }} drop
        iifname . arp saddr ether != @macs drop
        iifname . arp saddr ip @ipv4 accept
        # Whether an address is free (RFC 5227), of one's own alone.
        arp operation request arp saddr ip 0.0.0.0 iifname . arp daddr ip @ipv4 accept
        drop
    }}
    chain from_ipv4 {{
        ip version != 4 drop
        ip protocol igmp goto from_member
        # Options, source routes among them.
        ip hdrlength != 5 drop
        # Fragments that leave the next header out, or overwrite it (RFC 3128).
        ip frag-off & 0x1fff == 1 drop
        ip frag-off & 0x3fff == 0x2000 ip length < 60 drop
        ip saddr 0.0.0.0 ip daddr 255.255.255.255 ip frag-off & 0x3fff == 0 udp sport 68 udp dport 67 accept
        iifname . ip saddr != @ipv4 drop
        ip frag-off & 0x1fff != 0 accept
        # A client takes a DHCP server's answer from whatever port.
        udp dport 68 drop
        udp sport 67 drop
        icmp type {{ redirect, router-advertisement }} drop
        ip protocol {{ icmp, tcp, udp, sctp, dccp, udplite, esp, ah, gre, 4, 41, 115 }} accept
        drop
    }}
    chain from_member {{
        # Reports alone (RFC 3376): who asks takes all multicast from the others. They carry Router Alert (RFC 2113).
        ip frag-off & 0x3fff != 0 drop
        iifname . ip saddr != @ipv4 drop
        ip daddr != 224.0.0.0/4 drop
        ip hdrlength != {{ 5, 6 }} drop
        ip hdrlength 6 @nh,160,32 != 0x94040000 drop
        igmp type {{ membership-report-v1, membership-report-v2, membership-report-v3, leave-group }} accept
        drop
    }}
    chain from_ipv6 {{
        ip6 version != 6 drop
        exthdr rt exists drop
        ip6 saddr :: goto from_nobody
        iifname . ip6 saddr != @ipv6 drop
        frag frag-off != 0 accept
        # The first fragment must have the whole next header (RFC 7112).
        exthdr frag exists ip6 length < 56 drop
        exthdr frag exists exthdr dst exists drop
        meta l4proto icmpv6 goto from_icmpv6
        exthdr hbh exists drop
        udp dport 546 drop
        udp sport 547 drop
        meta l4proto {{ tcp, udp, sctp, dccp, udplite, esp, ah, gre, 4, 41, 115 }} accept
        drop
    }}
    chain from_icmpv6 {{
        icmpv6 type {{ mld-listener-report, mld-listener-done, mld2-listener-report }} ip6 hoplimit 1 accept
        exthdr hbh exists drop
        icmpv6 type {{ destination-unreachable, packet-too-big, time-exceeded, parameter-problem }} accept
        icmpv6 type {{ echo-request, echo-reply }} accept
        # Neighbour discovery comes from next door, and has nothing between (RFC 6980).
        ip6 nexthdr != icmpv6 drop
        ip6 hoplimit != 255 drop
        icmpv6 type nd-router-solicit ip6 length 8 accept
        icmpv6 type nd-router-solicit ip6 length 16 @th,64,16 0x0101 iifname . @th,80,48 @rs_macs accept
        icmpv6 type nd-neighbor-solicit ip6 length 24 accept
        icmpv6 type nd-neighbor-solicit ip6 length 32 @th,192,16 0x0101 iifname . @th,208,48 @nd_macs accept
        icmpv6 type nd-neighbor-advert iifname . @th,64,128 @nd_targets goto from_neighbor
        drop
    }}
    chain from_neighbor {{
        ip6 length 24 accept
        ip6 length 32 @th,192,16 0x0201 iifname . @th,208,48 @nd_macs accept
        drop
    }}
    chain from_nobody {{
        icmpv6 type mld2-listener-report ip6 hoplimit 1 accept
        ip6 nexthdr != icmpv6 drop
        ip6 hoplimit != 255 drop
        icmpv6 type nd-router-solicit ip6 length 8 accept
        # Whether an address is free (RFC 4862, 5.4), of one's own alone; with a nonce (RFC 7527) maybe.
        icmpv6 type nd-neighbor-solicit iifname . @th,64,128 @nd_targets goto from_probe
        drop
    }}
    chain from_probe {{
        ip6 length 24 accept
        ip6 length 32 @th,192,16 0x0e01 accept
        drop
    }}
}}
"""
"""Commands for nft that make the table, with no card in it, where there is none."""
_DELETE = f"table {NAME}\ndelete table {NAME}\n"


def elements(nic: Nic) -> str:
    """Return what lets a network card send what is its own, as commands for nft in which it is called $card."""
    link_local = ipaddress.ip_network(link_local_of(nic.mac))
    networks = [ipaddress.ip_network(nic.ip), link_local, *(ipaddress.ip_network(also) for also in nic.also)]
    ipv4 = list(ipaddress.collapse_addresses(found for found in networks if isinstance(found, ipaddress.IPv4Network)))
    ipv6 = list(ipaddress.collapse_addresses(found for found in networks if isinstance(found, ipaddress.IPv6Network)))
    rows = [
        ("macs", nic.mac),
        *(("ipv4", _shown(network)) for network in ipv4),
        *(("ipv6", _shown(network)) for network in ipv6),
        ("nd_macs", f"0x{nic.mac.replace(':', '')}"),
        ("rs_macs", f"0x{nic.mac.replace(':', '')}"),
        *(("nd_targets", _range(network)) for network in ipv6),
    ]
    added = [f"add element {NAME} {name} {{ {_CARD} . {value} }}\n" for name, value in rows]
    return "".join([*added, f"add element {NAME} cards {{ {_CARD} : goto card }}\n"])


def _shown(network: Network) -> str:
    return str(network if network.num_addresses > 1 else network.network_address)


def _range(network: ipaddress.IPv6Network) -> str:
    first, last = (f"0x{address.packed.hex()}" for address in (network.network_address, network.broadcast_address))
    return first if first == last else f"{first}-{last}"


def link_local_of(mac: str) -> ipaddress.IPv6Address:
    """Return the link-local address that a card makes itself from its MAC (RFC 4291, appendix A)."""
    parts = bytes.fromhex(mac.replace(":", ""))
    interface = bytes([parts[0] ^ 2, *parts[1:3], 0xFF, 0xFE, *parts[3:]])
    return ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + interface)


def of_card(card: str, text: str) -> str:
    """Return what `elements` said, for a card of some name."""
    return text.replace(_CARD, f'"{card}"')


def whole_table() -> str:
    """Return the table as nft shows it, without the elements of its sets; empty where there is none.

    Raises a host fault where nft does not say: that is no absence.
    """
    done = run(["nft", "-t", "list", "table", *NAME.split()])
    if done.status != 0 and os.strerror(errno.ENOENT) not in done.said:
        raise host_fault("nft_failed", f"nft does not say what its table {NAME} is: {done.said}")
    return done.stdout if done.status == 0 else ""


def renew(cards: Mapping[str, str], folder: Path) -> list[str]:
    """Make the table anew with these cards, what `elements` said of each by its name; return whom nft refused.

    It is one transaction: where nft refuses it, the old one stays. Of a card that nft refuses nothing passes.
    """
    new = folder / "filter.nft"
    for _ in range(_TRIES - 1):
        with contextlib.suppress(Failure):
            _make(new, cards)
            return []
    sound = _sound(new, [*cards.items()])
    _make(new, sound)
    return sorted(set(cards) - set(sound))


def _make(new: Path, cards: Mapping[str, str]) -> None:
    write_whole(new, "".join([_DELETE, TABLE, *(of_card(card, text) for card, text in cards.items())]).encode())
    must(["nft", "-f", str(new)], "nft_failed")


def _sound(new: Path, cards: list[tuple[str, str]]) -> dict[str, str]:
    """Return those cards that nft takes; of many few are refused, so that halves are tried."""
    write_whole(new, "".join([_DELETE, TABLE, *(of_card(card, text) for card, text in cards)]).encode())
    if run(["nft", "-c", "-f", str(new)]).status == 0:
        return dict(cards)
    half = len(cards) // 2
    return {**_sound(new, cards[:half]), **_sound(new, cards[half:])} if half else {}


def remove() -> None:
    """Remove the table, where there is one."""
    with contextlib.suppress(Failure):  # there is no nft
        run(["nft", "delete", "table", *NAME.split()])
