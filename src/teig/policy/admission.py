"""Whether a host has room for a guest: nothing is promised twice.

A *reservation* is what of one host is kept for one guest: in each resource the larger of what its spec says and of what
its domain was started with. *Capacity* is what a host has for guests, as it was last observed. Room is capacity less
what domains and guests take that nobody claims, less all reservations. Guests count whether they run or not. Sums are
exact: whole MiB, bytes and operations, and thousandths of a core.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final

from teig.model.guest import GuestSpec
from teig.model.host import GuestOnHost, HostFacts, Inventory, VolumeGroup
from teig.model.names import GuestId, HostId
from teig.model.pool import DiskRate, Medium, PoolClass, PoolRating, Redundancy

RESERVE_MIB: Final = 32
"""What is left unused on every host, in MiB."""
DOM0_PART: Final = 0.75
"""What one vCPU of Domain-0 may take of a processor that it shares with guests: its weight gives it that much."""
LEAST_MILLICORES: Final = 1
"""What each vCPU is reserved at least: its weight cannot be less than 1, where 1024 is a core."""
_GRAIN: Final = 1e-6
_NOT_KEPT: Final = "its keeper does not run, which holds guests to their disk limits: run teig drift --fix"
RATES: Final = tuple(field.name for field in fields(DiskRate))
_PAIRS: Final = ((0, 1), (2, 3))
"""Reads and writes, of operations and of bytes, by their places in `RATES`."""


@dataclass(frozen=True)
class Amounts:
    """Memory with Xen's own overhead in MiB, thousandths of a core, bytes of disk, and disk rates as in `RATES`."""

    memory_mib: int = 0
    millicores: int = 0
    disk_bytes: int = 0
    rates: tuple[int, ...] = (0,) * len(RATES)

    def __add__(self, other: Amounts) -> Amounts:
        """Return both together."""
        return Amounts(
            self.memory_mib + other.memory_mib,
            self.millicores + other.millicores,
            self.disk_bytes + other.disk_bytes,
            tuple(mine + theirs for mine, theirs in zip(self.rates, other.rates, strict=True)),
        )

    def __sub__(self, other: Amounts) -> Amounts:
        """Return this without the other."""
        return Amounts(
            self.memory_mib - other.memory_mib,
            self.millicores - other.millicores,
            self.disk_bytes - other.disk_bytes,
            tuple(mine - theirs for mine, theirs in zip(self.rates, other.rates, strict=True)),
        )

    def limited_to(self, other: Amounts) -> Amounts:
        """Return the smaller of both, in each resource alone."""
        return self + other - self.largest(other)

    def largest(self, other: Amounts) -> Amounts:
        """Return the larger of both, in each resource alone."""
        return Amounts(
            max(self.memory_mib, other.memory_mib),
            max(self.millicores, other.millicores),
            max(self.disk_bytes, other.disk_bytes),
            tuple(max(mine, theirs) for mine, theirs in zip(self.rates, other.rates, strict=True)),
        )


NOTHING: Final = Amounts()


@dataclass(frozen=True)
class Demand:
    """What a guest needs of a host. `disks` are the sizes of its volumes in bytes, before LVM rounds them up."""

    memory_mib: int
    vcpus: int
    disks: tuple[int, ...]
    share_cores: float
    disk_rate: DiskRate
    pool: PoolClass
    guest_type: str


@dataclass(frozen=True)
class Capacity:
    """What a host has for guests, as it was observed, and what of it is taken by guests that nobody claims.

    `millicores` are those on which guests are scheduled, less Domain-0's part where it shares them. `disk_bytes` is
    what of the pool is free or is in Teig's volumes already. `refuses` is why it takes no new guest, if so.
    `elsewhere` is what guests that nobody claims have of the host's other pools.
    """

    memory_mib: int
    millicores: int
    guest_types: tuple[str, ...]
    pool: str
    medium: Medium
    redundancy: Redundancy
    problem: str
    extent_bytes: int
    disk_bytes: int
    unclaimed: Amounts
    refuses: str = ""
    elsewhere: Mapping[str, Amounts] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A host that might take a guest: its capacity, what its pool was rated at, and the sum of its reservations.

    `reserved` sums memory and cores over the host, disk space and rates over the pool.
    """

    id: HostId
    name: str
    site: str
    capacity: Capacity
    rating: PoolRating | None
    reserved: Amounts
    guests: int = 0

    @property
    def taken(self) -> Amounts:
        """What is not to be had any more."""
        return self.reserved + self.capacity.unclaimed


def overhead_mib(memory_mib: int, vcpus: int) -> int:
    """Return what Xen takes for a domain besides its memory, in MiB: measured, see docs/guarantees.md, rounded up.

    Page tables and the record of every page grow with memory, grant tables and event channels with vCPUs.
    """
    return 4 + vcpus + -(-memory_mib // 128)


def memory_for(memory_mib: int, vcpus: int) -> int:
    """Return what a guest takes from its host's memory, in MiB, Xen's own overhead included."""
    return memory_mib + overhead_mib(memory_mib, vcpus)


def amounts(demand: Demand, extent_bytes: int) -> Amounts:
    """Return what is reserved for a demand where LVM gives space out in extents of that size.

    One extent is for the small volume with first-boot data that some images want.
    """
    return Amounts(
        memory_mib=memory_for(demand.memory_mib, demand.vcpus),
        millicores=max(math.ceil(1000 * demand.share_cores - _GRAIN), demand.vcpus * LEAST_MILLICORES),
        disk_bytes=sum(-(-size // extent_bytes) * extent_bytes for size in demand.disks) + extent_bytes,
        rates=tuple(getattr(demand.disk_rate, name) for name in RATES),
    )


def demand_of(spec: GuestSpec, pool: PoolClass | None = None) -> Demand:
    """Return what a guest's spec demands."""
    return Demand(
        memory_mib=spec.memory_mib,
        vcpus=spec.vcpus,
        disks=tuple(disk.size_bytes for disk in spec.disks),
        share_cores=spec.share_cores,
        disk_rate=spec.disk_rate,
        pool=pool or PoolClass(),
        guest_type=spec.type.value,
    )


