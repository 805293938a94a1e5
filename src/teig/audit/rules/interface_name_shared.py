"""An interface name in two files.

What: Two cards have the same `vifname`.

Why: The host can have one interface of a name. The guest that starts second does not start.

Example::

    # /etc/xen/a.cfg
    name = "a"
    vif = ["mac=00:16:3e:00:00:01, vifname=web0"]
    # /etc/xen/b.cfg
    name = "b"
    vif = ["mac=00:16:3e:00:00:02, vifname=web0"]

Instead::

    # /etc/xen/a.cfg
    name = "a"
    vif = ["mac=00:16:3e:00:00:01, vifname=a0"]
    # /etc/xen/b.cfg
    name = "b"
    vif = ["mac=00:16:3e:00:00:02, vifname=b0"]

Fix: Give each card its own name, at most 15 characters, or none.

Source: xl-network-configuration(5), `vifname`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestsRule


def check(guests: Sequence[Guest], _: HostSettings | None) -> Iterator[Found]:
    """Find names that are there twice."""
    seen: dict[str, Guest] = {}
    for guest in guests:
        for item in guest.vifs:
            name = item.value.given.get("vifname")
            if name in seen:
                other = seen[name]
                who = "another card of this guest" if other is guest else other.file
                yield guest.found(item.where("vifname"), f"The interface name {name} is that of {who} too.")
            elif name:
                seen[name] = guest


RULE = GuestsRule("NET009", Severity.ERROR, check)
