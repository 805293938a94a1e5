"""Who runs on which CPUs: Domain-0 on some of its own in Pool-0, the guests on all others in the cpupool `teig-guests`.

So neither can take the other's processor time, whatever they weigh. A guest with cores of its own (`own_cores`) has a
cpupool besides, whose CPUs come from the guests' pool. A host of one CPU, and one where somebody else made cpupools,
stays undivided: Domain-0 and the guests share Pool-0, by weight (`processor`).

`mend` makes this so from whatever it finds. Every change is one step of Xen's, and what is half done (its doer was
killed) is found by what is there: CPUs in no pool, a pool that is too small. All changes are made under one lock, since
several guests may start at once. Sources: xl(1), CPUPOOLS; xen/common/sched/cpupool.c.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.host.process import must, run
from teig.agent.host.state import State, locked, make_private
from teig.agent.xen.hypervisor import Domain, Hypervisor, Pool

POOL_0 = "0"
"""Its number, which xl takes wherever it takes a name: `xl cpupool-numa-split` names it anew (libxl_utils.c)."""
GUESTS = "teig-guests"
OWN = "teig-"
"""What the name of the pool of a guest with cores of its own begins with; its UUID follows."""
LOCK_WAIT_S = 60.0
_OWN_NAME = re.compile(f"{OWN}([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})")
_MANY_CPUS = 8
_DOM0_PART = 8
"""From `_MANY_CPUS` on, Domain-0 has one CPU of so many."""


class Division(NamedTuple):
    """The cpupools of a host: Pool-0, the guests', those of single guests by their id, and those of others.

    `nameless` are those that nobody runs in and that have no name: xl gives it last, so its maker has just made them or
    was killed. `free` are the CPUs that are in no pool.
    """

    pool_0: Pool
    guests: Optional[Pool]
    own: dict[str, Pool]
    others: list[Pool]
    nameless: list[Pool]
    free: tuple[int, ...]

    @property
    def cpus(self) -> tuple[int, ...]:
        """The CPUs that are Domain-0's or the guests' together: all but those of single guests and of others."""
        return tuple(sorted((*self.pool_0.cpus, *(self.guests.cpus if self.guests else ()), *self.free)))

    @property
    def ours(self) -> int:
        """How many CPUs the host has but for other people's pools."""
        return len(self.cpus) + sum(len(pool.cpus) for pool in self.own.values())

    @property
    def all(self) -> int:
        """How many CPUs the host has: Domain-0's part is of these, whoever makes a pool of some for a while."""
        return self.ours + sum(len(pool.cpus) for pool in (*self.others, *self.nameless))


def division(xen: Hypervisor) -> Division:
    """Read how this host is divided."""
    pool_0, *rest = xen.pools()
    names = {pool.number: xen.pool_name(pool) for pool in rest}
    own = {match[1]: pool for pool in rest if (match := _OWN_NAME.fullmatch(names[pool.number]))}
    guests = next((pool for pool in rest if names[pool.number] == GUESTS), None)
    nameless = [pool for pool in rest if not names[pool.number] and not pool.domains]
    known = [*own.values(), *nameless, guests]
    return Division(pool_0, guests, own, [pool for pool in rest if pool not in known], nameless, xen.free_cpus())


def counted(found: Division, domains: Sequence[Domain], ours: set[str]) -> tuple[int, int]:
    """Return how many CPUs are Domain-0's alone, 0 where it shares them, and how many there are for guests.

    What is for guests holds those that guests have for themselves. vCPUs of domains that are not ours, put there by
    somebody else, are taken off.
    """
    if found.guests is None:
        return 0, found.ours
    pools = [found.guests, *found.own.values()]
    numbers = {pool.number for pool in pools}
    taken = sum(domain.vcpus for domain in domains if domain.cpupool in numbers and domain.uuid not in ours)
    return len(found.pool_0.cpus), max(0, sum(len(pool.cpus) for pool in pools) - taken)