def entitled_to(spec: GuestSpec, extent_bytes: int) -> Amounts:
    """Return what is reserved for a guest of that spec."""
    return amounts(demand_of(spec), extent_bytes)


def observed_of(guest: GuestOnHost, extent_bytes: int, pool: str | None = None) -> Amounts:
    """Return what a guest takes as its host has it: started with, set to, and the true sizes of its volumes.

    What its domain has counts too: older agents do not tell what it was started with, and a description may be damaged;
    each vCPU is then a core. With a `pool`, only the volumes in that one count.
    """
    specs = [spec for spec in (guest.spec, guest.started) if spec is not None]
    found = NOTHING
    for spec in specs:
        found = found.largest(entitled_to(spec, extent_bytes))
    if guest.live is not None:
        most = max(guest.live.memory_mib, guest.live.maxmem_mib)  # it may take up to its maximum at any time
        memory = memory_for(most, guest.live.vcpus)
        found = found.largest(Amounts(memory, 0 if specs else 1000 * guest.live.vcpus))
    volumes = sum(disk.size_bytes for disk in guest.disks if pool in {None, disk.pool})
    if guest.disks and not any(disk.pool == pool for disk in guest.disks) and pool is not None:
        return Amounts(found.memory_mib, found.millicores)
    return found.largest(Amounts(disk_bytes=volumes + extent_bytes if volumes else 0))


def pool_of(facts: HostFacts) -> VolumeGroup | None:
    """Return where new guests' volumes are made: the host's largest volume group."""
    groups = sorted(facts.volume_groups, key=lambda group: (-group.size_bytes, group.name))
    return groups[0] if groups else None


def beyond(
    inventory: Inventory, reserved: Mapping[GuestId, Mapping[str, Amounts]], extents: Mapping[str, int]
) -> list[tuple[GuestId, str, Amounts]]:
    """Return what guests have beyond what is reserved for them, by guest and pool, as their hosts have them.

    That is so after a backup was restored, and after an upgrade from a release that knew less of them.
    """
    found = []
    for guest in inventory.guests:
        for pool, kept in reserved.get(guest.id, {}).items():
            wanted = kept.largest(observed_of(guest, extents[pool], pool)) if pool in extents else kept
            if wanted != kept:
                found.append((guest.id, pool, wanted))
    return found


def _volumes_bytes(guests: Iterable[GuestOnHost], pool: VolumeGroup) -> int:
    """Return what guests that a host tells of have of a pool, with room for the small volumes that are not told.

    Other volumes of ours there, which a benchmark or a reinstalled Domain-0 has left, are nobody's room.
    """
    told = 0
    for guest in guests:
        spec = guest.spec or guest.started
        if guest.disks or not guest.volumes or spec is None:
            there = sum(disk.size_bytes for disk in guest.disks if disk.pool == pool.name)
            told += there + pool.extent_bytes if there else 0
        else:  # an older agent, which tells no sizes
            told += entitled_to(spec, pool.extent_bytes).disk_bytes + pool.extent_bytes
    return min(told, pool.guests_bytes)


