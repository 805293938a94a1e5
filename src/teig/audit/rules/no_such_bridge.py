"""A bridge that the host has not got.

What: A card's `bridge` is none of the host's bridges. Without `bridge`, xl takes xenbr0.

Why: The guest does not start: the script that joins its card to the bridge fails.

Example::

    name = "web"
    vif = ["mac=00:16:3e:12:34:56, bridge=nowhere0"]

Instead::

    name = "web"
    vif = ["mac=00:16:3e:12:34:56, bridge=xenbr0"]

Fix: Correct the name, or make the bridge. Open vSwitch and routed cards, whose `script` is another one, are not looked
at.

Source: xl-network-configuration(5), `bridge`; /sys/class/net of the host.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule

DEFAULT = "xenbr0"


def check(guest: Guest, host: HostSettings | None) -> Iterator[Found]:
    """Look for the bridges."""
    if host is None or host.bridges is None:
        return
    there = {bridge.name for bridge in host.bridges}
    for item in guest.vifs:
        given = item.value.given
        bridge = given.get("bridge", DEFAULT)
        bridged = given.get("script", "vif-bridge").endswith("vif-bridge") and "backend" not in given
        if bridged and bridge not in there:
            where = item.where("bridge")
            yield guest.found(where, f"The host has no bridge {bridge}; it has {', '.join(sorted(there)) or 'none'}.")


RULE = GuestRule("NET006", Severity.ERROR, check)
