"""Who may say where a guest's bytes go, and what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teig.fleet.simulated import SimulatedHost
from teig.model.errors import InternalFault, Refused
from teig.model.guest import Disk
from teig.model.host import ForeignDomain, GuestOnHost, HostFacts, Inventory, VolumeGroup, VolumeOnHost
from teig.model.names import GuestId, HostId
from teig.model.pool import DiskRate, Medium, PoolClass, PoolRating, Redundancy
from teig.model.units import GIB, MIB
from teig.policy.admission import (
    NOTHING,
    Amounts,
    Candidate,
    Demand,
    amounts,
    capacity_of,
    core_room,
    demand_of,
    disk_room,
    entitled_to,
    memory_for,
    memory_room,
    observed_of,
    oversold,
    rate_room,
    refusal,
)
from teig.policy.placement import PlacementDecision, affirm, decide
from tests.model.test_model import SPEC

GUEST = GuestId("6e0b3a52-0000-4000-8000-000000000001")
RATE = DiskRate(1000, 1000, 100 * MIB, 100 * MIB)
SMALL = Demand(
    memory_mib=1024,
    vcpus=1,
    disks=(10 * GIB,),
    share_cores=0.5,
    disk_rate=DiskRate(100, 100, MIB, MIB),
    pool=PoolClass(),
    guest_type="pv",
)


def seen(name: str, memory_mib: int = 8192, **changes: Any) -> HostFacts:
    return replace(SimulatedHost(name, memory_mib=memory_mib, disk_bytes=100 * GIB, cores=4).facts(), **changes)


def candidate(name: str, memory_mib: int = 8192, facts: HostFacts | None = None, **changes: Any) -> Candidate:
    capacity = capacity_of(facts or seen(name, memory_mib), Inventory((), ()), {})
    made = Candidate(HostId(name), name, "oslo", capacity, PoolRating(RATE, together=True), NOTHING)
    return replace(made, **changes)


def taken(
    memory_mib: int = 64, share_cores: float = 0.001, disk_bytes: int = 4 * MIB, rate: DiskRate | None = None
) -> Amounts:
    least = DiskRate(10, 10, 65536, 65536)
    return entitled_to(
        replace(
            SPEC,
            vcpus=2,
            memory_mib=memory_mib,
            share_cores=share_cores,
            disks=(Disk(0, disk_bytes),),
            disk_rate=rate or least,
        ),
        4 * MIB,
    )


def test_nobody_else_can_make_a_decision() -> None:
    with pytest.raises(InternalFault, match=r"only be made by teig\.policy\.placement"):
        PlacementDecision(object(), GUEST, HostId("a"), "oslo")


def test_the_host_with_the_most_free_memory_is_taken() -> None:
    assert decide(GUEST, SMALL, "oslo", [candidate("a"), candidate("b", 16384), candidate("c")], None).host == "b"


def test_the_host_that_was_asked_for_is_taken() -> None:
    assert decide(GUEST, SMALL, "oslo", [candidate("a"), candidate("b", 16384)], "a").host == "a"


def test_no_host_of_another_site_is_taken() -> None:
    with pytest.raises(Refused, match="There is no host at site bergen"):
        decide(GUEST, SMALL, "bergen", [candidate("a")], None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"reserved": taken(memory_mib=6200)}, r"memory: \d+ MiB wanted, \d+ MiB free"),
        ({"reserved": taken(disk_bytes=95 * GIB)}, "disk: 10244 MiB wanted, 5116 MiB free"),
        ({"reserved": taken(share_cores=1.9) + taken(share_cores=0.9)}, "processor: 0.5 cores wanted, 0.2 free"),
        (
            {"reserved": taken(rate=DiskRate(10, 950, 65536, 65536))},
            "disk write_iops: 100 wanted, 50 free of 1000",
        ),
        (
            {"reserved": taken(rate=DiskRate(10, 10, 99 * MIB + 1, 65536))},
            f"disk read_bps: {MIB} wanted, {MIB - 1} free of {100 * MIB}",
        ),
        ({"rating": None}, "pool vg0 was never rated: run teig pool bench a"),
    ],
)
def test_a_refusal_names_host_resource_and_numbers(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=f"a: {reason}"):
        decide(GUEST, SMALL, "oslo", [candidate("a", **changes)], None)


def test_a_type_that_the_host_cannot_run_is_refused() -> None:
    host = candidate("a", facts=seen("a", guest_types=("pv",)))
    with pytest.raises(Refused, match="a: cannot run pvh guests"):
        decide(GUEST, replace(SMALL, guest_type="pvh"), "oslo", [host], None)


@pytest.mark.parametrize(
    ("group", "wanted", "reason"),
    [
        ((Medium.SAS, Redundancy.RAID1, ""), PoolClass(Medium.SSD), "pool vg0 is sas, redundancy raid1; ssd"),
        ((Medium.SSD, Redundancy.NONE, ""), PoolClass(redundancy=Redundancy.RAID1), "redundancy none; any"),
        ((Medium.SSD, Redundancy.RAID1, ""), PoolClass(redundancy=Redundancy.RAID10), "redundancy raid1; any"),
        ((Medium.SSD, Redundancy.RAID10, "md0 lacks a disk."), PoolClass(), "pool vg0: md0 lacks a disk."),
    ],
)
def test_a_pool_of_another_class_or_in_bad_health_is_refused(
    group: tuple[Medium, Redundancy, str], wanted: PoolClass, reason: str
) -> None:
    host = candidate("a", facts=seen("a", volume_groups=(VolumeGroup("vg0", GIB * 100, GIB * 100, *group),)))
    assert reason in str(refusal(host, replace(SMALL, pool=wanted)))


def test_raid10_is_good_for_raid1() -> None:
    assert refusal(candidate("a"), replace(SMALL, pool=PoolClass(Medium.SSD, Redundancy.RAID1))) is None


def test_foreign_domains_count() -> None:
    host = candidate("a", facts=seen("a", dom0_cores=0))
    crowded = candidate("a", facts=seen("a", dom0_cores=0, foreign=(ForeignDomain(7, "old", "-", 2048, 1, 256),)))
    assert memory_room(host) - memory_room(crowded) == memory_for(2048, 1)
    assert core_room(host) - core_room(crowded) == 1
    beside = SimulatedHost("b", cores=16)
    beside.foreign = (ForeignDomain(7, "old", "-", 2048, 8, 256),)
    facts = beside.facts()
    assert capacity_of(facts, Inventory((), ()), {}).millicores == 1000 * (16 - facts.dom0_cores - 8), "counted once"


def test_a_host_that_moved_to_another_site_gets_no_more_bytes() -> None:
    assert affirm(GUEST, candidate("a"), "oslo").host == "a"
    with pytest.raises(Refused, match="Host a is at site oslo now, and the guest was promised bergen"):
        affirm(GUEST, candidate("a"), "bergen")


rates = st.builds(
    DiskRate, st.integers(10, 400), st.integers(10, 400), st.integers(65536, 40 * MIB), st.integers(65536, 40 * MIB)
)
demands = st.builds(
    Demand,
    memory_mib=st.integers(64, 3000),
    vcpus=st.just(2),
    disks=st.lists(st.integers(1, 10_000).map(lambda extents: extents * 4 * MIB), min_size=1, max_size=3).map(tuple),
    share_cores=st.integers(1, 2000).map(lambda thousandths: thousandths / 1000),
    disk_rate=rates,
    pool=st.just(PoolClass()),
    guest_type=st.just("pv"),
)


@given(st.lists(demands, max_size=40), st.booleans(), st.sampled_from([4 * MIB, 32 * MIB]))
def test_whatever_is_asked_for_nothing_is_promised_twice(wanted: list[Demand], together: bool, extent: int) -> None:
    facts = seen("a", volume_groups=(VolumeGroup("vg0", 100 * GIB, 60 * GIB, Medium.SSD, Redundancy.NONE, "", extent),))
    host = candidate("a", facts=facts, rating=PoolRating(RATE, together))
    for demand in wanted:
        if refusal(host, demand) is None:
            host = replace(host, reserved=host.reserved + amounts(demand, extent))
    assert oversold(host) == []
    assert host.reserved.disk_bytes <= 60 * GIB  # what others have of the group is theirs
    reads, writes = host.reserved.rates[0] / RATE.read_iops, host.reserved.rates[1] / RATE.write_iops
    assert (max(reads, writes) if together else reads + writes) <= 1
    assert host.reserved.millicores <= 3000  # Domain-0 has one of the four for itself
    assert min(rate_room(host).values()) >= 0
    assert disk_room(host) >= 0


def test_a_guest_can_always_be_given_less() -> None:
    has = amounts(SMALL, 4 * MIB)
    host = candidate("a", reserved=has + taken(memory_mib=9000))
    assert oversold(host) == ["memory"]
    assert refusal(host, replace(SMALL, memory_mib=512), has) is None
    assert "memory" in str(refusal(host, replace(SMALL, memory_mib=1025), has))


@pytest.mark.parametrize("millicores", [1001, 2002, 2010])  # 1000 * (millicores / 1000) is less
def test_what_fits_to_the_last_thousandth_of_a_core_is_taken(millicores: int) -> None:
    host = candidate("a")
    free = replace(host, capacity=replace(host.capacity, millicores=millicores))
    assert refusal(free, replace(SMALL, share_cores=millicores / 1000)) is None
    assert "processor" in str(refusal(free, replace(SMALL, share_cores=millicores / 1000 + 0.001)))


def test_where_domain_0_shares_its_processors_its_weight_counts() -> None:
    shared = candidate("a", facts=seen("a", dom0_cores=0, guest_cores=4, dom0_vcpus=2))
    assert core_room(shared) == 2.5


def test_shares_are_rounded_up_and_every_vcpu_counts() -> None:
    """A weight of 1 is a part of a core too (1024 are one)."""
    small = replace(SMALL, share_cores=0.01049, vcpus=1)
    assert amounts(small, 4 * MIB).millicores == 11
    assert amounts(replace(small, share_cores=0.01, vcpus=128), 4 * MIB).millicores == 128
    assert amounts(replace(small, share_cores=0.25), 4 * MIB).millicores == 250


def test_what_a_domain_has_counts_though_nothing_else_is_told_of_it() -> None:
    machine = SimulatedHost("a")
    live = replace(SPEC.entitled, memory_mib=12000, vcpus=4)
    unreadable = replace(_on_host(), spec=None, live=live, domid=7)
    room = capacity_of(machine.facts(), Inventory((unreadable,), ()), {})
    assert (room.unclaimed.memory_mib, room.unclaimed.millicores) == (memory_for(12000, 4), 4000)
    older = replace(unreadable, spec=SPEC)
    assert observed_of(older, 4 * MIB).memory_mib == memory_for(12000, 4)


def test_volumes_of_ours_that_no_guest_has_are_nobodys_room() -> None:
    facts = seen("a", 8192)
    group = replace(facts.volume_groups[0], free_bytes=9 * GIB, guests_bytes=100 * GIB)
    facts = replace(facts, volume_groups=(group,))
    assert capacity_of(facts, Inventory((), ()), {}).disk_bytes == 9 * GIB
    has = replace(_on_host(), disks=(VolumeOnHost(0, group.name, 5 * GIB),), volumes=(0,))
    assert capacity_of(facts, Inventory((has,), ()), {}).disk_bytes == 14 * GIB + group.extent_bytes


def test_less_is_given_whatever_has_become_of_the_pool() -> None:
    full = candidate("a", rating=None, reserved=taken(memory_mib=8000))
    demand = demand_of(replace(SPEC, memory_mib=64))
    assert refusal(full, demand, amounts(demand, 4 * MIB)) is None


def _on_host() -> GuestOnHost:
    return GuestOnHost(
        id=SPEC.id, fence=1, spec=SPEC, domid=None, state="stopped", live=None, volumes=(), cpu_time_ns=0, answers=None
    )


def test_guests_that_lie_in_another_group_make_no_room_in_this_one() -> None:
    facts = seen("a", 8192)
    group = replace(facts.volume_groups[0], free_bytes=9 * GIB, guests_bytes=100 * GIB)
    facts = replace(facts, volume_groups=(group,))
    elsewhere = replace(_on_host(), disks=(VolumeOnHost(0, "another", 5 * GIB),), volumes=(0,))
    bare = replace(_on_host(), disks=(), volumes=())
    assert capacity_of(facts, Inventory((elsewhere, bare), ()), {}).disk_bytes == 9 * GIB


def test_what_a_guest_has_in_another_group_than_is_reserved_is_not_sold_again() -> None:
    facts = seen("a", 8192)
    group = replace(
        facts.volume_groups[0], free_bytes=9 * GIB, guests_bytes=5 * GIB + facts.volume_groups[0].extent_bytes
    )
    old = replace(group, name="old", size_bytes=group.size_bytes // 2)
    facts = replace(facts, volume_groups=(group, old))
    has = replace(_on_host(), disks=(VolumeOnHost(0, group.name, 5 * GIB),), volumes=(0,))
    there, astray = (capacity_of(facts, Inventory((has,), ()), {has.id: {pool}}) for pool in (group.name, "old"))
    assert (there.unclaimed, there.disk_bytes) == (Amounts(), 14 * GIB + group.extent_bytes)
    assert astray.disk_bytes - astray.unclaimed.disk_bytes == 9 * GIB
    assert astray.unclaimed.rates == observed_of(has, group.extent_bytes, group.name).rates != Amounts().rates
