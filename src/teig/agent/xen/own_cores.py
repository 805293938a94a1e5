"""Cores of a guest's own: a cpupool with a CPU for each of its vCPUs, where no other domain is scheduled.

The pool is made before the guest's start, of CPUs of the pool that all other guests share, and they go back to it when
the guest has stopped; see `cpupools` for how a host is divided, and for what happens where this is cut short.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Optional

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.contract.spec import Spec
from teig.agent.host.process import must
from teig.agent.host.state import State
from teig.agent.xen import cpupools
from teig.agent.xen.hypervisor import Domain, Hypervisor, Pool


def pool_name(guest: str) -> str:
    """Return the name of the pool of a guest."""
    return f"{cpupools.OWN}{guest}"


def give(xen: Hypervisor, spec: Spec, state: Optional[State] = None) -> str:
    """Return the cpupool that a guest is to be started in, after making what of it is not there.

    A guest with cores of its own gets a pool of them, anew where it has other than its plan says; all others share
    one. The host is divided first if it is not, as after a boot; where Xen refuses that they start all the same, in the
    pool that there is, and the keeper says why.
    """
    state = state or State()
    with cpupools.changing(state):
        with contextlib.nullcontext() if spec.own_cores else contextlib.suppress(Failure):
            cpupools.mend(xen, state)
        there = cpupools.division(xen).own.get(spec.id)
        if there and not (spec.own_cores and len(there.cpus) == spec.vcpus):
            _dissolve(xen, state, spec.id, there)
        elif there:
            return pool_name(spec.id)
        if spec.own_cores:
            _make(xen, spec)
            return pool_name(spec.id)
        return cpupools.home(xen)


def take_back(xen: Hypervisor, guest: str, state: Optional[State] = None) -> None:
    """Give the CPUs of a guest that does not run back to all; one that has none is left alone."""
    if guest not in cpupools.division(xen).own:
        return
    state = state or State()
    with cpupools.changing(state):
        give_back(xen, guest, state)


def give_back(xen: Hypervisor, guest: str, state: State) -> None:
    """Do what `take_back` does, inside `cpupools.changing`."""
    there = cpupools.division(xen).own.get(guest)
    if there:
        _dissolve(xen, state, guest, there)


def create_option(pool: str) -> str:
    """Return what makes `xl create FILE OPTION` start a guest in a pool, whatever its file says (xl(1), create)."""
    return f'pool="{pool}"'


def count(xen: Hypervisor, domain: Domain) -> int:
    """Return how many CPUs a domain has to itself, 0 where it shares them."""
    if domain.cpupool == 0 or xen.read(f"/local/pool/{domain.cpupool}/name") != pool_name(domain.uuid):
        return 0
    return next((len(pool.cpus) for pool in xen.pools() if pool.number == domain.cpupool), 0)


def _dissolve(xen: Hypervisor, state: State, guest: str, pool: Pool) -> None:
    if pool.domains:
        return
    must(["xl", "cpupool-destroy", pool_name(guest)], "xl_failed")
    cpupools.mend(xen, state)


def _make(xen: Hypervisor, spec: Spec) -> None:
    found = cpupools.division(xen)
    source, name = (found.guests, cpupools.GUESTS) if found.guests else (found.pool_0, cpupools.POOL_0)
    cpus = chosen(source.cpus, xen.core_of(), spec.vcpus, keeps_one=source.domains > 0)
    if cpus is None:
        others = "Domain-0 needs" if source is found.pool_0 else "the guests that share them need"
        raise host_fault(
            "no_free_cores",
            f"Guest {spec.name} did not start: it has {spec.vcpus} cores of its own, and {cpupools.called(name)} has "
            f"{len(source.cpus)}" + (f", of which {others} one." if source.domains else "."),
            "Look at the host's pools: xl cpupool-list -c",
        )
    cpupools.create(xen, pool_name(spec.id), cpus, name, cpus)


def chosen(
    free: Sequence[int], cores: Sequence[tuple[int, int]], count: int, *, keeps_one: bool = True
) -> list[int] | None:
    """Return the last `count` CPUs, threads of one core together; None where there are not as many.

    `keeps_one` says whether one must be left.
    """
    if count > len(free) - keeps_one:
        return None
    return sorted(cpupools.by_core(free, cores)[-count:])
