"""An emulated USB controller.

What: An HVM guest has `usb = 1`, `usbdevice` or `usbversion`.

Why: QEMU plays the controller's frame timer a thousand times a second for as long as the guest's driver polls it: some
percent of a core of Domain-0 for each idle guest, mostly for a mouse pointer nobody looks at.

Example::

    name = "web"
    type = "hvm"
    usb = 1
    usbdevice = ["tablet"]

Instead::

    name = "web"
    type = "hvm"

Fix: Remove it for guests that are used over the network; Linux has a paravirtual keyboard and mouse.

Source: xl.cfg(5), `usb`, `usbdevice`; measured by many, for example Xen wiki, Tuning Xen for performance.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find emulated controllers."""
    if guest.type != "hvm":
        return
    for name in ("usb", "usbversion", "usbdevice"):
        given = guest.number(name) if name != "usbdevice" else guest.has(name)
        if given:
            yield guest.found(name, "QEMU plays a USB controller, at the cost of some processor time even when idle.")
            return


RULE = GuestRule("DEV011", Severity.NOTE, check)
