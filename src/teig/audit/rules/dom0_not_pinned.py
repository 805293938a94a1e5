"""Domain-0 runs anywhere.

What: Domain-0's vCPUs are not pinned, on a host of eight processors or more where no teig-keeper runs: that gives
Domain-0 a cpupool of its own, which does more.

Why: It moves from core to core, away from its caches and, on machines with several sockets, from its memory; and its
work is never where no guest is. With a weight that is high enough this is only a matter of speed.

Example::

    xl vcpu-list Domain-0    # affinity: all / all

Fix: `dom0_max_vcpus=2 dom0_vcpus_pin` on Xen's command line, and `cpus = "2-15"` in the guests' files, or in
/etc/xen/xl.conf: `vm.cpumask="2-15"`. Or a cpupool for the guests: `xl cpupool-cpu-remove`, `xl cpupool-create`, and
`pool=` in their files.

Source: Xen command line reference, `dom0_vcpus_pin`; xl.conf(5), `vm.cpumask`; xl(1), CPUPOOLS.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host

MANY_CORES = 8


def check(host: HostSettings) -> Iterator[Found]:
    """Look at Domain-0's affinity."""
    if host.dom0_pinned is False and not host.dom0_kept and (host.cores or 0) >= MANY_CORES:
        yield on_host("xl vcpu-list", "Domain-0's vCPUs are not pinned to processors of their own.")


RULE = HostRule("HST005", Severity.NOTE, check)
