"""A MAC address that belongs to somebody else.

What: A card's MAC address is neither in Xen's range (00:16:3e) nor locally administered.

Why: All other addresses were given to makers of hardware. One of theirs may stand in the same rack one day, and then
two machines have one address, which is found last of all things.

Example::

    name = "web"
    vif = ["mac=00:1a:4b:12:34:56, bridge=xenbr0"]

Instead::

    name = "web"
    vif = ["mac=00:16:3e:12:34:56, bridge=xenbr0"]

Fix: Take an address from 00:16:3e, or one whose first byte ends in 2, 6, a or e. If the range is your organization's
own, say so with `# teig: ignore NET002`. Nothing is changed by `--fix`: a guest knows its cards by their addresses.

Source: xl-network-configuration(5), `mac`.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find addresses of makers."""
    for item in guest.vifs:
        mac = item.value.mac
        if mac and not mac.startswith("00:16:3e") and not int(mac[:2], 16) & 0b11:
            yield guest.found(item.where("mac"), f"{mac} is in a hardware maker's range, not Xen's or a local one.")


RULE = GuestRule("NET002", Severity.WARNING, check)
