"""A clock that traps at every look.

What: `tsc_mode` is `always_emulate` (1).

Why: Every reading of the processor's time stamp counter then goes to Xen: some microseconds instead of nanoseconds, and
databases and tracing read it thousands of times a second.

Example::

    name = "web"
    tsc_mode = "always_emulate"

Instead::

    name = "web"
    tsc_mode = "default"

Fix: Write `tsc_mode = "default"`, which emulates only after a migration to a processor of another speed. Nothing is
changed by `--fix`: a guest may be there that needs it.

Source: xen-tscmode(7).
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find emulated clocks."""
    if guest.text("tsc_mode") == "always_emulate" or guest.number("tsc_mode") == 1:
        yield guest.found("tsc_mode", "Every look at the clock goes to Xen.")


RULE = GuestRule("DEV009", Severity.WARNING, check)
