"""Domain-0 has a vCPU for every processor.

What: The running Xen's command line has no `dom0_max_vcpus`, and Domain-0 has as many vCPUs as there are processors,
more than two.

Why: Its interrupt and disk work is spread over vCPUs that all compete with guests, and locks in its kernel are held by
vCPUs that do not run. A few that are there when needed do more.

Example::

    GRUB_CMDLINE_XEN="dom0_mem=2G,max:2G"

Fix: `dom0_max_vcpus=2` (or 4 on large hosts) on Xen's command line.

Source: Xen command line reference, `dom0_max_vcpus`; Xen wiki, Xen Project best practices.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host


def check(host: HostSettings) -> Iterator[Found]:
    """Look at Domain-0's vCPUs."""
    vcpus, cores = host.dom0_vcpus, host.cores
    if vcpus is None or cores is None or host.xen_option("dom0_max_vcpus") is not None:
        return
    if vcpus > 2 and vcpus >= cores:
        yield on_host("/etc/default/grub", f"Domain-0 has {vcpus} vCPUs, one for each processor; set dom0_max_vcpus.")


RULE = HostRule("HST004", Severity.WARNING, check)
