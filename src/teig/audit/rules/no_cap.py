"""A guest without a cap.

What: The file does not set `cap`.

Why: While others idle the guest gets all of its vCPUs, and its owner gets used to that. When the host fills up it is
only left its share, and calls that a fault. A cap makes what a guest gets the same on good days and bad; `cap = 0`
says in so many words that there is none.

Example::

    name = "web"
    vcpus = 4

Instead::

    name = "web"
    vcpus = 4
    cap = 200

Fix: Set `cap` to the percentage of one core that the guest may use at most, 200 for two cores, or to 0 if it may use
all. Nothing is changed by `--fix`.

Source: xl.cfg(5), `cap`: "The default, 0, means there is no cap."
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find guests without a cap."""
    if guest.number("cap") is None:
        yield guest.found("vcpus", "The guest has no cap: it may use all of its vCPUs for as long as others idle.")


RULE = GuestRule("CPU002", Severity.NOTE, check)
