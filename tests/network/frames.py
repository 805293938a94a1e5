"""Frames that a guest sends: its own and forged ones, made with scapy."""

from __future__ import annotations

from typing import Any

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DHCP6_Advertise, DHCP6_Solicit
from scapy.layers.inet import (
    ICMP,
    IP,
    TCP,
    UDP,
    IPOption_LSRR,
    IPOption_NOP,
    IPOption_Router_Alert,
    IPOption_RR,
    fragment,
)
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6MLDMultAddrRec,
    ICMPv6MLQuery,
    ICMPv6MLReport,
    ICMPv6MLReport2,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6NDOptUnknown,
    ICMPv6NIQueryNOOP,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
    RouterAlert,
    fragment6,
)
from scapy.layers.l2 import ARP, LLC, SNAP, STP, Dot1Q, Dot3, Ether
from scapy.packet import Raw
from scapy.utils import checksum

MAC, OTHER_MAC, GATEWAY_MAC = "00:16:3e:02:00:01", "00:16:3e:02:00:02", "02:00:00:00:00:01"
IPV4, OTHER_IPV4, GATEWAY = "10.77.0.5", "10.77.0.6", "10.77.0.1"
NOBODY = "0.0.0.0"  # noqa: S104
LINK, OTHER_LINK = "fe80::216:3eff:fe02:1", "fe80::216:3eff:fe02:2"
"""The link-local addresses that belong to the MACs."""
ALSO = ("10.77.0.4/31", "192.0.2.7/32", "2001:db8:7::/64")
"""What else leads to the guest; its IPv4 address is in one of these networks."""
ALL, NODES = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"
ALERT = IPOption_Router_Alert()
GROUP = bytes([239, 1, 2, 3])
JOINED = bytes([0, 0, 0, 1, 4, 0, 0, 0]) + GROUP
Frames = dict[str, list[str]]
"""One or several frames of a kind, in hexadecimal, by what they are."""


def _from(to: str = ALL, mac: str = MAC, **more: Any) -> Any:
    return Ether(dst=to, src=mac, **more)


def _arp(**fields: Any) -> Any:
    return _from() / ARP(**{"op": 1, "hwsrc": MAC, "psrc": IPV4, "pdst": GATEWAY, **fields})


def _ip(**fields: Any) -> Any:
    return _from(GATEWAY_MAC) / IP(**{"src": IPV4, "dst": GATEWAY, **fields})


def _multicast(to: str, message: bytes, **fields: Any) -> Any:
    return _from("01:00:5e:01:02:03") / IP(**{"src": IPV4, "dst": to, "ttl": 1, "proto": 2, **fields}) / Raw(message)


def igmp(kind: int, body: bytes = GROUP) -> bytes:
    """Return a message of a member or a router (RFC 2236, RFC 3376), with its checksum."""
    total = checksum(bytes([kind, 0, 0, 0]) + body)
    return bytes([kind, 0, total >> 8, total & 255]) + body


def _source(mac: str) -> Any:
    return ICMPv6NDOptSrcLLAddr(lladdr=mac)


def _to_all(source: str) -> Any:
    return _from() / IP(src=source, dst="255.255.255.255")


def _ipv6(**fields: Any) -> Any:
    return _from(NODES) / IPv6(**{"src": LINK, "dst": "ff02::1", **fields})


def _near(**fields: Any) -> Any:
    return _ipv6(hlim=255, **fields)


def _ns(target: str, source: str = LINK) -> Any:
    return _near(src=source, dst="ff02::1:ff02:1") / ICMPv6ND_NS(tgt=target)


def _mld(source: str = LINK) -> Any:
    return _from("33:33:00:00:00:16") / IPv6(src=source, dst="ff02::16", hlim=1) / _alert()


def _alert() -> Any:
    return IPv6ExtHdrHopByHop(options=[RouterAlert()])


def _to(mac: str) -> Any:
    return ICMPv6NDOptDstLLAddr(lladdr=mac)


def _nonce() -> Any:
    return ICMPv6NDOptUnknown(type=14, len=1, data=b"123456")


def _ra() -> Any:
    return ICMPv6ND_RA() / ICMPv6NDOptPrefixInfo(prefix="2001:db8:6::", prefixlen=64)


def _snap(code: int, what: Any, to: str = ALL) -> Any:
    return Dot3(dst=to, src=MAC) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=code) / what


def _dhcp(kind: str, **fields: Any) -> Any:
    return BOOTP(**fields) / DHCP(options=[("message-type", kind), "end"])


