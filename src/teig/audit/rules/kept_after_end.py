"""A guest that is kept after its end.

What: `on_poweroff`, `on_reboot` or `on_watchdog` is `preserve`, or `on_crash` is.

Why: The dead guest keeps all of its memory and its disks until somebody destroys it by hand. It does not come back,
and after a few of them the host has no memory left for others.

Example::

    name = "web"
    on_crash = "preserve"

Instead::

    name = "web"
    on_crash = "coredump-restart"

Fix: For a look at a crash, `coredump-restart` keeps its memory as a file in /var/lib/xen/dump and starts the guest
again.

Source: xl.cfg(5), Event Actions, `preserve`.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find guests that are preserved."""
    for name in ("on_poweroff", "on_reboot", "on_watchdog", "on_crash"):
        if guest.text(name) == "preserve":
            yield guest.found(name, f"{name} preserves the dead guest: its memory stays taken until somebody looks.")


RULE = GuestRule("GST011", Severity.WARNING, check)
