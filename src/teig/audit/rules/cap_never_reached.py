"""A cap that the guest can never reach.

What: `cap` is more than 100 for each vCPU.

Why: A guest cannot use more than its vCPUs, so such a cap is none. Mostly `vcpus` was lowered and the cap forgotten, or
percent of the whole host were meant; Xen counts percent of one core.

Example::

    name = "web"
    vcpus = 1
    cap = 200

Instead::

    name = "web"
    vcpus = 1
    cap = 50

Fix: Set the cap to what the guest may use of one core, in percent, or to 0 for no cap.

Source: xl.cfg(5), `cap`: "expressed as a percentage of one physical CPU".
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Compare the cap with the vCPUs."""
    cap = guest.number("cap") or 0
    if cap > 100 * guest.vcpus:
        text = f"A cap of {cap} % of one core is never reached with {guest.vcpus} vCPUs: it limits nothing."
        yield guest.found("cap", text)


RULE = GuestRule("CPU004", Severity.WARNING, check)
