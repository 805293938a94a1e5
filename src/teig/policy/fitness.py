"""Whether a machine can be a host: what is missing, in plain words for its administrator."""

from __future__ import annotations

from dataclasses import dataclass

from teig.model.host import HostFacts

LEAST_FREE_MIB = 64


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
        (bool(facts.volume_groups), "There is no LVM volume group: make one with vgcreate for the guests' disks."),
        (
            facts.free_memory_mib >= LEAST_FREE_MIB or not facts.xen_version,
            f"Xen has {facts.free_memory_mib} MiB of memory free: that is not enough for a guest.",
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
    heaviest = max((domain.weight for domain in facts.foreign), default=256)
    if facts.dom0_weight <= heaviest:
        warnings.append(
            f"Domain-0 has the scheduler weight {facts.dom0_weight}: busy guests can starve it. "
            "Give it more: xl sched-credit -d Domain-0 -w 512 (or xl sched-credit2)."
        )
    if facts.foreign:
        names = ", ".join(domain.name for domain in facts.foreign[:5])
        memory = sum(domain.memory_mib for domain in facts.foreign)
        warnings.append(
            f"{len(facts.foreign)} domains here are not Teig's ({names}): {memory} MiB and their processors are "
            "counted as taken, and they are never touched."
        )
    return warnings