def capacity_of(facts: HostFacts, inventory: Inventory, claimed: Mapping[GuestId, Collection[str]]) -> Capacity:
    """Return what a host has for guests. `claimed` are the guests that have reservations there, and in which pools.

    What a guest has in another pool than those, where somebody put its volumes, is nobody's.
    """
    pool = pool_of(facts)
    extent = pool.extent_bytes if pool else 1
    nobodys = [guest for guest in inventory.guests if guest.id not in claimed]

    def astray(group: VolumeGroup) -> list[GuestOnHost]:
        return [one for one in inventory.guests if one.id in claimed and group.name not in claimed[one.id]]

    unclaimed = in_pool(astray(pool), pool) if pool else NOTHING
    for guest in nobodys:
        unclaimed += observed_of(guest, extent, pool.name if pool else "")
    return Capacity(
        memory_mib=guest_memory(facts),
        millicores=_guest_millicores(facts),
        guest_types=facts.guest_types,
        pool=pool.name if pool else "",
        medium=pool.medium if pool else Medium.SAS,
        redundancy=pool.redundancy if pool else Redundancy.NONE,
        problem=pool.problem if pool else "",
        extent_bytes=extent,
        disk_bytes=pool.free_bytes + _volumes_bytes(inventory.guests, pool) if pool else 0,
        unclaimed=unclaimed,
        refuses=_NOT_KEPT if not facts.kept else "",
        elsewhere={
            group.name: in_pool((*nobodys, *astray(group)), group)
            for group in facts.volume_groups
            if pool and group.name != pool.name
        },
    )


def in_pool(guests: Iterable[GuestOnHost], pool: VolumeGroup) -> Amounts:
    """Return what guests have of a pool: the space of their volumes there, and the rates of those that lie there."""
    found = NOTHING
    for guest in guests:
        if any(disk.pool == pool.name for disk in guest.disks):
            has = observed_of(guest, pool.extent_bytes, pool.name)
            found += Amounts(disk_bytes=has.disk_bytes, rates=has.rates)
    return found


def capacity_in(capacity: Capacity, pool: VolumeGroup, guests: Iterable[GuestOnHost]) -> Capacity:
    """Return a host's capacity with another of its volume groups as the pool: where a guest lies that is there already.

    `guests` are those with a claim to what they have there. What nobody claims is no room, and counts for nobody.
    """
    return replace(
        capacity,
        pool=pool.name,
        medium=pool.medium,
        redundancy=pool.redundancy,
        problem=pool.problem,
        extent_bytes=pool.extent_bytes,
        disk_bytes=pool.free_bytes + _volumes_bytes(guests, pool),
        unclaimed=Amounts(
            capacity.unclaimed.memory_mib,
            capacity.unclaimed.millicores,
            rates=capacity.elsewhere.get(pool.name, NOTHING).rates,
        ),
    )


def moved(
    inventory: Inventory, reserved: Mapping[GuestId, Mapping[str, Amounts]], facts: HostFacts
) -> list[tuple[GuestId, str, str]]:
    """Return the guests whose volumes lie in another pool than is reserved, which is not there: it was renamed.

    Or nobody knew its name: an upgrade has reserved in none where the host had just told of none.
    """
    there, pool = {group.name for group in facts.volume_groups}, pool_of(facts)
    found = []
    for guest in inventory.guests:
        kept, seen = reserved.get(guest.id, {}), {disk.pool for disk in guest.disks}
        if not seen and guest.volumes and pool:  # an older agent, which made all volumes in the largest group
            seen = {pool.name}
        if len(kept) == len(seen) == 1 and not there.intersection(kept) and seen <= there:
            found.append((guest.id, next(iter(kept)), str(next(iter(seen)))))
    return found


def guest_memory(facts: HostFacts) -> int:
    """Return Xen's memory less what Domain-0 really is given, what foreign domains take, and the reserve, in MiB."""
    dom0 = max(facts.dom0_maxmem_mib or 0, facts.dom0_memory_mib)
    foreign = sum(memory_for(domain.memory_mib, domain.vcpus) for domain in facts.foreign)
    return facts.xen_memory_mib - dom0 - foreign - RESERVE_MIB


def _guest_millicores(facts: HostFacts) -> int:
    """Return the thousandths of cores that guests can be given.

    Where Domain-0 has processors of its own, those in the guests' cpupools: domains that are not Teig's are beside
    Domain-0 then, and one that somebody put among the guests was taken off by the agent. Where it shares them, its
    weight may take three quarters for each of its vCPUs, and domains that are not Teig's one for each of theirs.
    """
    if facts.dom0_cores:
        return 1000 * facts.guest_cores
    foreign = sum(domain.vcpus for domain in facts.foreign)
    shared = facts.cores - DOM0_PART * min(facts.dom0_vcpus, facts.cores)
    return round(1000 * (shared - foreign))


def memory_room(host: Candidate) -> int:
    """Return the MiB that are reserved for nobody."""
    return host.capacity.memory_mib - host.taken.memory_mib


def disk_room(host: Candidate) -> int:
    """Return the bytes of the host's pool that are reserved for nobody."""
    return host.capacity.disk_bytes - host.taken.disk_bytes


