"""maxmem below memory.

What: `maxmem` is smaller than `memory`.

Why: Xen lets the guest have `maxmem` and no more, so building it fails when that is used up: "out of memory" on a host
that has plenty.

Example::

    name = "web"
    memory = 1024
    maxmem = 512

Instead::

    name = "web"
    memory = 1024
    maxmem = 1024

Fix: Set both to what the guest is to have. Nothing is changed by `--fix`: it is not known which of the two is meant.

Source: xl.cfg(5), `maxmem`: "must be equal to or greater than that of memory=".
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find bounds below what is asked for."""
    memory, most = guest.number("memory"), guest.number("maxmem")
    if memory is not None and most is not None and 0 < most < memory:
        yield guest.found(
            "maxmem", f"maxmem is {most} MiB, less than the {memory} MiB of memory: the guest cannot start."
        )


RULE = GuestRule("MEM003", Severity.ERROR, check)
