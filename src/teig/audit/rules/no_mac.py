"""A network card without a MAC address.

What: A `vif` does not set `mac`.

Why: xl makes up another one at every start. The guest's system then finds a new card (eth1 instead of eth0), DHCP gives
another address, and switches and firewalls that know the old one let nothing through.

Example::

    name = "web"
    vif = ["bridge=xenbr0"]

Instead::

    name = "web"
    vif = ["mac=00:16:3e:12:34:56, bridge=xenbr0"]

Fix: Add `mac=`, for a guest that runs the one that `xl network-list NAME` shows. Nothing is changed by `--fix`: an
address must be unique in the whole network, which no file knows.

Source: xl-network-configuration(5), `mac`: "The default ... is to automatically generate a MAC address".
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find cards without an address."""
    for item in guest.vifs:
        if "mac" not in item.value.where:
            yield guest.found(item.atom.span, "The network card has no mac: it gets another one at every start.")


RULE = GuestRule("NET005", Severity.WARNING, check)
