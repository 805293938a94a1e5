"""A device that xl cannot read.

What: A string of `disk`, `vif`, `pci`, `vfb` or another list of devices is not what xl understands there.

Why: For disks, PCI devices and most others xl refuses the file. For network cards it prints the part that it does not
know and goes on without it: a mistyped `rate` is a card without a limit.

Example::

    name = "web"
    disk = ["/dev/vg0/web,xvda,w"]

Instead::

    name = "web"
    disk = ["format=raw, vdev=xvda, access=rw, target=/dev/vg0/web"]

Fix: The finding says which part is not understood and what can stand there.

Source: xl-disk-configuration(5), xl-network-configuration(5), xl-pci-configuration(5), xl.cfg(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find strings that are no devices."""
    for problem, atom in guest.bad_devices():
        yield guest.found(atom.inner(problem.span.start, problem.span.end), str(problem))


RULE = GuestRule("CFG008", Severity.ERROR, check)
