"""What a machine is told that wants to be a host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teig.fleet.simulated import SimulatedHost
from teig.model.host import ForeignDomain
from teig.policy.fitness import judge

SOUND = SimulatedHost("a").facts()


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
        ({"free_memory_mib": 10}, "10 MiB of memory free"),
        ({"scheduler": "rtds"}, "scheduler is rtds"),
        ({"missing_programs": ("lvcreate",)}, "Programs are missing: lvcreate"),
    ],
)
def test_each_lack_is_said_once(changes: dict[str, object], words: str) -> None:
    [said] = judge(replace(SOUND, **changes), "xenbr0").missing  # type: ignore[arg-type]
    assert words in said


def test_a_light_domain_0_and_foreign_domains_are_warned_of() -> None:
    foreign = (ForeignDomain(3, "old", "-", 512, 1, 256),)
    said = " ".join(judge(replace(SOUND, dom0_weight=256, foreign=foreign), "xenbr0").warnings)
    assert "weight 256" in said
    assert "(old): 512 MiB" in said
