"""A network card without a rate.

What: A `vif` does not set `rate`.

Why: The guest may send as fast as Domain-0 can carry it. One that is broken into, or only backs itself up, fills the
host's uplink and all of Domain-0's processor time, and every other guest loses packets.

Example::

    name = "web"
    vif = ["mac=00:16:3e:00:00:01, bridge=xenbr0, ip=192.0.2.10"]

Instead::

    name = "web"
    vif = ["mac=00:16:3e:00:00:01, bridge=xenbr0, ip=192.0.2.10, rate=100Mb/s"]

Fix: Add `rate=` (Mb is bits, MB is bytes). It limits what the guest sends; what it receives must be limited on its vif
in Domain-0, with tc. Nothing is changed by `--fix`: what the guest was sold is not in the file.

Source: xl-network-configuration(5), `rate`: "The default if this keyword is not specified is unlimited."
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find cards without a rate."""
    for item in guest.vifs:
        if "rate" not in item.value.where:
            yield guest.found(item.atom.span, "The network card has no rate: the guest may fill the host's uplink.")


RULE = GuestRule("NET001", Severity.WARNING, check)
