"""The device model of 2010.

What: `device_model_version` is `qemu-xen-traditional`.

Why: That is a QEMU 0.10 with Xen's patches. It gets security fixes only where it runs in a stub domain, most
distributions do not ship it, and it cannot do what later guests expect (AHCI, UEFI, USB 3).

Example::

    name = "web"
    type = "hvm"
    device_model_version = "qemu-xen-traditional"

Instead::

    name = "web"
    type = "hvm"
    device_model_version = "qemu-xen"

Fix: Remove the line. Nothing is changed by `--fix`: the guest sees other hardware then, and Windows may want to be
activated again.

Source: xl.cfg(5), `device_model_version`; SUPPORT.md of Xen, qemu-xen-traditional.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find the old device model."""
    if guest.text("device_model_version") == "qemu-xen-traditional":
        yield guest.found("device_model_version", "qemu-xen-traditional is a QEMU of 2010.")


RULE = GuestRule("DEV004", Severity.WARNING, check)
