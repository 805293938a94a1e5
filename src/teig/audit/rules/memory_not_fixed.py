"""A guest whose memory can be taken away.

What: `maxmem` is larger than `memory`.

Why: The guest starts with `memory` and a balloon driver that holds the rest. Its memory can then be moved up and down
from outside. What it gets depends on the neighbours; the kernel pays for page tables of memory that it never has;
and an HVM guest whose driver comes up late crashes at boot. For a guest that was sold a size, the two are equal.

Example::

    name = "web"
    memory = 512
    maxmem = 2048

Instead::

    name = "web"
    memory = 512
    maxmem = 512

Fix: `--fix` sets `maxmem` to `memory`, so that the guest starts with what it starts with today and keeps it. To give it
more for good, raise both.

Source: xl.cfg(5), `maxmem`: "it will start the guest pre-ballooned, if the values of memory= and maxmem= differ".
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule
from teig.xen.config_edit import replace


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find guests that start ballooned."""
    memory, most = guest.number("memory"), guest.number("maxmem")
    if memory is None or most is None or most <= memory:
        return
    text = f"The guest has {memory} MiB and a balloon up to {most} MiB: its memory is not its own. Make the two equal."
    yield guest.found("maxmem", text, replace(guest.config.settings["maxmem"].value, str(memory)))


RULE = GuestRule("MEM001", Severity.WARNING, check)