def own() -> dict[str, Any]:
    """Return what a guest may send, by what it is; some are several frames."""
    return {**_own_ipv4(), **_own_ipv6()}


def _own_ipv4() -> dict[str, Any]:
    return {
        "ping": _ip() / ICMP(),
        "udp": _ip() / UDP(sport=5, dport=6) / b"x",
        "tcp": _ip(dst=OTHER_IPV4) / TCP(),
        "udp from a further address": _ip(src="192.0.2.7") / UDP(sport=5, dport=6),
        "arp of a further address": _arp(psrc="192.0.2.7"),
        "broadcast": _from() / IP(src=IPV4, dst="10.77.255.255") / UDP(sport=5, dport=6),
        "large datagram": fragment(  # type: ignore[no-untyped-call]
            _ip() / UDP(sport=5, dport=6) / (b"x" * 3000), fragsize=1480
        ),
        "too big, told": _ip() / ICMP(type=3, code=4) / IP(src=GATEWAY, dst=IPV4) / UDP(),
        "arp request": _arp(),
        "arp reply": _arp(op=2, hwdst=GATEWAY_MAC),
        "gratuitous arp": _arp(pdst=IPV4),
        "gratuitous arp reply": _arp(op=2, hwdst=ALL, pdst=IPV4),
        "arp probe": _arp(psrc=NOBODY, pdst=IPV4),
        "multicast report": _multicast("239.1.2.3", igmp(0x16), options=[ALERT]),
        "multicast report of version 3": _multicast(
            "224.0.0.22", igmp(0x22, bytes([0, 0, 0, 1, 4, 0, 0, 0]) + GROUP), options=[ALERT]
        ),
        "multicast group left": _multicast("224.0.0.2", igmp(0x17), options=[ALERT]),
        "dhcp discover": _to_all(NOBODY) / UDP(sport=68, dport=67) / _dhcp("discover"),
        "dhcp renew": _ip() / UDP(sport=68, dport=67) / _dhcp("request"),
    }


def _own_ipv6() -> dict[str, Any]:
    listeners = [ICMPv6MLDMultAddrRec(dst="ff02::1:ff02:1")]
    return {
        "udp over ipv6 from its network": _ipv6(src="2001:db8:7::9") / UDP(sport=9, dport=9),
        "neighbour advertisement of its network": _near() / ICMPv6ND_NA(tgt="2001:db8:7:0:ffff::1") / _to(MAC),
        "address probe in its network": _ns("2001:db8:7::9", "::"),
        "ping over ipv6": _ipv6(dst=OTHER_LINK) / ICMPv6EchoRequest(),
        "tcp over ipv6": _ipv6(dst=OTHER_LINK) / TCP(),
        "udp over ipv6": _ipv6(dst=OTHER_LINK) / UDP(sport=9, dport=9),
        "address probe": _ns(LINK, "::"),
        "address probe with nonce": _ns(LINK, "::") / _nonce(),
        "neighbour solicitation": _ns("fe80::1") / ICMPv6NDOptSrcLLAddr(lladdr=MAC),
        "neighbour solicitation, bare": _ns("fe80::1"),
        "neighbour advertisement": _near() / ICMPv6ND_NA(tgt=LINK) / _to(MAC),
        "neighbour advertisement, bare": _near() / ICMPv6ND_NA(tgt=LINK),
        "router solicitation": _near(dst="ff02::2") / ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=MAC),
        "router solicitation before an address": _near(src="::", dst="ff02::2") / ICMPv6ND_RS(),
        "mld report": _mld() / ICMPv6MLReport2(records=listeners),
        "mld report before an address": _mld("::") / ICMPv6MLReport2(records=listeners),
        "mld report of version 1": _mld() / ICMPv6MLReport(mladdr="ff02::1:ff02:1"),
        "packet too big": _ipv6(dst=OTHER_LINK) / ICMPv6PacketTooBig(mtu=1280) / IPv6(src=OTHER_LINK, dst=LINK) / UDP(),
        "large datagram over ipv6": fragment6(  # type: ignore[no-untyped-call]
            _ipv6(dst=OTHER_LINK) / IPv6ExtHdrFragment() / UDP(sport=9, dport=9) / (b"y" * 3000), 1280
        ),
        "large ping over ipv6": fragment6(  # type: ignore[no-untyped-call]
            _ipv6(dst=OTHER_LINK) / IPv6ExtHdrFragment() / ICMPv6EchoRequest(data=b"y" * 3000), 1280
        ),
        "dhcpv6 solicit": _ipv6(dst="ff02::1:2") / UDP(sport=546, dport=547) / DHCP6_Solicit(),
    }  # fmt: skip


