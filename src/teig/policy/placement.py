"""The one check that every step passes which puts a guest's bytes somewhere.

Only this module can make a `PlacementDecision`, and the drivers in `teig.fleet` refuse to write a byte without one.
What is decided today: the host is at the site that was asked for and has room. Residency joins it here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from teig.model.errors import InternalFault, Refused
from teig.model.host import HostFacts
from teig.model.names import GuestId, HostId

_SEAL: Final = object()
XEN_OVERHEAD_MIB: Final = 8
"""What Xen needs for a small PV domain besides its memory, in MiB: page tables, grant tables, its own records."""
RESERVE_MIB: Final = 32
"""What is left unused on every host, in MiB."""


class PlacementDecision:
    """That one guest's bytes may be written to one host. Made by `decide` and `affirm` only."""

    __slots__ = ("guest", "host", "site")

    def __init__(self, seal: object, guest: GuestId, host: HostId, site: str) -> None:
        """Refuse to exist without the seal that only this module holds."""
        if seal is not _SEAL:
            raise InternalFault("A placement decision can only be made by teig.policy.placement.")
        self.guest = guest
        self.host = host
        self.site = site


@dataclass(frozen=True)
class Demand:
    """What a guest needs of a host: memory in MiB, disk in bytes (the sum of its volumes), guaranteed cores, type."""

    memory_mib: int
    disk_bytes: int
    share_cores: float
    guest_type: str


@dataclass(frozen=True)
class Candidate:
    """A host that might take a guest, with what is promised on it already to guests that Teig placed there.

    `promised_*` count every guest of ours, running or not, with Xen's overhead; `facts` are the host's newest.
    """

    id: HostId
    name: str
    site: str
    draining: bool
    facts: HostFacts
    promised_memory_mib: int
    promised_disk_bytes: int
    promised_cores: float


def memory_for(memory_mib: int) -> int:
    """Return what a guest of `memory_mib` takes from its host, in MiB, Xen's own overhead included."""
    return memory_mib + XEN_OVERHEAD_MIB


def memory_room(host: Candidate) -> int:
    """Return the MiB that are promised to nobody: Xen's, less Domain-0, foreign domains, our promises, the reserve."""
    dom0 = host.facts.dom0_maxmem_mib or host.facts.dom0_memory_mib
    foreign = sum(memory_for(domain.memory_mib) for domain in host.facts.foreign)
    return host.facts.xen_memory_mib - dom0 - foreign - host.promised_memory_mib - RESERVE_MIB


def disk_room(host: Candidate) -> int:
    """Return the bytes of the host's largest volume group that are promised to no guest."""
    return max((group.size_bytes for group in host.facts.volume_groups), default=0) - host.promised_disk_bytes


def core_room(host: Candidate) -> float:
    """Return the cores that are promised to nobody: all of them less foreign domains' vCPUs and our promises."""
    return host.facts.cores - sum(domain.vcpus for domain in host.facts.foreign) - host.promised_cores


def decide(guest: GuestId, demand: Demand, site: str, hosts: list[Candidate], wanted: str | None) -> PlacementDecision:
    """Return where the guest goes: of the hosts at `site` with room, the one with the most free memory.

    `wanted` names the one host that the caller insists on. Raises Refused, which names for each host what it lacks.
    """
    here = [host for host in hosts if host.site == site and wanted in {None, host.name}]
    if not here:
        what = f"the host {wanted}" if wanted else "a host"
        raise Refused(f"Site {site} has not got {what}.", "Look at: teig host list", code="no_host")
    refusals = {host.name: refusal(host, demand) for host in here}
    fit = [host for host in here if refusals[host.name] is None]
    if not fit:
        reasons = "; ".join(f"{name}: {why}" for name, why in sorted(refusals.items()))
        raise Refused(
            f"No host at site {site} has room. {reasons}.", "Choose a smaller plan or add a host.", code="no_room"
        )
    best = max(fit, key=lambda host: (memory_room(host), host.name))
    return PlacementDecision(_SEAL, guest, best.id, site)


def refusal(host: Candidate, demand: Demand) -> str | None:
    """Return why the host cannot take the guest, with the numbers, or None where it can."""
    memory, disk, cores = memory_room(host), disk_room(host), core_room(host)
    if host.draining:
        return "is being drained"
    if demand.guest_type not in host.facts.guest_types:
        return f"cannot run {demand.guest_type} guests"
    if memory_for(demand.memory_mib) > memory:
        return f"memory: {memory_for(demand.memory_mib)} MiB wanted, {max(0, memory)} MiB free"
    if demand.disk_bytes > disk:
        return f"disk: {demand.disk_bytes >> 20} MiB wanted, {max(0, disk) >> 20} MiB free"
    if demand.share_cores > cores:
        return f"processor: {demand.share_cores:g} cores wanted, {max(0.0, cores):g} free"
    return None


def affirm(guest: GuestId, placed_on: Candidate, site: str) -> PlacementDecision:
    """Return the decision for a guest that holds its place already, after checking the place anew.

    Raises Refused where the host has since been moved to another site: no further byte goes there.
    """
    if placed_on.site != site:
        raise Refused(
            f"Host {placed_on.name} is at site {placed_on.site} now, and the guest was promised {site}.",
            "Move the host back, or move the guest.",
            code="wrong_site",
        )
    return PlacementDecision(_SEAL, guest, placed_on.id, site)
