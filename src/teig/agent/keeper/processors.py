"""Keeping Domain-0 and the guests on processors of their own, and everybody's weights: the keeper's part in `xen`.

What `cpupools.mend` cannot see at one moment is seen here over time: a pool whose guest has gone, which is no other
than one whose guest is just being rebooted, and a pool that somebody was killed over while making it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Optional

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.contract.spec import Spec
from teig.agent.host.process import must
from teig.agent.host.state import State, locked
from teig.agent.xen import cpupools, daemons, own_cores, processor
from teig.agent.xen.hypervisor import Domain, Hypervisor

ABANDONED_S = 60.0
"""How long a pool must be empty. xl makes a guest's next domain 2 s after the last one's end (xl_vmcontrol.c), or when
its turn comes: as long as the process of xl is there, so is the pool."""


class Processors:
    """The cpupools of this host, as they were when they were last looked after."""

    def __init__(self, xen: Hypervisor, state: State, clock: Callable[[], float] = time.monotonic) -> None:
        self._xen = xen
        self._state = state
        self._clock = clock
        self._began = clock()
        self._empty: dict[str, float] = {}
        self._strangers: dict[int, float] = {}
        self._dom0_cpus: dict[int, float] = {}

    def divide(self) -> list[str]:
        """Divide the host's CPUs as they should be; return what was done.

        Where somebody else changes them just now nothing is done before the next look: guests wait for no lock.
        """
        beside = self._beside()
        with self._changing() as alone:
            return cpupools.mend(self._xen, self._state, beside) if alone else []

    def fit_dom0(self) -> list[str]:
        """Leave Domain-0 no more vCPUs than it has CPUs, or had a short while ago; return what was done.

        With more, one that holds a lock of the kernel's waits for its turn while another spins on it (docs/keeper.md).
        A host fault where Domain-0's kernel has kept more online than it was left the last time.
        """
        found, dom0 = cpupools.division(self._xen), self._xen.domains()[0]
        if found.guests is None:
            return []
        cpus = max(self._lately(self._dom0_cpus, cpupools.dom0_cpus(self._xen, found, dom0)))
        vcpus = self._xen.vcpus(dom0)
        if vcpus > cpus:
            must(["xl", "vcpu-set", "0", str(cpus)], "xl_failed")
            return [f"{vcpus} vCPUs set to {cpus} in Domain-0, which has so many CPUs: more would wait for each other"]
        if dom0.online > cpus:
            raise host_fault(
                "vcpus_kept",
                f"Domain-0's kernel keeps {dom0.online} vCPUs online, and was told to keep {vcpus}: they wait for each "
                f"other on {cpus} CPUs.",
                f"Boot Xen with dom0_max_vcpus={cpus}.",
            )
        return []

    def _beside(self) -> Optional[int]:
        """Return how many vCPUs of domains that are not ours are beside Domain-0, or were a short while ago.

        None while that is not known yet: one of them may be rebooting, and be away just now.
        """
        counts = self._lately(self._strangers, cpupools.strangers(self._xen.domains(), set(self._state.guests())))
        return max(counts) if self._clock() - self._began >= ABANDONED_S else None

    def _lately(self, seen: dict[int, float], count: int) -> list[int]:
        """Note a count with the time in `seen`; return all that were there in the last minute."""
        now = seen[count] = self._clock()
        for old in [old for old, when in seen.items() if now - when >= ABANDONED_S]:
            del seen[old]
        return list(seen)

    def place(self, domain: Domain, spec: Spec) -> list[str]:
        """Move a guest that shares cores from Domain-0's pool to the guests'; return what was done.

        Moving sets its weight back to 256, so that is set again at once.
        """
        if domain.cpupool != 0 or spec.own_cores or cpupools.home(self._xen) == cpupools.POOL_0:
            return []
        with self._changing() as alone:
            if not alone:
                return []
            must(["xl", "cpupool-migrate", str(domain.domid), cpupools.GUESTS], "xl_failed")
            self._xen.set_share(domain.domid, processor.of(spec, domain))
        return [f"moved to cpupool {cpupools.GUESTS}"]

    def abandoned(self) -> list[str]:
        """Return the pools that have been without a domain for long: the ids of guests, numbers of nameless ones."""
        found = cpupools.division(self._xen)
        pools = {**found.own, **{str(pool.number): pool for pool in found.nameless}}
        now = self._clock()
        self._empty = {name: self._empty.get(name, now) for name, pool in pools.items() if not pool.domains}
        return [name for name, since in self._empty.items() if now - since >= ABANDONED_S]

    def remove(self, name: str) -> list[str]:
        """Remove one of the `abandoned`, unless somebody is about to use it; return what was done."""
        with contextlib.ExitStack() as stack:
            if name.isdigit():
                if not stack.enter_context(self._changing()):
                    return []
                must(["xl", "cpupool-destroy", name], "xl_failed")
                return [f"cpupool {name}, which has neither name nor domains, removed"]
            if self._in_use(name, stack) or not stack.enter_context(self._changing()):
                return []
            own_cores.give_back(self._xen, name, self._state)
        return [f"the cores of guest {name}, which has gone, given back"]

    @contextlib.contextmanager
    def _changing(self) -> Iterator[bool]:
        """Be alone with the host's cpupools where nobody else changes them; say whether that is so."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(cpupools.changing(self._state, 0.0))
            except Failure as failure:
                if failure.kind != "busy":
                    raise
                yield False
                return
            yield True

    def _in_use(self, guest: str, stack: contextlib.ExitStack) -> bool:
        """Lock a guest until the stack's end; say whether somebody else has it, or xl is to make it anew."""
        folder = self._state.guest_dir(guest)
        try:
            if folder.is_dir():
                stack.enter_context(locked(folder / "lock", 0.0, "busy"))
        except Failure:
            return True
        return bool(daemons.of_guest(folder))