def forged() -> dict[str, Any]:
    """Return what a guest may not send, by what it is."""
    return {**_forged_links(), **_forged_arp(), **_forged_ipv4(), **_forged_ipv6(), **_forged_discovery()}


def _forged_links() -> dict[str, Any]:
    own_ip = IP(src=IPV4, dst=GATEWAY) / ICMP()
    macs = {
        "another guest's": OTHER_MAC, "the gateway's": GATEWAY_MAC, "broadcast": ALL, "no": "00:00:00:00:00:00",
        "the bridge's": "fe:ff:ff:ff:ff:ff", "a multicast": "01:00:5e:00:00:01",
    }  # fmt: skip
    return {
        **{f"{whose} MAC": _from(GATEWAY_MAC, mac) / own_ip for whose, mac in macs.items()},
        "priority tag": _from(GATEWAY_MAC) / Dot1Q(vlan=0) / own_ip,
        "vlan": _from(GATEWAY_MAC) / Dot1Q(vlan=7) / own_ip,
        "qinq": _from(type=0x88A8) / Dot1Q(vlan=5) / Dot1Q(vlan=6) / own_ip,
        "qinq of old": _from(type=0x9100) / Dot1Q(vlan=6) / own_ip,
        "ip in llc/snap": _snap(0x0800, own_ip, GATEWAY_MAC),
        "spanning tree": Dot3(dst="01:80:c2:00:00:00", src=MAC) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP(),
        "spanning tree of a vlan": _snap(0x010B, Raw(bytes(40)), "01:00:0c:cc:cc:cd"),
        "eapol": _from("01:80:c2:00:00:03", type=0x888E) / Raw(b"\x02\x01\0\0"),
        "lldp": _from("01:80:c2:00:00:0e", type=0x88CC) / Raw(b"\x02\x07\x04" + bytes(30)),
        "lacp": _from("01:80:c2:00:00:02", type=0x8809) / Raw(b"\1\1" + bytes(50)),
        "pppoe": _from(type=0x8863) / Raw(b"\x11\x09\0\0\0\0"),
        "mpls": _from(type=0x8847) / Raw(bytes(40)),
        "precision time": _from(type=0x88F7) / Raw(bytes(40)),
        "loopback": _from("cf:00:00:00:00:00", type=0x9000) / Raw(bytes(46)),
        "cut ipv4": _from(type=0x0800) / Raw(b"\x45"),
        "cut ipv6": _from(type=0x86DD) / Raw(b"\x60"),
        "cut arp": _from(type=0x0806) / Raw(b"\0\1\x08\0"),
    }


def _forged_arp() -> dict[str, Any]:
    return {
        "arp for the gateway": _arp(op=2, psrc=GATEWAY, pdst=OTHER_IPV4),
        "gratuitous arp for another": _arp(psrc=OTHER_IPV4, pdst=OTHER_IPV4),
        "arp of a foreign sender": _arp(psrc=OTHER_IPV4),
        "arp of another MAC": _arp(op=2, hwsrc=OTHER_MAC),
        "arp probe for another's address": _arp(psrc=NOBODY, pdst=OTHER_IPV4),
        "arp reply of nobody": _arp(op=2, psrc=NOBODY, pdst=IPV4),
        "arp of odd lengths": _from() / ARP(op=2, hwlen=8, plen=4, hwsrc=MAC, psrc=IPV4),
        "rarp": _from(type=0x8035) / ARP(op=3, hwsrc=MAC, psrc=IPV4, pdst=IPV4),
        "arp that asks as rarp": _arp(op=3),
        "inverse arp": _arp(op=8),
        "arp in a priority tag": _from() / Dot1Q(vlan=0) / ARP(op=2, hwsrc=MAC, psrc=GATEWAY, pdst=OTHER_IPV4),
        "arp in a vlan": _from() / Dot1Q(vlan=5) / ARP(op=2, hwsrc=MAC, psrc=IPV4),
        "arp in llc/snap": _snap(0x0806, ARP(op=2, hwsrc=MAC, psrc=GATEWAY)),
    }


