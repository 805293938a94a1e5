"""Cores of a guest's own: a cpupool with a CPU for each of its vCPUs, where no other domain is scheduled.

See xl(1), CPUPOOLS. The pool is made before the guest's start and its CPUs go back to Pool-0, where Domain-0 and all
other guests are, when it has stopped. A pool has the host's own scheduler, so weight and cap mean the same in it.
"""

from __future__ import annotations

from teig.agent.contract.failure import host_fault
from teig.agent.contract.spec import Spec
from teig.agent.host.process import must
from teig.agent.xen.hypervisor import Domain, Hypervisor, Pool

POOL_0 = "Pool-0"


def pool_name(guest: str) -> str:
    """Return the name of the pool of a guest."""
    return f"teig-{guest}"


def give(xen: Hypervisor, spec: Spec) -> None:
    """Make a guest's pool as its plan says, anew where it is not; none for a guest that shares its host's cores."""
    there = _pool(xen, spec.id)
    if there and spec.own_cores and len(there.cpus) == spec.vcpus:
        return
    if there:
        take_back(xen, spec.id)
    if not spec.own_cores:
        return
    free = xen.pools()[0].cpus
    cpus = chosen(free, xen.core_of(), spec.vcpus)
    if cpus is None:
        raise host_fault(
            "no_free_cores",
            f"Guest {spec.name} did not start: it has {spec.vcpus} cores of its own, and {POOL_0} has "
            f"{len(free)}, of which Domain-0 needs one.",
            "Look at the host's pools: xl cpupool-list -c",
        )
    for cpu in cpus:
        must(["xl", "cpupool-cpu-remove", POOL_0, str(cpu)], "xl_failed")
    listed = ", ".join(f'"{cpu}"' for cpu in cpus)
    must(["xl", "cpupool-create", f'name="{pool_name(spec.id)}"', f"cpus=[{listed}]"], "xl_failed")


def take_back(xen: Hypervisor, guest: str) -> None:
    """Give the CPUs of a guest that does not run back to Pool-0; one that has none is left alone."""
    pool = _pool(xen, guest)
    if pool is None or pool.domains:
        return
    must(["xl", "cpupool-destroy", pool_name(guest)], "xl_failed")
    for cpu in pool.cpus:
        must(["xl", "cpupool-cpu-add", POOL_0, str(cpu)], "xl_failed")


def count(xen: Hypervisor, domain: Domain) -> int:
    """Return how many CPUs a domain has to itself, 0 where it shares them."""
    pool = _pool(xen, domain.uuid) if domain.cpupool else None
    return len(pool.cpus) if pool and pool.number == domain.cpupool else 0


def chosen(free: tuple[int, ...], cores: list[tuple[int, int]], count: int) -> list[int] | None:
    """Return the last `count` CPUs, threads of one core together; None where Domain-0 would be left without any."""
    if count >= len(free):
        return None
    by_core = sorted(free, key=lambda cpu: (cores[cpu], cpu))
    return sorted(by_core[-count:])


def _pool(xen: Hypervisor, guest: str) -> Pool | None:
    return next((pool for pool in xen.pools()[1:] if xen.pool_name(pool) == pool_name(guest)), None)
