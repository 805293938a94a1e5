"""A PCI device that is taken from Domain-0 without asking.

What: A device is passed through with `seize=1`, or `pci_seize` is set.

Why: xl then takes the device from whatever driver has it. Buses are numbered anew when hardware is added, and then the
guest's start takes the disk controller or the network card that Domain-0 lives on.

Example::

    name = "web"
    pci = ["03:00.0,seize=1"]

Instead::

    name = "web"
    pci = ["03:00.0"]

Fix: Make the device assignable at boot: `xen-pciback.hide=(03:00.0)` on Linux' command line, or
`xl pci-assignable-add` in a unit of your own. Nothing is changed by `--fix`.

Source: xl-pci-configuration(5), `seize`: "xl will gladly re-assign a critical system device".
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find devices that are seized."""
    for where in guest.pci_option("seize"):
        yield guest.found(where, "xl takes the device from Domain-0 without asking, whatever it is.")


RULE = GuestRule("DEV003", Severity.WARNING, check)