@contextlib.contextmanager
def changing(state: State, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Be alone with the host's cpupools; Busy where somebody else is for longer than `wait_s` seconds."""
    make_private(state.root)
    with locked(state.root / "cpupools.lock", wait_s, "Somebody else changes the host's cpupools."):
        yield


def mend(xen: Hypervisor, state: State, beside: Optional[int] = None) -> list[str]:
    """Divide the host as it should be, or put right what is not; call it inside `changing`. Return what was done.

    `beside` is how many CPUs are left in Pool-0 beside Domain-0's; where it is not said, those that are there.
    """
    found, domains = division(xen), xen.domains()
    least = dom0_cpus(xen, found, domains[0])
    if found.guests is None:
        return _divide(xen, found, least + strangers(domains, set(state.guests())))
    if found.free:
        pools = [POOL_0, GUESTS] if len(found.pool_0.cpus) < least else [GUESTS, POOL_0]
        return [_add(xen, cpu, pools) for cpu in found.free] + mend(xen, state, beside)
    order = by_core(found.cpus, xen.core_of())
    most = len(order) if beside is None else least + beside
    surplus = [cpu for cpu in order if cpu in found.pool_0.cpus][most:]
    lent = [cpu for cpu in order if cpu in found.guests.cpus][: max(0, least - len(found.pool_0.cpus))]
    if found.guests.domains:
        lent = lent[: len(found.guests.cpus) - 1]
    moves = [*((cpu, POOL_0, GUESTS) for cpu in surplus), *((cpu, GUESTS, POOL_0) for cpu in lent)]
    return [_move(xen, *move) for move in moves]


def home(xen: Hypervisor) -> str:
    """Return the pool for guests that share cores, as xl takes it."""
    found = division(xen).guests
    return GUESTS if found and found.cpus else POOL_0


def dom0_cpus(xen: Hypervisor, found: Division, dom0: Domain) -> int:
    """Return how many CPUs are to be Domain-0's: no more than the vCPUs that it was booted with.

    Where that leaves the guests three quarters, they are whole cores: a thread of Domain-0's slows the other one down.
    """
    cores = xen.core_of()
    wanted = max(1, min(1 if found.all < _MANY_CPUS else found.all // _DOM0_PART, dom0.vcpus))
    order = by_core(found.cpus, cores)
    whole = wanted
    while 0 < whole < len(order) and cores[order[whole - 1]] == cores[order[whole]]:
        whole += 1
    return whole if whole <= dom0.vcpus and 4 * whole <= found.all else wanted


def by_core(cpus: Sequence[int], cores: Sequence[tuple[int, int]]) -> list[int]:
    """Return CPUs with the threads of a core side by side, the core of the lowest CPU first."""
    first: dict[tuple[int, int], int] = {}
    for cpu in sorted(cpus):
        first.setdefault(cores[cpu], cpu)
    return sorted(cpus, key=lambda cpu: (first[cores[cpu]], cpu))


def _divide(xen: Hypervisor, found: Division, keep: int) -> list[str]:
    """Make the guests' pool of what Domain-0 and the domains that are not ours leave, if there is anything."""
    given = by_core(found.cpus, xen.core_of())[keep:]
    if found.others or not given:
        return [_add(xen, cpu, [POOL_0]) for cpu in found.free]
    did = [_add(xen, cpu, [POOL_0]) for cpu in found.free if cpu not in given]
    create(xen, GUESTS, given, POOL_0, [cpu for cpu in given if cpu in found.pool_0.cpus])
    return [*did, f"cpupool {GUESTS} made of CPUs {', '.join(map(str, given))}; Domain-0 keeps {keep}"]


def create(xen: Hypervisor, name: str, cpus: Sequence[int], source: str, taken: Sequence[int]) -> None:
    """Make a pool of CPUs, of which `taken` are still in the pool `source`; they go back there where it fails.

    It has the host's own scheduler, so weights and caps mean the same in it.
    """
    listed = ", ".join(f'"{cpu}"' for cpu in cpus)
    try:
        for cpu in taken:
            _take(xen, cpu, source)
        must(["xl", "cpupool-create", f'name="{name}"', f"cpus=[{listed}]"], "xl_failed")
    except Failure:
        for cpu in taken:
            run(["xl", "cpupool-cpu-add", source, str(cpu)])
        raise


def _add(xen: Hypervisor, cpu: int, pools: Sequence[str]) -> str:
    """Add a CPU that is in no pool to the first of some that takes it: one that was half removed goes back only."""
    for pool in pools:
        if _put(xen, cpu, pool):
            return f"CPU {cpu}, which was in no cpupool, added to {called(pool)}"
    raise _refused(f"CPU {cpu}, which is in no cpupool, could not be added to {' or '.join(map(called, pools))}")


def _move(xen: Hypervisor, cpu: int, source: str, target: str) -> str:
    _take(xen, cpu, source)
    if not _put(xen, cpu, target):
        _put(xen, cpu, source)
        raise _refused(f"CPU {cpu} could not be moved from {called(source)} to {called(target)}")
    return f"CPU {cpu} moved from {called(source)} to {called(target)}"


def _take(xen: Hypervisor, cpu: int, pool: str) -> None:
    """Take a CPU out of a pool. What became of it is read back: xl ends well whatever Xen said (xl_cpupool.c)."""
    must(["xl", "cpupool-cpu-remove", pool, str(cpu)], "xl_failed")
    if cpu not in xen.free_cpus():
        raise _refused(f"CPU {cpu} could not be taken out of {called(pool)}")


def _put(xen: Hypervisor, cpu: int, pool: str) -> bool:
    """Add a CPU that is in no pool to one; return whether it is there, as `_take` does."""
    must(["xl", "cpupool-cpu-add", pool, str(cpu)], "xl_failed")
    return cpu not in xen.free_cpus()


def _refused(what: str) -> Failure:
    return host_fault("cpu_refused", f"{what}: Xen refused it.", "Look at the host's pools: xl cpupool-list -c")


def called(pool: str) -> str:
    """Return what people call a pool that is named as xl takes it."""
    return "Pool-0" if pool == POOL_0 else pool


def strangers(domains: Sequence[Domain], ours: set[str]) -> int:
    """Return the vCPUs of the domains in Pool-0 that Teig did not make: they stay there, with a CPU for each."""
    return sum(
        domain.vcpus for domain in domains if domain.domid != 0 and domain.cpupool == 0 and domain.uuid not in ours
    )
