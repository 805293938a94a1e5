"""A multicast address as a card's MAC address.

What: The lowest bit of a MAC address's first byte is set.

Why: Such an address stands for a group. Bridges do not learn it and send the guest's packets to all ports, or drop
them; many guests' drivers refuse it.

Example::

    name = "web"
    vif = ["mac=01:16:3e:12:34:56, bridge=xenbr0"]

Instead::

    name = "web"
    vif = ["mac=00:16:3e:12:34:56, bridge=xenbr0"]

Fix: Make the first byte even, for example by taking an address from 00:16:3e.

Source: IEEE 802, the individual/group bit; xl-network-configuration(5), `mac`.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find addresses of groups."""
    for item in guest.vifs:
        if item.value.mac and int(item.value.mac[:2], 16) & 1:
            yield guest.found(item.where("mac"), f"{item.value.mac} is a multicast address: no card can have it.")


RULE = GuestRule("NET003", Severity.ERROR, check)
