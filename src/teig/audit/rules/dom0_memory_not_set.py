"""Domain-0's memory is not set.

What: The running Xen's command line has no `dom0_mem`.

Why: Domain-0 then starts with all of the machine's memory and page tables for all of it, and gives it away guest by
guest. Its kernel sized its caches for memory that is gone; under load it has too little, and everything that it does
for the guests stalls.

Example::

    GRUB_CMDLINE_XEN="loglvl=warning"

Fix: In /etc/default/grub: `GRUB_CMDLINE_XEN="dom0_mem=2G,max:2G"`, then `update-grub` and a reboot. 1 GiB and 1/64 of
the machine's memory is a start.

Source: Xen command line reference, `dom0_mem`; Xen wiki, Xen Project best practices.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host


def check(host: HostSettings) -> Iterator[Found]:
    """Look at Xen's command line."""
    if host.xen_command_line is not None and host.xen_option("dom0_mem") is None:
        later = " It is there for the next boot." if "dom0_mem=" in (host.boot_options or "") else ""
        yield on_host("/etc/default/grub", f"Xen runs without dom0_mem: Domain-0's memory is what is left.{later}")


RULE = HostRule("HST001", Severity.WARNING, check)
