"""Nothing to boot from.

What: A PV or PVH guest has neither `kernel` nor `bootloader` nor `firmware`; or it has `kernel` and `firmware`.

Why: xl refuses it: "Neither kernel nor bootloader specified", or "both kernel and firmware specified".

Example::

    name = "web"
    type = "pvh"

Instead::

    name = "web"
    type = "pvh"
    kernel = "/boot/vmlinuz"

Fix: Say what it boots: a kernel of Domain-0, or a boot loader.

Source: xl.cfg(5), Direct Kernel Boot; tools/xl/xl_parse.c.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find guests that cannot boot."""
    if guest.type == "hvm":
        return
    given = [name for name in ("kernel", "bootloader", "firmware") if guest.text(name) is not None]
    if not given:
        yield guest.found("type", f"A {guest.type.upper()} guest needs kernel, bootloader or firmware; xl refuses it.")
    elif "kernel" in given and "firmware" in given:
        yield guest.found("firmware", "kernel and firmware exclude each other; xl refuses the file.")


RULE = GuestRule("GST010", Severity.ERROR, check)
