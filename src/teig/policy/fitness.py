"""Whether a machine can be a host: what is missing, in plain words for its administrator."""

from __future__ import annotations

from dataclasses import dataclass

from teig.model.host import HostFacts
from teig.policy.admission import guest_memory

LEAST_FREE_MIB = 64
DOM0_BUSY = 0.75
"""How much of a processor each vCPU of Domain-0 may take by its weight where it shares them (docs/keeper.md)."""


@dataclass(frozen=True)
class Fitness:
    """What keeps a machine from being a host, and what should be better but need not be."""

    missing: tuple[str, ...]
    warnings: tuple[str, ...]


def judge(facts: HostFacts, bridge: str) -> Fitness:
    """Return what is wrong with a machine that is to join guests to `bridge`."""
    checks = (
        (bool(facts.xen_version), "Xen is not running: install xen-system-amd64 and boot it."),
        (
            facts.dom0_maxmem_mib is not None,
            "Domain-0's memory is not fixed: put dom0_mem=2G,max:2G on Xen's command line (GRUB_CMDLINE_XEN).",
        ),
        (not facts.autoballoon, 'Domain-0 would be ballooned: set autoballoon="off" in /etc/xen/xl.conf.'),
        (facts.cgroup2, "cgroup v2 is not mounted at /sys/fs/cgroup: boot with systemd.unified_cgroup_hierarchy=1."),
        (bridge in facts.bridges, f"There is no bridge {bridge}: make one and put the guests' network card into it."),
        (not facts.lvm_failure, f"LVM does not say which volume groups there are: {facts.lvm_failure}"),
        (
            bool(facts.volume_groups or facts.lvm_failure),
            "There is no LVM volume group: make one with vgcreate for the guests' disks.",
        ),
        (
            guest_memory(facts) >= LEAST_FREE_MIB or not facts.xen_version,
            f"Other domains leave {max(0, guest_memory(facts))} MiB of Xen's memory: that is not enough for a guest.",
        ),
        (
            facts.scheduler in {"credit", "credit2"} or not facts.xen_version,
            f"Xen's scheduler is {facts.scheduler}: boot Xen with sched=credit2 or sched=credit.",
        ),
        (not facts.missing_programs, f"Programs are missing: {', '.join(facts.missing_programs)}."),
    )
    return Fitness(tuple(text for good, text in checks if not good), tuple(_warnings(facts)))


def _warnings(facts: HostFacts) -> list[str]:
    warnings = []
    if facts.keeper_beat is not None and facts.xen_version and not facts.dom0_cores:
        warnings.append(_shared(facts))
    if facts.foreign:
        names = ", ".join(domain.name for domain in facts.foreign[:5])
        memory = sum(domain.memory_mib for domain in facts.foreign)
        warnings.append(
            f"{len(facts.foreign)} domains here are not Teig's ({names}): {memory} MiB and their processors are "
            "counted as taken, and they are never touched."
        )
    return warnings


def _shared(facts: HostFacts) -> str:
    """Return what a host cannot promise where Domain-0 and the guests share their processors, and why they do.

    The keeper divides a host unless that is impossible (docs/keeper.md, "Domain-0's processors").
    """
    kept = DOM0_BUSY * min(facts.dom0_vcpus, facts.cores)
    reason = (
        "there is only one"
        if facts.cores == 1
        else "there are cpupools of others or too many other domains, or teig-keeper has not divided them yet"
    )
    return (
        f"Domain-0 shares the host's {facts.cores} processors with the guests, for {reason}. It may need {kept:g} of "
        "them for the guests' disks and networks, so no more than the rest can be promised, and how fast it answers "
        "depends on how busy the guests are. See xl cpupool-list -c and journalctl -u teig-keeper."
    )
