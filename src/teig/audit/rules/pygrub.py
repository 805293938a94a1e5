"""pygrub reads the guest's disk in Domain-0.

What: The boot loader is pygrub.

Why: At every start a program that runs as root in Domain-0 parses the guest's file system, whose every byte the guest
can choose. A hole in it is the whole host, and there were some (XSA-443). For guests whose owners are not you, the
kernel comes from Domain-0, or from a boot loader that runs inside the guest.

Example::

    name = "web"
    bootloader = "pygrub"

Instead::

    name = "web"
    type = "pvh"
    kernel = "/usr/lib/grub-xen/grub-i386-xen_pvh.bin"

Fix: For PVH use grub-i386-xen_pvh.bin as the kernel, for PV grub-x86_64-xen.bin (Debian: grub-xen-host), or `firmware
= "pvgrub64"`; they read the guest's own grub.cfg. Or boot a kernel of yours with `kernel` and `ramdisk`. Nothing is
changed by `--fix`: it depends on what the guest's disk has.

Source: xl.cfg(5), `bootloader` and `firmware`; Xen security advisory XSA-443.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find pygrub."""
    if (guest.text("bootloader") or "").rpartition("/")[2] == "pygrub":
        yield guest.found(
            "bootloader", "pygrub parses the guest's own file system as root in Domain-0, at every start."
        )


RULE = GuestRule("GST006", Severity.WARNING, check)
