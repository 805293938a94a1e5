"""Domain-0's memory has no upper bound.

What: `dom0_mem` is on the command line without `max:`.

Why: Domain-0's kernel then makes page tables and caches for all of the machine's memory, of which it will never see
most, out of the little that it has.

Example::

    GRUB_CMDLINE_XEN="dom0_mem=2G"

Fix: `dom0_mem=2G,max:2G`, both the same, then `update-grub` and a reboot.

Source: Xen command line reference, `dom0_mem`: max "is the maximum amount of memory".
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host


def check(host: HostSettings) -> Iterator[Found]:
    """Look at dom0_mem."""
    words = [word for word in (host.xen_command_line or "").split() if word.startswith("dom0_mem=")]
    if words and not any("max:" in word for word in words):
        yield on_host("/etc/default/grub", f"{words[-1]:.60} has no max: Domain-0 is laid out for all of the memory.")


RULE = HostRule("HST002", Severity.WARNING, check)
