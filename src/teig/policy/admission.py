"""Whether a host has room for a guest: nothing is promised twice.

Room is what a host has less what is promised on it, for each resource alone: memory with Xen's own overhead, cores,
disk space and the disk rates of the pool that guests' volumes are made in. Guests count whether they run or not.
Domains that Teig did not make count as they are. Sums are compared exactly: in whole MiB, bytes and operations, and in
thousandths of a core.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from teig.model.guest import GuestSpec
from teig.model.host import HostFacts, VolumeGroup
from teig.model.names import HostId
from teig.model.pool import DiskRate, PoolClass

RESERVE_MIB: Final = 32
"""What is left unused on every host, in MiB."""
DOM0_CORES: Final = 0.1
"""What is kept of a host's cores for Domain-0, which does the guests' I/O: a tenth of all, at least a tenth of one."""


@dataclass(frozen=True)
class Demand:
    """What a guest needs of a host: memory in MiB, disk in bytes (the sum of its volumes), cores, rates, type, pool."""

    memory_mib: int
    vcpus: int
    disk_bytes: int
    share_cores: float
    disk_rate: DiskRate
    pool: PoolClass
    guest_type: str


RATES: Final = tuple(field.name for field in fields(DiskRate))


@dataclass(frozen=True)
class Promised:
    """The sum of what guests are promised: memory with Xen's overhead, thousandths of a core, bytes, `RATES`."""

    guests: int
    memory_mib: int
    millicores: int
    disk_bytes: int
    rates: tuple[int, ...]

    def __add__(self, other: Promised) -> Promised:
        """Return both together."""
        return self._with(other, 1)

    def __sub__(self, other: Promised) -> Promised:
        """Return this without the other."""
        return self._with(other, -1)

    def _with(self, other: Promised, sign: int) -> Promised:
        return Promised(
            self.guests + sign * other.guests,
            self.memory_mib + sign * other.memory_mib,
            self.millicores + sign * other.millicores,
            self.disk_bytes + sign * other.disk_bytes,
            tuple(mine + sign * theirs for mine, theirs in zip(self.rates, other.rates, strict=True)),
        )


NOTHING: Final = Promised(0, 0, 0, 0, (0,) * len(RATES))


def promised_to(spec: GuestSpec) -> Promised:
    """Return what one guest is promised."""
    return Promised(
        guests=1,
        memory_mib=memory_for(spec.memory_mib, spec.vcpus),
        millicores=round(1000 * spec.share_cores),
        disk_bytes=spec.disk_bytes,
        rates=tuple(getattr(spec.disk_rate, name) for name in RATES),
    )


@dataclass(frozen=True)
class Candidate:
    """A host that might take a guest: its newest facts, what its pools were rated at, and the sum of its promises."""

    id: HostId
    name: str
    site: str
    draining: bool
    facts: HostFacts
    capacity: dict[str, DiskRate]
    promised: Promised

    @property
    def pool(self) -> VolumeGroup | None:
        """Where guests' volumes are made: the largest volume group, as the agent chooses it."""
        groups = sorted(self.facts.volume_groups, key=lambda group: (-group.size_bytes, group.name))
        return groups[0] if groups else None

    @property
    def rating(self) -> DiskRate | None:
        """What that pool was rated at, None where it was not."""
        return self.capacity.get(self.pool.name) if self.pool else None


def overhead_mib(memory_mib: int, vcpus: int) -> int:
    """Return what Xen takes for a domain besides its memory, in MiB: measured, see docs/guarantees.md, rounded up.

    Page tables and the record of every page grow with memory, grant tables and event channels with vCPUs.
    """
    return 4 + vcpus + -(-memory_mib // 128)


def memory_for(memory_mib: int, vcpus: int) -> int:
    """Return what a guest takes from its host's memory, in MiB, Xen's own overhead included."""
    return memory_mib + overhead_mib(memory_mib, vcpus)


def memory_room(host: Candidate) -> int:
    """Return the MiB that are promised to nobody: Xen's, less Domain-0, foreign domains, our promises, the reserve."""
    dom0 = host.facts.dom0_maxmem_mib or host.facts.dom0_memory_mib
    foreign = sum(memory_for(domain.memory_mib, domain.vcpus) for domain in host.facts.foreign)
    return host.facts.xen_memory_mib - dom0 - foreign - host.promised.memory_mib - RESERVE_MIB


def disk_room(host: Candidate) -> int:
    """Return the bytes of the host's pool that are promised to no guest."""
    return (host.pool.size_bytes if host.pool else 0) - host.promised.disk_bytes


def core_room(host: Candidate) -> float:
    """Return the cores that are promised to nobody: all, less Domain-0's part, foreign domains' vCPUs, our promises."""
    reserve = max(DOM0_CORES, DOM0_CORES * host.facts.cores)
    foreign = sum(domain.vcpus for domain in host.facts.foreign)
    return round(host.facts.cores - reserve - foreign - host.promised.millicores / 1000, 3)


def rate_room(host: Candidate) -> dict[str, int]:
    """Return what is promised to nobody of each of the pool's rates, by the names of DiskRate; nothing if unrated."""
    if host.rating is None:
        return {}
    rating = host.rating
    return {name: getattr(rating, name) - taken for name, taken in zip(RATES, host.promised.rates, strict=True)}


def refusal(host: Candidate, demand: Demand) -> str | None:
    """Return why the host cannot take the guest, with the numbers, or None where it can."""
    if host.draining:
        return "is being drained"
    if demand.guest_type not in host.facts.guest_types:
        return f"cannot run {demand.guest_type} guests"
    memory, cores = memory_room(host), core_room(host)
    wanted = memory_for(demand.memory_mib, demand.vcpus)
    if wanted > memory:
        return f"memory: {wanted} MiB wanted, {max(0, memory)} MiB free"
    if round(1000 * demand.share_cores) > round(1000 * cores):
        return f"processor: {demand.share_cores:g} cores wanted, {max(0.0, cores):g} free"
    return _pool_refusal(host, demand)


def _pool_refusal(host: Candidate, demand: Demand) -> str | None:
    pool = host.pool
    if pool is None:
        return "has no pool"
    if pool.problem:
        return f"pool {pool.name}: {pool.problem}"
    if not demand.pool.fits(pool.medium, pool.redundancy):
        return (
            f"pool {pool.name} is {pool.medium}, redundancy {pool.redundancy}; "
            f"{demand.pool.medium}, redundancy {demand.pool.redundancy} is wanted"
        )
    disk = disk_room(host)
    if demand.disk_bytes > disk:
        return f"disk: {demand.disk_bytes >> 20} MiB wanted, {max(0, disk) >> 20} MiB free"
    return _rate_refusal(host, pool, demand)


def _rate_refusal(host: Candidate, pool: VolumeGroup, demand: Demand) -> str | None:
    if host.rating is None:
        return f"pool {pool.name} was never rated: run teig pool bench {host.name}"
    for name, free in rate_room(host).items():
        rate = getattr(demand.disk_rate, name)
        if rate > free:
            return f"disk {name}: {rate} wanted, {max(0, free)} free of {getattr(host.rating, name)}"
    return None
