"""A type that the host cannot run.

What: An HVM or PVH guest on a host whose Xen can run PV guests only.

Why: The guest does not start: the processor has no VT-x or SVM, or the firmware has it switched off, or Xen was built
without it.

Example::

    name = "web"
    type = "pvh"
    kernel = "/boot/vmlinuz"

Instead::

    name = "web"
    type = "pv"
    kernel = "/boot/vmlinuz"

Fix: Switch virtualisation on in the firmware, or make it a PV guest. Nothing is changed by `--fix`.

Source: xl info, `virt_caps`: hvm is not among them.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, host: HostSettings | None) -> Iterator[Found]:
    """Compare the type with what Xen can run there."""
    if host is not None and host.guest_types == ("pv",) and guest.type != "pv":
        where = "type" if guest.has("type") else "builder"
        yield guest.found(where, f"The host runs PV guests only, and this one is {guest.type.upper()}.")


RULE = GuestRule("GST014", Severity.ERROR, check)
