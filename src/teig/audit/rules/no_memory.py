"""A guest without memory.

What: The file sets neither `memory` nor `maxmem` to a number above 0.

Why: libxl then gives the guest a few megabytes, in which no kernel of today starts.

Example::

    name = "web"
    vcpus = 2

Instead::

    name = "web"
    vcpus = 2
    memory = 512

Fix: Add `memory = MIB`.

Source: tools/libs/light/libxl_create.c, libxl__domain_build_info_setdefault: 32 MiB where nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find guests without memory."""
    if (guest.number("memory") or 0) <= 0 and (guest.memory_mib or 0) <= 0 and not guest.has("vnuma"):
        yield guest.found("memory", "The guest has no memory of its own: set memory, in MiB.")


RULE = GuestRule("MEM002", Severity.ERROR, check)
