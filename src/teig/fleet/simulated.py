"""Hosts in memory, for tests and for scale: they keep the driver's promises and do nothing else.

A simulated host refuses what a real one refuses: too little memory, a full volume group, an old fence, an image that it
has not got. It is never the proof that something works on Xen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from teig.audit.host import AuditedHost, HostSettings
from teig.fleet.driver import ByteStream, Claim, HostAddress
from teig.model.errors import Fenced, HostFault, NotFound, TeigError, Unreachable
from teig.model.guest import Disk, GuestSpec
from teig.model.host import ForeignDomain, GuestOnHost, HostFacts, Inventory, VolumeGroup, VolumeOnHost
from teig.model.image import Image
from teig.model.job import Job, JobState
from teig.model.names import GuestId, ImageId
from teig.model.pool import DiskRate, PoolRating, Medium, Redundancy
from teig.model.units import GIB
from teig.policy.admission import memory_for
from teig.policy.placement import PlacementDecision

DOM0_MIB = 1024


@dataclass
class SimulatedGuest:
    """What a simulated host keeps of one guest."""

    fence: int = 0
    spec: GuestSpec | None = None
    domid: int | None = None
    volumes: dict[int, Disk] = field(default_factory=dict)


class SimulatedHost:
    """One host in memory. `answers` set to False makes it unreachable."""

    def __init__(self, name: str, memory_mib: int = 16384, disk_bytes: int = 1024 * GIB, cores: int = 8) -> None:
        self.name = name
        self.memory_mib = memory_mib
        self.disk_bytes = disk_bytes
        self.cores = cores
        self.disk_iops = 1_000_000
        self.keeper_beat: float | None = 1.0
        self.answers = True
        self.images: set[ImageId] = set()
        self.guests: dict[GuestId, SimulatedGuest] = {}
        self.foreign: tuple[ForeignDomain, ...] = ()
        self.audited: AuditedHost | None = None
        self._next_domid = 1
        self.jobs: dict[GuestId, Job] = {}
        self._lock = threading.RLock()

    def facts(self, timeout_s: float = 60.0) -> HostFacts:
        """Return the facts of a sound host of this size."""
        self._reach()
        return HostFacts(
            hostname=self.name,
            machine_id=f"machine-of-{self.name}",
            xen_version="4.17.0-simulated",
            kernel="simulated",
            cores=self.cores,
            xen_memory_mib=self.memory_mib,
            free_memory_mib=self.memory_mib - DOM0_MIB - self._used_mib(),
            scheduler="credit2",
            guest_types=("pv", "pvh"),
            dom0_memory_mib=DOM0_MIB,
            dom0_maxmem_mib=DOM0_MIB,
            dom0_vcpus=2,
            dom0_weight=2048,
            autoballoon=False,
            cgroup2=True,
            bridges=("xenbr0",),
            volume_groups=(
                VolumeGroup(
                    "vg0",
                    self.disk_bytes,
                    self.disk_bytes - self._used_bytes(),
                    Medium.SSD,
                    Redundancy.RAID10,
                    "",
                    guests_bytes=self._used_bytes(),
                ),
            ),
            missing_programs=(),
            foreign=self.foreign,
            keeper_beat=self.keeper_beat,
            dom0_cores=1 if self.cores > 1 else 0,
            guest_cores=self.cores - 1 if self.cores > 1 else 1,
        )

    def audit_facts(self) -> AuditedHost:
        """Return what was put into `audited`; of its own, a simulated host has no settings and no files."""
        self._reach()
        return self.audited or AuditedHost(HostSettings(self.name), ())

    def inventory(self, timeout_s: float = 60.0) -> Inventory:
        """Return all guests that left something here."""
        self._reach()
        with self._lock:
            there = [guest for guest, kept in self.guests.items() if kept.spec is not None or kept.volumes]
            now = time.monotonic_ns()
            return Inventory(tuple(self.guest(guest) for guest in there), self.foreign, "b", now)

    def guest(self, guest: GuestId, timeout_s: float = 60.0) -> GuestOnHost:
        """Return one guest."""
        self._reach()
        kept = self.guests.get(guest)
        if kept is None or (kept.spec is None and not kept.volumes):
            raise NotFound(f"Host {self.name} knows nothing of guest {guest}.")
        running = kept.domid is not None and kept.spec is not None
        return GuestOnHost(
            id=guest,
            fence=kept.fence,
            spec=kept.spec,
            domid=kept.domid,
            state="running" if running else "stopped",
            live=kept.spec.entitled if running and kept.spec else None,
            volumes=tuple(sorted(kept.volumes)),
            disks=tuple(VolumeOnHost(d.index, "vg0", d.size_bytes) for d in kept.volumes.values()),
            started=kept.spec if running else None,
            answers=True if running else None,
            ran_s=1.0 if running else None,
            boot="b",
            uptime_ns=time.monotonic_ns(),
        )

    def image_present(self, image: ImageId) -> bool:
        """Return whether the image was put here."""
        self._reach()
        return image in self.images

    def image_put(self, decision: PlacementDecision, image: Image, folder: Path, check: Callable[[], None]) -> None:  # noqa: ARG002
        """Remember the image; its files are not looked at."""
        self._reach()
        self.images.add(image.id)

    def pool_bench(self, name: str) -> PoolRating:  # noqa: ARG002
        """Return what every simulated pool can do."""
        self._reach()
        return PoolRating(DiskRate(self.disk_iops, self.disk_iops, self.disk_iops * 4096, self.disk_iops * 4096))

    def _volume_create(self, claim: Claim, decision: PlacementDecision, disk: Disk) -> None:  # noqa: ARG002
        """Remember the volume, if the volume group has room."""
        with self._lock:
            kept = self._claimed(claim)
            if disk.index not in kept.volumes and self._used_bytes() + disk.size_bytes > self.disk_bytes:
                raise HostFault(f"The volume group of {self.name} is full.", code="volume_group_full")
            kept.volumes[disk.index] = disk

    def _volume_write_image(self, claim: Claim, decision: PlacementDecision, disk: Disk, image: ImageId) -> None:  # noqa: ARG002
        """Check that volume and image are here."""
        with self._lock:
            if disk.index not in self._claimed(claim).volumes or image not in self.images:
                raise HostFault(f"Host {self.name} has no such volume or image.")

    def _volume_delete(self, claim: Claim, index: int) -> None:
        """Forget the volume."""
        with self._lock:
            self._claimed(claim).volumes.pop(index, None)

    def guest_define(self, claim: Claim, decision: PlacementDecision, spec: GuestSpec) -> None:  # noqa: ARG002
        """Remember the spec."""
        with self._lock:
            self._claimed(claim).spec = spec

    def _guest_start(self, claim: Claim) -> int:
        """Give the guest a domid, if there is memory for it."""
        with self._lock:
            kept = self._claimed(claim)
            if kept.spec is None:
                raise NotFound(f"Guest {claim.guest} is not defined on {self.name}.")
            if kept.domid is None:
                if memory_for(kept.spec.memory_mib, kept.spec.vcpus) > self.memory_mib - DOM0_MIB - self._used_mib():
                    raise HostFault(f"Xen on {self.name} has not enough memory.", code="out_of_memory")
                for disk in kept.spec.disks:
                    kept.volumes[disk.index] = disk
                kept.domid = self._next_domid
                self._next_domid += 1
            return kept.domid

    def guest_enforce(self, claim: Claim) -> None:
        """A simulated guest is what its spec says."""
        with self._lock:
            self._claimed(claim)

    def keeper_start(self) -> None:
        """Let the keeper have looked just now."""
        self._reach()
        self.keeper_beat = 0.0

    def _guest_stop(self, claim: Claim, grace_s: float) -> None:  # noqa: ARG002
        """Take the domid away."""
        with self._lock:
            self._claimed(claim).domid = None

    def _guest_reboot(self, claim: Claim, grace_s: float) -> int:
        """Give the guest another domid."""
        with self._lock:
            self._guest_stop(claim, grace_s)
            return self._guest_start(claim)

    def volume_create(self, claim: Claim, decision: PlacementDecision, disk: Disk, pool: str) -> Job:
        return self._job("volume_create", claim, lambda: self._volume_create(claim, decision, disk))

    def volume_write_image(self, claim: Claim, decision: PlacementDecision, disk: Disk, image: ImageId) -> Job:
        return self._job("volume_write_image", claim, lambda: self._volume_write_image(claim, decision, disk, image))

    def volume_delete(self, claim: Claim, index: int) -> Job:
        return self._job("volume_delete", claim, lambda: self._volume_delete(claim, index))

    def guest_start(self, claim: Claim) -> Job:
        return self._job("guest_start", claim, lambda: self._guest_start(claim))

    def guest_stop(self, claim: Claim, grace_s: float) -> Job:
        return self._job("guest_stop", claim, lambda: self._guest_stop(claim, grace_s))

    def guest_reboot(self, claim: Claim, grace_s: float) -> Job:
        return self._job("guest_reboot", claim, lambda: self._guest_reboot(claim, grace_s))

    def job(self, claim: Claim) -> Job:
        return self.jobs[claim.guest]

    def job_cancel(self, claim: Claim) -> Job:
        return self.jobs[claim.guest]

    def _job(self, verb: str, claim: Claim, work: Callable[[], object]) -> Job:
        self._claimed(claim)
        try:
            domid = work()
            job = Job(verb, JobState.DONE, result={"domid": domid})
        except TeigError as error:
            job = Job(verb, JobState.FAILED, error=error.as_record())
        self.jobs[claim.guest] = job
        return job

    def guest_undefine(self, claim: Claim) -> None:
        """Forget the spec, keep the fence."""
        with self._lock:
            kept = self._claimed(claim)
            if kept.domid is not None:
                raise HostFault(f"Guest {claim.guest} runs.")
            kept.spec = None

    def open_port(self, guest: GuestId, port: int) -> AbstractAsyncContextManager[ByteStream]:
        """Open an echo."""
        self.guest(guest)
        return _echo(f"port {port}")

    def open_console(self, guest: GuestId) -> AbstractAsyncContextManager[ByteStream]:
        """Open an echo."""
        self.guest(guest)
        return _echo("console")

    def _reach(self) -> None:
        if not self.answers:
            raise Unreachable(f"Host {self.name} does not answer.", "Look whether it runs.")

    def _claimed(self, claim: Claim) -> SimulatedGuest:
        self._reach()
        kept = self.guests.setdefault(claim.guest, SimulatedGuest())
        if claim.fence < kept.fence:
            raise Fenced(f"Fence {claim.fence} is older than {kept.fence}.")
        kept.fence = claim.fence
        return kept

    def _used_mib(self) -> int:
        running = [kept.spec for kept in self.guests.values() if kept.domid and kept.spec]
        return sum(memory_for(spec.memory_mib, spec.vcpus) for spec in running)

    def _used_bytes(self) -> int:
        return sum(disk.size_bytes for kept in self.guests.values() for disk in kept.volumes.values())


class SimulatedFleet:
    """Simulated hosts, found by the address they were given."""

    def __init__(self, hosts: list[SimulatedHost]) -> None:
        self.hosts = {host.name: host for host in hosts}

    def host(self, address: HostAddress) -> SimulatedHost:
        """Return the host whose name is the address."""
        if address.address not in self.hosts:
            raise Unreachable(f"Nothing answers at {address.address}.", "Look at the address.")
        return self.hosts[address.address]

    def close(self) -> None:
        """Nothing is open."""


class _Echo:
    def __init__(self, greeting: str) -> None:
        self._waiting = [greeting.encode()]

    async def read(self, most: int) -> bytes:
        return self._waiting.pop(0)[:most] if self._waiting else b""

    async def write(self, data: bytes) -> None:
        self._waiting.append(data)

    def write_eof(self) -> None:
        return


@asynccontextmanager
async def _echo(greeting: str) -> AsyncIterator[ByteStream]:
    yield _Echo(greeting)
