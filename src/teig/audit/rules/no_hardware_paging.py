"""An HVM guest without hardware paging.

What: `hap` is 0.

Why: Xen then keeps shadow page tables, by catching every change that the guest makes to its own: several times the
processor time for everything that starts processes. All processors since 2009 can do it themselves.

Example::

    name = "web"
    type = "hvm"
    hap = 0

Instead::

    name = "web"
    type = "hvm"

Fix: Remove the line. Nothing is changed by `--fix`: on a processor without EPT or RVI it changes nothing, and some
old guests wanted it.

Source: xl.cfg(5), `hap`.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find shadow paging."""
    if guest.type != "pv" and guest.number("hap") == 0:
        yield guest.found("hap", "Without hardware paging the guest works with shadow page tables.")


RULE = GuestRule("DEV010", Severity.WARNING, check)
