"""The processor's protections are switched off.

What: The running Xen's command line has `spec-ctrl=no` or `xpti=no` (or 0, off, false).

Why: One guest can then read what others have in memory, passwords and keys, through the processor's own caches
(Spectre, Meltdown, MDS and their kin). On a host with guests of several owners, that is everything.

Example::

    GRUB_CMDLINE_XEN="spec-ctrl=no"

Fix: Remove the option, `update-grub`, reboot. If the speed is needed, use hosts with one owner each.

Source: Xen command line reference, `spec-ctrl`, `xpti`; XSA-254, XSA-297.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host

_OFF: Final = {"no", "0", "off", "false", "disable"}


def check(host: HostSettings) -> Iterator[Found]:
    """Look at Xen's command line."""
    words = (host.xen_command_line or "").split()
    for name in ("spec-ctrl", "xpti"):
        value = host.xen_option(name)
        if (value is not None and value.split(",")[0] in _OFF) or f"no-{name}" in words:
            yield on_host("/etc/default/grub", f"Xen runs with {name} off: guests can read each other's memory.")


RULE = HostRule("HST019", Severity.ERROR, check)
