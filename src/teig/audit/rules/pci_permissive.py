"""A PCI device that may be written to without limits.

What: A device is passed through with `permissive=1`, or `pci_permissive` is set.

Why: The guest may then write to all of the device's configuration space, and with some devices reach more than the
device: its firmware, the bus. It is for guests that you trust as you trust Domain-0.

Example::

    name = "web"
    pci = ["03:00.0,permissive=1"]

Instead::

    name = "web"
    pci = ["03:00.0"]

Fix: Remove it and see whether the device works; many do. Nothing is changed by `--fix`.

Source: xl-pci-configuration(5), `permissive`.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find permissive devices."""
    for where in guest.pci_option("permissive"):
        yield guest.found(where, "The guest may write to all of a device's configuration space.")


RULE = GuestRule("DEV002", Severity.WARNING, check)
