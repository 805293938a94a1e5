"""A MAC address in two files.

What: Two cards have the same MAC address.

Why: The bridge sends packets for both to whoever spoke last. Both guests' connections break every few seconds, and
neither sees why. It is what happens when a configuration file is copied.

Example::

    # /etc/xen/a.cfg
    name = "a"
    vif = ["mac=00:16:3e:00:00:01, bridge=xenbr0"]
    # /etc/xen/b.cfg
    name = "b"
    vif = ["mac=00:16:3e:00:00:01, bridge=xenbr0"]

Instead::

    # /etc/xen/a.cfg
    name = "a"
    vif = ["mac=00:16:3e:00:00:01, bridge=xenbr0"]
    # /etc/xen/b.cfg
    name = "b"
    vif = ["mac=00:16:3e:00:00:02, bridge=xenbr0"]

Fix: Give one of them another address, and tell the guest if its network set-up knows the card by it.

Source: IEEE 802; xl-network-configuration(5), `mac`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestsRule


def check(guests: Sequence[Guest], _: HostSettings | None) -> Iterator[Found]:
    """Find addresses that are there twice."""
    seen: dict[str, Guest] = {}
    for guest in guests:
        own = Counter(item.value.mac for item in guest.vifs)
        for item in guest.vifs:
            mac = item.value.mac
            other = seen.setdefault(mac, guest) if mac else guest
            if mac and (other is not guest or own[mac] > 1):
                who = "another card of this guest" if other is guest else other.file
                yield guest.found(item.where("mac"), f"{mac} is the address of {who} too.")


RULE = GuestsRule("NET004", Severity.ERROR, check)
