"""More vCPUs than the host has cores.

What: `vcpus` or `maxvcpus` is larger than the number of processors that Xen has.

Why: Some vCPUs must always wait while others run. A guest kernel that holds a lock on one that waits spins on all
others: it gets slower with every vCPU above what is there, and its neighbours with it.

Example::

    name = "web"
    vcpus = 512

Instead::

    name = "web"
    vcpus = 1

Fix: Give the guest at most as many vCPUs as `xl info` shows in `nr_cpus`, better fewer than that by Domain-0's. Nothing
is changed by `--fix`: the guest sees fewer processors at its next start.

Source: xl info, `nr_cpus`; xl-numa-placement(7).
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, host: HostSettings | None) -> Iterator[Found]:
    """Compare vCPUs with the host's processors."""
    if host is not None and host.cores and guest.vcpus > host.cores:
        name = "maxvcpus" if guest.has("maxvcpus") else "vcpus"
        yield guest.found(name, f"The guest has {guest.vcpus} vCPUs, and the host has {host.cores} processors.")


RULE = GuestRule("CPU003", Severity.WARNING, check)
