"""A bridge that makes new guests wait.

What: A bridge runs the spanning tree protocol with a forward delay of two seconds or more.

Why: A guest's card that joins the bridge is shut out for twice that time, half a minute by default: the guest boots
without a network, gets no DHCP address and mounts nothing over it. There are no loops between guests' cards.

Example::

    brctl showstp xenbr0    # forward delay 15.00

Fix: `ip link set xenbr0 type bridge stp_state 0 forward_delay 0`; in /etc/network/interfaces: `bridge_stp off` and
`bridge_fd 0`. Where loops are possible on the physical side, keep STP with rapid switches and `bridge_fd 0`.

Source: Linux, Documentation/networking/bridge.rst; bridge-utils-interfaces(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host

LONG_S = 2


def check(host: HostSettings) -> Iterator[Found]:
    """Look at the bridges."""
    for bridge in host.bridges or ():
        if bridge.stp and bridge.forward_delay_s >= LONG_S:
            wait = 2 * bridge.forward_delay_s
            yield on_host(
                f"bridge {bridge.name}", f"A guest that joins {bridge.name} waits {wait:g} s for its network."
            )


RULE = HostRule("HST014", Severity.WARNING, check)
