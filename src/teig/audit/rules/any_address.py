"""A network card that may use any address.

What: A `vif` does not set `ip`.

Why: With `ip`, Xen's scripts let only packets of that address through, where the host's netfilter is set up for it;
Debian's and Teig's do nothing with it, but whoever writes a filter has the address there. Without it nobody stops a
guest from answering for its neighbour's address, or for the gateway's.

Example::

    name = "web"
    vif = ["mac=00:16:3e:12:34:56, bridge=xenbr0, rate=100Mb/s"]

Instead::

    name = "web"
    vif = ["mac=00:16:3e:12:34:56, bridge=xenbr0, rate=100Mb/s, ip=192.0.2.10"]

Fix: Add `ip=`, and make sure that something holds the guest to it: Xen's scripts on older hosts, an nftables table of
family bridge on newer ones.

Source: xl-network-configuration(5), `ip`; /etc/xen/scripts/vif-common.sh.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find cards without an address of their own."""
    for item in guest.vifs:
        if "ip" not in item.value.given:
            yield guest.found(item.atom.span, "The network card has no ip: nothing says which address is the guest's.")


RULE = GuestRule("NET008", Severity.NOTE, check)
