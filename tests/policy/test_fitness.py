"""What a machine is told that wants to be a host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teig.fleet.simulated import SimulatedHost
from teig.model.host import ForeignDomain
from teig.policy.fitness import judge

SOUND = replace(SimulatedHost("a").facts(), dom0_cores=1, guest_cores=7)


def test_a_sound_machine_lacks_nothing() -> None:
    assert judge(SOUND, "xenbr0") == judge(SOUND, "xenbr0")
    assert judge(SOUND, "xenbr0").missing == ()
    assert judge(SOUND, "xenbr0").warnings == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"xen_version": ""}, "Xen is not running"),
        ({"dom0_maxmem_mib": None}, "memory is not fixed"),
        ({"autoballoon": True}, 'autoballoon="off"'),
        ({"cgroup2": False}, "cgroup v2"),
        ({"bridges": ("br9",)}, "no bridge xenbr0"),
        ({"volume_groups": ()}, "no LVM volume group"),
        ({"volume_groups": (), "lvm_failure": "vgs failed."}, "which volume groups there are: vgs failed."),
        ({"xen_memory_mib": SOUND.dom0_memory_mib + 42}, "leave 10 MiB of Xen's memory"),
        ({"scheduler": "rtds"}, "scheduler is rtds"),
        ({"missing_programs": ("lvcreate",)}, "Programs are missing: lvcreate"),
    ],
)
def test_each_lack_is_said_once(changes: dict[str, object], words: str) -> None:
    [said] = judge(replace(SOUND, **changes), "xenbr0").missing  # type: ignore[arg-type]
    assert words in said


def test_a_host_that_is_full_of_our_guests_may_be_enrolled_again() -> None:
    assert judge(replace(SOUND, free_memory_mib=10), "xenbr0").missing == ()


def test_foreign_domains_are_warned_of() -> None:
    foreign = (ForeignDomain(3, "old", "-", 512, 1, 256),)
    [said] = judge(replace(SOUND, foreign=foreign), "xenbr0").warnings
    assert "(old): 512 MiB" in said


def test_no_weight_that_the_keeper_gives_is_warned_of() -> None:
    for weight in (1, 127, 512, 65535):
        assert judge(replace(SOUND, dom0_weight=weight), "xenbr0").warnings == ()


@pytest.mark.parametrize(("cores", "vcpus", "kept"), [(1, 1, "0.75"), (8, 2, "1.5"), (2, 8, "1.5")])
def test_a_host_that_shares_its_processors_is_told_what_it_cannot_promise(cores: int, vcpus: int, kept: str) -> None:
    shared = replace(SOUND, cores=cores, dom0_vcpus=vcpus, dom0_cores=0, guest_cores=cores)
    [said] = judge(shared, "xenbr0").warnings
    assert f"may need {kept} of them" in said
    assert ("only one" in said) == (cores == 1)


def test_a_machine_that_is_no_host_yet_is_told_nothing_of_processors() -> None:
    assert judge(replace(SOUND, keeper_beat=None, dom0_cores=0), "xenbr0").warnings == ()