def _forged_ipv4() -> dict[str, Any]:
    sources = (
        OTHER_IPV4,
        GATEWAY,
        "127.0.0.1",
        "169.254.1.1",
        "255.255.255.255",
        NOBODY,
        "224.0.0.1",
        "198.51.100.8",
    )
    offer = _dhcp("offer", op=2)
    return {
        **{f"from {source}": _ip(src=source) / ICMP() for source in sources},
        "record route": _ip(options=[IPOption_RR(pointer=4, routers=[NOBODY])]) / ICMP(),
        "source route": _ip(options=[IPOption_LSRR(routers=["198.51.100.1"])]) / ICMP(),
        "fragment without the next header": _ip(flags="MF", proto=17) / Raw(b"\0D\0C"),
        "fragment over the next header": _ip(frag=1, proto=6) / Raw(bytes(20)),
        "fragment from another": _ip(src=OTHER_IPV4, frag=100, proto=17) / Raw(bytes(20)),
        "another's ip in llc/snap": _snap(0x0800, IP(src=OTHER_IPV4, dst=GATEWAY) / ICMP()),
        "another's ip in a priority tag": _from() / Dot1Q(vlan=0) / IP(src=OTHER_IPV4, dst=GATEWAY) / ICMP(),
        "ipv4 called ipv6": _from(type=0x86DD) / Raw(bytes(IP(src=OTHER_IPV4, dst=GATEWAY) / ICMP())),
        "ipv6 called ipv4": _from(type=0x0800) / Raw(bytes(IPv6(src=OTHER_LINK, dst="ff02::1") / ICMPv6EchoRequest())),
        "dhcp offer from another port": _to_all(IPV4) / UDP(sport=1067, dport=68) / offer,
        "dhcp offer to one guest from another port": _ip(dst=OTHER_IPV4) / UDP(sport=1067, dport=68) / offer,
        "multicast query": _multicast("224.0.0.1", igmp(0x11)),
        "multicast query with alert": _multicast("224.0.0.1", igmp(0x11), options=[ALERT]),
        "multicast router": _multicast("224.0.0.106", igmp(0x30), options=[ALERT]),
        "multicast report to one guest": _ip(dst=OTHER_IPV4, proto=2) / Raw(igmp(0x16)),
        "multicast report with another option": _multicast("239.1.2.3", igmp(0x16), options=[IPOption_NOP()] * 4),
        "multicast report from another": _multicast("239.1.2.3", igmp(0x16), src=OTHER_IPV4, options=[ALERT]),
        "pim hello": _ip(dst="224.0.0.13", proto=103, ttl=1) / Raw(bytes.fromhex("2000dfff")),
        "ospf hello": _ip(dst="224.0.0.5", proto=89, ttl=1) / Raw(bytes(44)),
        "vrrp": _ip(dst="224.0.0.18", proto=112, ttl=255) / Raw(bytes(20)),
        "icmp redirect": _ip(dst=OTHER_IPV4) / ICMP(type=5, code=1, gw=IPV4) / IP(src=OTHER_IPV4, dst=GATEWAY) / UDP(),
        "icmp router advertisement": _ip(dst="224.0.0.1") / ICMP(type=9) / Raw(bytes(8)),
        "dhcp offer": _to_all(IPV4) / UDP(sport=67, dport=68) / offer,
        "dhcp offer of nobody": _to_all(NOBODY) / UDP(sport=67, dport=68) / offer,
    }


