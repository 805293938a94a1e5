"""A guest that may run a hypervisor of its own.

What: `nestedhvm` is on.

Why: Xen's support for it is experimental and not covered by security support: who is root in the guest may crash the
host.

Example::

    name = "web"
    type = "hvm"
    nestedhvm = 1

Instead::

    name = "web"
    type = "hvm"

Fix: Remove the line, unless the guest is yours and the host is for experiments.

Source: SUPPORT.md of Xen, Nested HVM: "Status, x86 HVM: Experimental".
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find nested virtualisation."""
    if guest.number("nestedhvm"):
        yield guest.found("nestedhvm", "Nested HVM is experimental and has no security support.")


RULE = GuestRule("DEV006", Severity.WARNING, check)
