"""Hardware handed to a guest without a device.

What: The file sets `ioports`, `iomem` or `irqs`.

Why: The guest then reaches the machine's own ports, memory and interrupts. No IOMMU is between them: what it can do to
the host depends on what listens there.

Example::

    name = "web"
    ioports = ["2f8-2ff"]

Instead::

    name = "web"
    serial = ["pty"]
    type = "hvm"

Fix: Pass a whole PCI device through instead, on a machine with an IOMMU, or only to guests of your own.

Source: xl.cfg(5), `ioports`, `iomem`, `irqs`: "only use this option for trusted VMs under administrator's control".
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find raw hardware."""
    for name in ("ioports", "iomem", "irqs"):
        if guest.strings(name):
            yield guest.found(name, f"{name} hands the machine's own hardware to the guest.")


RULE = GuestRule("DEV007", Severity.WARNING, check)