def core_room(host: Candidate) -> float:
    """Return the cores that are reserved for nobody."""
    return (host.capacity.millicores - host.taken.millicores) / 1000


def rate_room(host: Candidate) -> dict[str, int]:
    """Return how much more of each rate can be reserved, of that one alone, by the names of DiskRate; {} if unrated.

    Reads and writes use the same disks: what is reserved of one takes its part of the other away, unless the pool was
    measured to do both at once.
    """
    if host.rating is None:
        return {}
    return {RATES[mine]: _rate_room(host.taken.rates, host.rating, mine, other) for mine, other in _both_ways()}


def _rate_room(taken: tuple[int, ...], rating: PoolRating, mine: int, other: int) -> int:
    rated, other_rated = (getattr(rating.rate, RATES[place]) for place in (mine, other))
    lost = 0 if rating.together else -(-taken[other] * rated // other_rated)
    return int(rated - taken[mine] - lost)


def _both_ways() -> list[tuple[int, int]]:
    return [pair for one, other in _PAIRS for pair in ((one, other), (other, one))]


def oversold(host: Candidate) -> list[str]:
    """Return in words each resource of which more is reserved than there is; its guests keep what they have."""
    rooms = {"memory": memory_room(host), "processor": core_room(host), "disk": disk_room(host), **rate_room(host)}
    return [name for name, room in rooms.items() if room < 0]


def refusal(host: Candidate, demand: Demand, has: Amounts = NOTHING) -> str | None:
    """Return why the host cannot take the guest, with the numbers, or None where it can.

    `has` is what is reserved for this guest there already, and is among what the host has reserved: only what is wanted
    beyond that needs room, so that a guest can always be given less.
    """
    capacity = host.capacity
    wanted = amounts(demand, capacity.extent_bytes)
    why = _wrong_pool(capacity, demand)
    if why is not None or wanted.largest(has) == has:
        return why
    if has == NOTHING and (why := _takes_none(capacity, demand)) is not None:
        return why
    memory = memory_room(host)
    if wanted.memory_mib > has.memory_mib and wanted.memory_mib > memory + has.memory_mib:
        return f"memory: {wanted.memory_mib} MiB wanted, {max(0, memory + has.memory_mib)} MiB free"
    millicores = capacity.millicores - host.taken.millicores + has.millicores
    if wanted.millicores > has.millicores and wanted.millicores > millicores:
        return f"processor: {demand.share_cores:g} cores wanted, {max(0, millicores) / 1000:g} free"
    return _pool_refusal(host, wanted, has)


def _wrong_pool(capacity: Capacity, demand: Demand) -> str | None:
    """Return why a pool is not of the kind that is promised, however much room it has."""
    if not capacity.pool or demand.pool.fits(capacity.medium, capacity.redundancy):
        return None
    return (
        f"pool {capacity.pool} is {capacity.medium}, redundancy {capacity.redundancy}; "
        f"{demand.pool.medium}, redundancy {demand.pool.redundancy} is wanted"
    )


def _takes_none(capacity: Capacity, demand: Demand) -> str | None:
    """Return why a host takes no guest that it has not got, however much room it has."""
    if demand.guest_type not in capacity.guest_types:
        return f"cannot run {demand.guest_type} guests"
    if capacity.refuses:
        return capacity.refuses
    if not capacity.pool:
        return "has no pool"
    return f"pool {capacity.pool}: {capacity.problem}" if capacity.problem else None


def _pool_refusal(host: Candidate, wanted: Amounts, has: Amounts) -> str | None:
    room = disk_room(host) + has.disk_bytes
    if wanted.disk_bytes > has.disk_bytes and wanted.disk_bytes > room:
        return f"disk: {wanted.disk_bytes >> 20} MiB wanted, {max(0, room) >> 20} MiB free"
    return _rate_refusal(host, wanted, has)


def _rate_refusal(host: Candidate, wanted: Amounts, has: Amounts) -> str | None:
    if host.rating is None:
        return f"pool {host.capacity.pool} was never rated: run teig pool bench {host.name}"
    others = (host.taken - has).rates
    after = tuple(taken + max(new, old) for taken, new, old in zip(others, wanted.rates, has.rates, strict=True))
    for mine, other in _both_ways():
        new, old = wanted.rates[mine], has.rates[mine]
        if new > old and _rate_room(after, host.rating, mine, other) < 0:
            before = tuple(rate - (max(new, old) if place == mine else 0) for place, rate in enumerate(after))
            free = max(0, _rate_room(before, host.rating, mine, other))
            name = RATES[mine]
            beside = "" if host.rating.together else ", beside what is reserved the other way"
            return f"disk {name}: {new} wanted, {free} free of {getattr(host.rating.rate, name)}{beside}"
    return None