def _forged_ipv6() -> dict[str, Any]:
    sources = (
        OTHER_LINK,
        "2001:db8:6::1",
        "2001:db8:7:1::1",
        "::ffff:10.77.0.5",
        "::1",
        "ff02::1",
        "fe80::1",
        "fe80:1::216:3eff:fe02:1",
    )
    answer = UDP(sport=547, dport=546) / DHCP6_Advertise()
    return {
        **{f"from {source}": _ipv6(src=source) / ICMPv6EchoRequest() for source in sources},
        "dhcpv6 answer": _ipv6(dst=OTHER_LINK) / answer,
        "dhcpv6 answer from another port": _ipv6(dst=OTHER_LINK) / UDP(sport=1547, dport=546) / DHCP6_Advertise(),
        "dhcpv6 answer whose port is in the second fragment": _ipv6(dst=OTHER_LINK)
        / IPv6ExtHdrFragment(m=1, nh=60, id=4)
        / Raw(bytes(IPv6ExtHdrDestOpt(nh=17, options=[PadN(optdata=bytes(4))]))),
        "ospf over ipv6": _ipv6(dst="ff02::5", nh=89) / Raw(bytes(36)),
        "dhcpv6 answer behind options": _ipv6(dst=OTHER_LINK) / IPv6ExtHdrDestOpt() / answer,
        "routing header of type 0": _ipv6() / IPv6ExtHdrRouting(type=0, addresses=["fe80::9"]) / ICMPv6EchoRequest(),
        "routing header of type 4": _ipv6() / IPv6ExtHdrRouting(type=4, addresses=[]) / UDP(),
        "fragment from another, ipv6": _ipv6(src=OTHER_LINK) / IPv6ExtHdrFragment(offset=10, nh=17) / Raw(bytes(40)),
        "fragment of nobody, ipv6": _ipv6(src="::") / IPv6ExtHdrFragment(offset=10, nh=58) / Raw(bytes(40)),
        "fragment without the next header, ipv6": _ipv6() / IPv6ExtHdrFragment(m=1, nh=17, id=3) / Raw(bytes(4)),
        "hop-by-hop options": _ipv6() / IPv6ExtHdrHopByHop() / UDP(sport=9, dport=9),
        "node information": _ipv6() / ICMPv6NIQueryNOOP(),
        "mld query": _mld() / ICMPv6MLQuery(),
    }


def _forged_discovery() -> dict[str, Any]:
    late = IPv6ExtHdrDestOpt(nh=58, options=[PadN(optdata=bytes(4))])
    return {
        "router advertisement": _near() / _ra(),
        "router advertisement behind hop-by-hop": _near() / IPv6ExtHdrHopByHop() / _ra(),
        "router advertisement behind options": _near() / IPv6ExtHdrDestOpt() / _ra(),
        "router advertisement behind both": _near() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / _ra(),
        "router advertisement in fragments": _near() / IPv6ExtHdrFragment(m=1, nh=58, id=7) / Raw(bytes(_ra())[:16]),
        "router advertisement in a later fragment": _near() / IPv6ExtHdrFragment(m=1, nh=60, id=8) / Raw(bytes(late)),
        "router advertisement in one fragment": _near() / IPv6ExtHdrFragment(nh=58, id=9) / _ra(),
        "router advertisement in a priority tag": _from(NODES) / Dot1Q(vlan=0) / _near().payload / _ra(),
        "router advertisement behind routing": _near() / IPv6ExtHdrRouting(addresses=[]) / _ra(),
        "router solicitation with another's MAC": _near(dst="ff02::2") / ICMPv6ND_RS() / _source(OTHER_MAC),
        "redirect": _near() / ICMPv6ND_Redirect(tgt=OTHER_LINK, dst="2001:db8::1"),
        "advertisement of another's address": _near() / ICMPv6ND_NA(tgt=OTHER_LINK) / _to(MAC),
        "advertisement of another's MAC": _near() / ICMPv6ND_NA(tgt=LINK) / _to(OTHER_MAC),
        "advertisement with moved options": _near() / ICMPv6ND_NA(tgt=LINK) / _nonce() / _to(OTHER_MAC),
        "advertisement with two options": _near() / ICMPv6ND_NA(tgt=LINK) / _to(MAC) / _to(OTHER_MAC),
        "advertisement behind options": _near() / IPv6ExtHdrDestOpt() / ICMPv6ND_NA(tgt=LINK) / _to(MAC),
        "advertisement from afar": _ipv6(hlim=254) / ICMPv6ND_NA(tgt=LINK) / _to(MAC),
        "advertisement of nobody": _near(src="::") / ICMPv6ND_NA(tgt=LINK) / _to(MAC),
        "solicitation with another's MAC": _ns("fe80::1") / ICMPv6NDOptSrcLLAddr(lladdr=OTHER_MAC),
        "advertisement of the network next to its own": _near() / ICMPv6ND_NA(tgt="2001:db8:7:1::") / _to(MAC),
        "address probe for another's": _ns(OTHER_LINK, "::"),
        "address probe for another's, with nonce": _ns("2001:db8:6::1", "::") / _nonce(),
        "address probe with a MAC": _ns(LINK, "::") / ICMPv6NDOptSrcLLAddr(lladdr=OTHER_MAC),
    }  # fmt: skip


def sent(kinds: dict[str, Any]) -> Frames:
    """Return frames as they are sent: none is shorter than Ethernet allows."""
    return {
        what: [bytes(frame).ljust(60, b"\0").hex() for frame in (some if isinstance(some, list) else [some])]
        for what, some in kinds.items()
    }
