"""HVM where PVH or PV would do.

What: An HVM guest boots a kernel from Domain-0 directly, with `kernel` and no firmware.

Why: A kernel that can be started like that is a Linux, and starts as PVH or PV as well. As HVM it has a whole emulated
PC from QEMU beside it: some hundred megabytes of Domain-0's memory, slower boots, and the code in which most holes
between guest and host were found.

Example::

    name = "web"
    type = "hvm"
    kernel = "/boot/vmlinuz"

Instead::

    name = "web"
    type = "pvh"
    kernel = "/boot/vmlinuz"

Fix: Write `type = "pvh"` (Linux 4.11 and later, a processor with VT-x or SVM) or `type = "pv"`. Nothing is changed by
`--fix`: disks may have other names in the guest then.

Source: xl.cfg(5), Selecting Guest Type, Direct Kernel Boot.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find HVM guests with a kernel of their own."""
    kernel = guest.text("kernel")
    if guest.type == "hvm" and kernel and not kernel.endswith("hvmloader"):
        where = "type" if guest.has("type") else "builder"
        yield guest.found(where, f"An HVM guest that boots {kernel:.80} directly can be PVH or PV.")


RULE = GuestRule("GST004", Severity.WARNING, check)
