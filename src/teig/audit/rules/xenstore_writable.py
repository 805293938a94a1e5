"""A guest that may write where its devices are described.

What: `xend_suspend_evtchn_compat` is on.

Why: It makes all of the guest's device entries in xenstore writable by the guest, as xend did, for old Windows drivers
of Red Hat. Back ends and scripts in Domain-0 read them.

Example::

    name = "web"
    xend_suspend_evtchn_compat = 1

Instead::

    name = "web"
    type = "pv"

Fix: Remove the line and bring the guest's drivers up to date.

Source: xl.cfg(5), `xend_suspend_evtchn_compat`.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find it."""
    if guest.number("xend_suspend_evtchn_compat"):
        yield guest.found("xend_suspend_evtchn_compat", "The guest may write to its device entries in xenstore.")


RULE = GuestRule("DEV008", Severity.WARNING, check)
