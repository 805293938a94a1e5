"""What is told of a guest, as teig.model.host.GuestOnHost: words and figures from what was read of its host."""

from __future__ import annotations

from typing import Any, NamedTuple

from teig.agent.contract.spec import LEAST_MIB, DiskRate
from teig.agent.disks import volumes
from teig.agent.disks.volumes import Volume
from teig.agent.host.clock import Clock
from teig.agent.host.state import State
from teig.agent.keeper import keeper
from teig.agent.keeper.limits import Threads
from teig.agent.network import transfer
from teig.agent.xen.backends import WORK
from teig.agent.xen.hypervisor import MAXMEM_CONSTANT_KIB, SHUTDOWN_CRASH, Domain, Share


class Read(NamedTuple):
    """What was read of the host once, for all guests."""

    volumes: list[Volume]
    threads: Threads
    held: dict[str, str]
    transfer: dict[str, dict[str, Any]]
    now: Clock


def read(state: State, threads: Threads, now: Clock) -> Read:
    """Read what all guests are told by, but the disks' `threads`, which not everybody needs."""
    return Read(volumes.mapped(), threads, keeper.held_back(), transfer.totals(state), now)


NO_LIMITS = DiskRate(0, 0, 0, 0)


def record(guest: str, domain: Domain | None, disks: dict[int, Volume], known: Read) -> dict[str, Any]:
    """Return what can be told of a guest without its files."""
    return {
        "id": guest,
        "fence": 0,
        "spec": None,
        "domid": domain.domid if domain else None,
        "state": state_word(domain),
        "live": None,
        "volumes": list(disks),
        "disks": [
            {"index": index, "pool": volume.vg, "size_bytes": volumes.size_of_active(volume)}
            for index, volume in disks.items()
        ],
        "cpu_time_ns": domain.cpu_time_ns if domain else 0,
        "dom0_time": None,
        "started": None,
        "ran_s": None,
        "answers": None,
        "held": known.held.get(guest, ""),
        "transfer": known.transfer.get(guest),
        **known.now._asdict(),
    }


def lives(domain: Domain | None) -> bool:
    """Say whether a domain runs: one that is dying was destroyed, and has only not let go of its memory yet."""
    return domain is not None and not domain.shutdown and not domain.dying


def state_word(domain: Domain | None) -> str:
    """Return a word of teig.model.guest.GuestState."""
    if domain is None or domain.dying:
        return "stopped"
    if domain.shutdown and domain.shutdown_reason == SHUTDOWN_CRASH:
        return "crashed"
    # One that has never run is being made: xl lets it go as the last thing.
    return "paused" if domain.paused and domain.cpu_time_ns and not domain.shutdown else "running"


def live(domain: Domain, share: Share | None, rate: DiskRate, cores: int) -> dict[str, int]:
    """Return what the hypervisor gives a domain, as teig.model.guest.Entitled; 0 where Xen says nothing.

    Memory is told to the nearest MiB: a PVH guest has a few pages of Xen's own besides those that it was promised
    (tools/include/xenguest.h, X86_HVM_NR_SPECIAL_PAGES).
    """
    return {
        "memory_mib": (domain.mem_kib + 512) // 1024,
        "maxmem_mib": maxmem_mib(domain),
        "vcpus": domain.vcpus,
        "weight": share.weight if share else 0,
        "cap": share.cap if share else 0,
        "own_cores": cores,
        **rate._asdict(),
    }


def dom0_time(seconds: dict[str, float]) -> dict[str, float] | None:
    """Return how long Domain-0 has worked for a domain, as teig.model.host.Dom0Time; None where nothing counts that."""
    return {f"{work}_s": seconds.get(work, 0.0) for work in WORK} if seconds else None


def maxmem_mib(domain: Domain) -> int:
    """Return the most memory that Xen lets a domain have."""
    return max(0, domain.maxmem_kib - MAXMEM_CONSTANT_KIB) // 1024  # 0 while xl is making it


def has_now(domain: Domain, stored: dict[str, Any]) -> dict[str, Any]:
    """Return a guest's description with what its domain has: it was started with that, where no file says with what.

    An older agent started it, or somebody's `xl create`; while xl is making it, it has less than any guest may have.
    """
    memory_mib = max((domain.mem_kib + 512) // 1024, maxmem_mib(domain))
    return {**stored, "memory_mib": memory_mib, "vcpus": domain.vcpus} if memory_mib >= LEAST_MIB else stored
