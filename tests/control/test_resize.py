"""Another plan for a guest that runs: nobody loses or gains what no plan says, and there is always a way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from teig.control import adopting, drift, guests, hosts, observing, plans, pools
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import InvalidRequest, Refused
from teig.model.operation import OperationState
from teig.model.pool import DiskRate, Medium, PoolRating, Redundancy
from teig.model.units import GIB, MIB
from teig.policy.drift import VOLUME_SMALL
from teig.store import guests as stored_guests
from teig.store import hosts as stored_hosts
from tests.simulated import HOST_KEY, candidate, server_with_hosts, stored, wait, wish

COMMON = """
disk_mib = 256
read_iops = 500
write_iops = 250
read_mib_s = 16
write_mib_s = 8
out_mbit = 50
in_mbit = 50
addresses = 1
"""
ANY = 'medium = "any"\nredundancy = "any"\n'
PLANS = f"""
[wide]
memory_mib = 96
vcpus = 4
share_cores = 0.4
ceiling_cores = 4
{ANY}{COMMON}
[narrow]
memory_mib = 96
vcpus = 1
share_cores = 0.4
ceiling_cores = 1
{ANY}{COMMON}
[less]
memory_mib = 64
vcpus = 1
share_cores = 0.1
ceiling_cores = 1
{ANY}{COMMON}
[mirrored]
memory_mib = 64
vcpus = 1
share_cores = 0.1
ceiling_cores = 1
medium = "ssd"
redundancy = "raid10"
{COMMON}
"""


def observe(services: Services) -> None:
    observing.observe_all(services, services.db.read(stored_hosts.listed))


@pytest.mark.parametrize(("before", "after"), [("wide", "narrow"), ("narrow", "wide")])
def test_a_domain_with_an_earlier_plan_s_vcpus_has_the_share_of_the_new_one(
    services: Services, host: SimulatedHost, before: str, after: str
) -> None:
    """Xen gives the weight to each vCPU: another number of them would make it another share."""
    plans.apply(services, PLANS)
    wait(services, guests.create(services, wish("web", plan=before)))
    wait(services, guests.resize(services, "web", after))
    [guest] = stored(services)
    live = host.guest(guest.id).live
    assert live is not None
    assert live.vcpus != guest.spec.vcpus
    assert live.weight * live.vcpus == pytest.approx(1024 * 0.4, abs=2)
    assert live.cap == (100 if before == "wide" else 0), "no more than all of the new plan's vCPUs can use"
    observe(services)
    assert [(one.field, one.fixable) for one in drift.found(services)] == [("vcpus", False)]
    wait(services, guests.reboot(services, "web", 0))
    observe(services)
    assert drift.found(services) == []


def test_a_plan_s_kind_of_pool_is_promised_to_those_that_are_there_too(services: Services, host: SimulatedHost) -> None:
    plans.apply(services, PLANS)
    wait(services, guests.create(services, wish("web")))
    host.groups["vg0"].medium, host.groups["vg0"].redundancy = Medium.SAS, Redundancy.NONE
    observe(services)
    with pytest.raises(Refused, match="pool vg0 is sas, redundancy none; ssd, redundancy raid10 is wanted"):
        guests.resize(services, "web", "mirrored")


def test_a_disk_that_could_not_be_made_larger_can_be_promised_its_size_again(tmp_path: Path) -> None:
    host = SimulatedHost("sim1", memory_mib=8192, disk_bytes=40 * GIB)
    with server_with_hosts(tmp_path, host) as services:
        wait(services, guests.create(services, wish("web")))
        wait(services, guests.resize(services, "web", "small"))
        host.others_bytes = 25 * GIB  # somebody makes a volume of his own
        assert wait(services, guests.reboot(services, "web", 0)).state is OperationState.DONE
        observe(services)
        small = next(one for one in drift.found(services) if one.kind == VOLUME_SMALL)
        assert "has 256 MiB and should have 20480" in small.text
        wait(services, guests.resize(services, "web", "tiny"))
        observe(services)
        assert [disk.size_bytes for disk in stored(services)[0].spec.disks] == [256 * MIB]
        assert not [one for one in drift.found(services) if one.kind == VOLUME_SMALL]


def test_a_resize_that_fails_before_the_host_was_told_gives_back_what_it_wanted(
    services: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans.apply(services, PLANS)
    wait(services, guests.create(services, wish("web")))
    before = candidate(services, "sim1").reserved

    def broken(*_: object) -> bool:
        raise ValueError

    monkeypatch.setattr(host, "image_present", broken)
    assert wait(services, guests.resize(services, "web", "wide")).state is OperationState.FAILED
    assert candidate(services, "sim1").reserved == before


def test_less_memory_is_told_to_hold_from_the_next_start_and_not_mended_for_ever(
    services: Services, host: SimulatedHost
) -> None:
    plans.apply(services, PLANS)
    wait(services, guests.create(services, wish("web")))
    wait(services, guests.resize(services, "web", "less"))
    observe(services)
    assert {one.field: one.fixable for one in drift.found(services)} == {"memory_mib": False}
    wait(services, guests.reboot(services, "web", 0))
    observe(services)
    assert drift.found(services) == []
    assert host.truth().guests[0].live is not None


def test_guests_outside_of_the_largest_group_are_resized_and_adopted(tmp_path: Path) -> None:
    host = SimulatedHost("sim1", memory_mib=4096, cores=4, disk_bytes=40 * GIB)
    with server_with_hosts(tmp_path, host) as services:
        wait(services, guests.create(services, wish("web")))
        host.add_group("larger", 100 * GIB)
        observe(services)
        wait(services, guests.resize(services, "web", "small"))
        assert stored(services)[0].spec.plan == "small"
        host.others_bytes = 39 * GIB
        observe(services)
        wait(services, guests.resize(services, "web", "tiny"))
        observe(services)
        with pytest.raises(Refused, match="disk: "):
            guests.resize(services, "web", "small")
        kept = candidate(services, "sim1").reserved
        hosts.remove(services, "sim1", force=True)
        hosts.add(services, "sim1", "sim1", 22, HOST_KEY, "lab")
        assert adopting.adopt(services, "sim1").adopted == ("web",)
        assert candidate(services, "sim1").reserved == kept


def test_a_group_that_gets_another_name_keeps_what_is_reserved_in_it(tmp_path: Path) -> None:
    host = SimulatedHost("sim1", memory_mib=4096, cores=4, disk_bytes=40 * GIB)
    with server_with_hosts(tmp_path, host) as services:
        wait(services, guests.create(services, wish("web")))
        before = candidate(services, "sim1").reserved
        group = host.groups.pop("vg0")
        group.name = "vg-new"
        host.groups["vg-new"] = group
        observe(services)
        assert candidate(services, "sim1").reserved == before
        wait(services, guests.mend(services, "web"))
        assert candidate(services, "sim1").reserved == before


def test_what_nobody_claims_in_a_pool_that_is_not_the_largest_counts_there_too(tmp_path: Path) -> None:
    host = SimulatedHost("sim1", memory_mib=4096, cores=4, disk_bytes=40 * GIB)
    fast = PLANS.replace("read_iops = 500", "read_iops = 1000").replace("[wide]", "[fast]").split("[narrow]")[0]
    with server_with_hosts(tmp_path, host) as services:
        plans.apply(services, fast)
        pools.rate(services, "sim1", PoolRating(DiskRate(1200, 1200, 10**9, 10**9), together=True))
        wait(services, guests.create(services, wish("big", plan="fast")))
        host.add_group("larger", 100 * GIB)
        rows = services.db.read(stored_hosts.listed)
        services.db.write(lambda connection: stored_guests.remove(connection, stored(services)[0], None))
        observe(services)
        seen = services.db.read(lambda connection: stored_hosts.candidate(connection, rows[0], "vg0"))
        assert seen is not None
        assert seen.taken.rates[0] == 1000
        assert adopting.adopt(services, "sim1").adopted == ("big",)
        again = services.db.read(lambda connection: stored_hosts.candidate(connection, rows[0], "vg0"))
        assert again is not None
        assert (again.reserved.rates[0], again.capacity.unclaimed.rates[0]) == (1000, 0)


def test_a_volume_that_somebody_moved_into_another_group_is_no_room_there(
    services: Services, host: SimulatedHost
) -> None:
    """It counted as if its guest had a claim to that group."""
    group, host.memory_mib = host.groups["vg0"], 8192
    observe(services)
    wait(services, guests.create(services, wish("web")))
    larger = host.add_group("larger", 200 * GIB + group.size_bytes)
    observe(services)
    pools.bench(services, "sim1")
    wait(services, guests.create(services, wish("shop")))
    [volume] = larger.volumes
    larger.volumes.clear()
    group.volumes.append(volume)
    volume.group, volume.size_bytes = group, 40 * GIB
    host.others_bytes = group.size_bytes - group.guests_bytes  # and it is full
    observe(services)
    with pytest.raises(Refused, match=r"disk|pool"):
        guests.resize(services, "web", "small")


def test_a_figure_may_have_as_many_decimals_as_its_unit_has_parts() -> None:
    for mbit, kbit in ((1.001, 1001), (2.01, 2010), (8.03, 8030), (32.005, 32005)):
        assert plans.parse(PLANS.replace("out_mbit = 50", f"out_mbit = {mbit}"))["wide"].out_kbit == kbit
    for wrong in ("1.0001", "nan", "inf", "-inf", "1e400", "1e-400"):
        with pytest.raises(InvalidRequest, match="out_mbit"):
            plans.parse(PLANS.replace("out_mbit = 50", f"out_mbit = {wrong}"))
