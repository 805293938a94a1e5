"""More memory than the host has.

What: The memory of all files together is more than the host has beside Domain-0.

Why: They never all run at once: after a reboot of the host, the last ones do not start, and it is not said which. Where
Domain-0 is ballooned to make room, everything that it does for the guests, disk and network, slows down first.

Example::

    # /etc/xen/a.cfg
    name = "a"
    memory = 900000
    # /etc/xen/b.cfg
    name = "b"
    memory = 900000

Instead::

    # /etc/xen/a.cfg
    name = "a"
    memory = 256

Fix: Move a guest to another host, or make one smaller. Files of guests that are not meant to run here belong into
another directory.

Source: xl info, `total_memory`; a guest takes its `maxmem` and about 1 % more for page tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestsRule


def check(guests: Sequence[Guest], host: HostSettings | None) -> Iterator[Found]:
    """Add up all memory."""
    if host is None or host.memory_mib is None:
        return
    room = host.memory_mib - (host.dom0_memory_mib or 0)
    wanted = sum(guest.memory_mib or 0 for guest in guests)
    largest = max(guests, key=lambda guest: guest.memory_mib or 0, default=None)
    if wanted > room and largest is not None:
        text = f"The guests of all files want {wanted} MiB together, and the host has {room} MiB for guests."
        yield largest.found("maxmem" if largest.has("maxmem") else "memory", text)


RULE = GuestsRule("MEM004", Severity.ERROR, check)
