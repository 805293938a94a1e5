"""Hosts in memory, for tests and for scale: they keep the driver's promises and do nothing else.

A simulated host refuses what a real one refuses: too little memory, a full volume group, an old fence, an image that it
has not got. It is never the proof that something works on Xen.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from teig.audit.host import AuditedHost, HostSettings
from teig.fleet.agent_bundle import bundle
from teig.fleet.driver import ByteStream, Claim, HostAddress
from teig.model.errors import Busy, Conflict, Fenced, HostFault, NotFound, TeigError, Unreachable
from teig.model.guest import Disk, Entitled, GuestSpec
from teig.model.host import ForeignDomain, GuestOnHost, HostFacts, Inventory, VolumeGroup, VolumeOnHost
from teig.model.image import Image
from teig.model.job import Job, JobState
from teig.model.names import GuestId, ImageId
from teig.model.pool import DiskRate, Medium, PoolRating, Redundancy
from teig.model.units import GIB, MIB
from teig.policy.admission import memory_for
from teig.policy.placement import PlacementDecision

DOM0_MIB = 1024
DOM0_VCPUS = 2


@dataclass
class SimulatedGuest:
    """What a simulated host keeps of one guest; `started` is what its domain was started with."""

    fence: int = 0
    spec: GuestSpec | None = None
    domid: int | None = None
    started: GuestSpec | None = None
    started_ns: int = 0
    volumes: dict[int, VolumeOnHost] = field(default_factory=dict)
    job: tuple[int, tuple[object, ...], Job] | None = None
    deaf: bool = False
    """It takes no notice of being asked to shut down."""


class SimulatedHost:
    """One host in memory. `answers` False makes it unreachable; `silence_s` is how long it then keeps one waiting.

    LVM gives space out in extents of `extent_bytes`, and others have taken `others_bytes` of the volume group. Jobs
    take `job_s` seconds; `lose_jobs` kills the processes that do them.
    """

    def __init__(self, name: str, memory_mib: int = 16384, disk_bytes: int = 1024 * GIB, cores: int = 8) -> None:
        self.name = name
        self.memory_mib = memory_mib
        self.disk_bytes = disk_bytes
        self.cores = cores
        self.disk_iops = 1_000_000
        self.extent_bytes = 4 * MIB
        self.others_bytes = 0
        self.keeper_beat: float | None = 1.0
        self.answers = True
        self.silence_s = 0.0
        self.job_s = 0.0
        self.ready_s = 0.0
        self.images: set[ImageId] = set()
        self.guests: dict[GuestId, SimulatedGuest] = {}
        self.foreign: tuple[ForeignDomain, ...] = ()
        self.audited: AuditedHost | None = None
        self.boot = str(uuid.uuid4())
        self._next_domid = 1
        self._work: dict[GuestId, tuple[float, Callable[[SimulatedGuest], None]]] = {}
        self._lock = threading.RLock()

    def facts(self, timeout_s: float = 60.0) -> HostFacts:
        """Return the facts of a sound host of this size."""
        self._reach(timeout_s)
        dom0_cores = 0 if self.cores < 2 else min(DOM0_VCPUS, max(1, self.cores // 8))
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
            dom0_vcpus=DOM0_VCPUS,
            dom0_weight=2048,
            autoballoon=False,
            cgroup2=True,
            bridges=("xenbr0",),
            volume_groups=(self._group(),),
            missing_programs=(),
            foreign=self.foreign,
            keeper_beat=self.keeper_beat,
            dom0_cores=dom0_cores,
            guest_cores=self.cores - dom0_cores,
            agent_version=bundle().version,
            keeper_version=bundle().version,
            capabilities=("jobs",),
        )

    def _group(self) -> VolumeGroup:
        free = self.disk_bytes - self._used_bytes()
        ours = sum(disk.size_bytes for kept in self.guests.values() for disk in kept.volumes.values())
        return VolumeGroup("vg0", self.disk_bytes, free, Medium.SSD, Redundancy.RAID10, "", self.extent_bytes, ours)

    def audit_facts(self) -> AuditedHost:
        """Return what was put into `audited`; of its own, a simulated host has no settings and no files."""
        self._reach()
        return self.audited or AuditedHost(HostSettings(self.name), ())

    def inventory(self, timeout_s: float = 60.0) -> Inventory:
        """Return all guests that left something here."""
        self._reach(timeout_s)
        with self._lock:
            now = time.monotonic_ns()
            there = [guest for guest, kept in self.guests.items() if kept.spec is not None or kept.volumes]
            return Inventory(tuple(self._told(guest, now) for guest in there), self.foreign, self.boot, now)

    def guest(self, guest: GuestId, timeout_s: float = 60.0) -> GuestOnHost:
        """Return one guest."""
        self._reach(timeout_s)
        with self._lock:
            kept = self.guests.get(guest)
            if kept is None or (kept.spec is None and not kept.volumes):
                raise NotFound(f"Host {self.name} knows nothing of guest {guest}.")
            return self._told(guest, time.monotonic_ns())

    def _told(self, guest: GuestId, now: int) -> GuestOnHost:
        kept = self.guests[guest]
        running = kept.domid is not None and kept.started is not None
        ran_s = (now - kept.started_ns) / 1e9 if running else None
        return GuestOnHost(
            id=guest,
            fence=kept.fence,
            spec=kept.spec,
            domid=kept.domid,
            state="running" if running else "stopped",
            live=_live(kept) if running else None,
            volumes=tuple(sorted(kept.volumes)),
            disks=tuple(kept.volumes.values()),
            started=kept.started if running else None,
            answers=ran_s >= self.ready_s if ran_s is not None else None,
            ran_s=ran_s,
            boot=self.boot,
            uptime_ns=now,
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
        """Return what every simulated pool can do, both ways at once."""
        self._reach()
        rate = DiskRate(self.disk_iops, self.disk_iops, self.disk_iops * 4096, self.disk_iops * 4096)
        return PoolRating(rate, together=True)

    def volume_create(self, claim: Claim, decision: PlacementDecision, disk: Disk, pool: str) -> Job:  # noqa: ARG002
        """Remember the volume, if its group is there and has room."""

        def work(kept: SimulatedGuest) -> None:
            if pool != "vg0":
                raise HostFault(f"Host {self.name} has no volume group {pool}.", code="no_volume_group")
            if disk.index not in kept.volumes:
                self._take(kept, disk)

        return self._job(claim, ("volume_create", disk, pool), work)

    def _take(self, kept: SimulatedGuest, disk: Disk) -> None:
        """Make a volume, or make one larger: LVM rounds its size up."""
        size = -(-disk.size_bytes // self.extent_bytes) * self.extent_bytes
        there = kept.volumes[disk.index].size_bytes if disk.index in kept.volumes else 0
        if self._used_bytes() + size - there > self.disk_bytes:
            raise HostFault(f"The volume group of {self.name} is full.", code="volume_group_full")
        kept.volumes[disk.index] = VolumeOnHost(disk.index, "vg0", max(size, there))

    def volume_write_image(self, claim: Claim, decision: PlacementDecision, disk: Disk, image: ImageId) -> Job:  # noqa: ARG002
        """Check that volume and image are here."""

        def work(kept: SimulatedGuest) -> None:
            if disk.index not in kept.volumes or image not in self.images:
                raise HostFault(f"Host {self.name} has no such volume or image.")

        return self._job(claim, ("volume_write_image", disk, image), work)

    def volume_delete(self, claim: Claim, index: int) -> Job:
        """Forget the volume of a guest that does not run."""

        def work(kept: SimulatedGuest) -> None:
            if kept.domid is not None:
                raise HostFault(f"Guest {claim.guest} runs.")
            kept.volumes.pop(index, None)

        return self._job(claim, ("volume_delete", index), work)

    def guest_define(self, claim: Claim, decision: PlacementDecision, spec: GuestSpec) -> None:  # noqa: ARG002
        """Remember the spec."""
        with self._lock:
            self._claimed(claim).spec = spec

    def guest_start(self, claim: Claim) -> Job:
        """Give the guest a domid, if there is memory for it."""
        return self._job(claim, ("guest_start",), self._start)

    def _start(self, kept: SimulatedGuest) -> None:
        if kept.spec is None:
            raise NotFound(f"A guest is not defined on {self.name}.")
        if kept.domid is not None:
            return
        for disk in kept.spec.disks:
            self._take(kept, disk)
        if memory_for(kept.spec.memory_mib, kept.spec.vcpus) > self.memory_mib - DOM0_MIB - self._used_mib():
            raise HostFault(f"Xen on {self.name} has not enough memory.", code="out_of_memory")
        kept.started, kept.started_ns, kept.domid = kept.spec, time.monotonic_ns(), self._next_domid
        self._next_domid += 1

    def guest_enforce(self, claim: Claim) -> None:
        """Weight, cap and rates of a simulated guest are always what its files say."""
        with self._lock:
            self._claimed(claim)

    def keeper_start(self) -> None:
        """Let the keeper have looked just now."""
        self._reach()
        self.keeper_beat = 0.0

    def guest_stop(self, claim: Claim, grace_s: float) -> Job:
        """Take the domid away; one that is deaf keeps it until its grace is over."""
        deaf = claim.guest in self.guests and self.guests[claim.guest].deaf
        return self._job(claim, ("guest_stop", grace_s), self._stop, grace_s if deaf else 0.0)

    def _stop(self, kept: SimulatedGuest) -> None:
        kept.domid, kept.started = None, None

    def guest_reboot(self, claim: Claim, grace_s: float) -> Job:
        """Give the guest another domid."""

        def work(kept: SimulatedGuest) -> None:
            self._stop(kept)
            self._start(kept)

        deaf = claim.guest in self.guests and self.guests[claim.guest].deaf
        return self._job(claim, ("guest_reboot", grace_s), work, grace_s if deaf else 0.0)

    def job(self, claim: Claim) -> Job:
        """Return the guest's newest job, after doing its work where its time has come."""
        with self._lock:
            self._claimed(claim)
            return self._newest(claim.guest)

    def job_cancel(self, claim: Claim) -> Job:
        """End the running job of a guest."""
        with self._lock:
            self._claimed(claim)
            job = self._newest(claim.guest)
            if job.state is JobState.RUNNING:
                self._end(claim.guest, Conflict("It was cancelled.", code="job_cancelled"))
            return self._newest(claim.guest)

    def lose_jobs(self) -> None:
        """Kill what does the jobs that run."""
        with self._lock:
            for guest in list(self._work):
                self._end(guest, Busy("It was cut short on its host.", code="job_lost"))

    def host_reboot(self) -> None:
        """Take all domains away, and let those that ran start again."""
        with self._lock:
            self.lose_jobs()
            self.boot = str(uuid.uuid4())
            for kept in [kept for kept in self.guests.values() if kept.domid is not None]:
                self._stop(kept)
                self._start(kept)

    def _job(
        self, claim: Claim, key: tuple[object, ...], work: Callable[[SimulatedGuest], None], more_s: float = 0.0
    ) -> Job:
        with self._lock:
            kept = self._claimed(claim)
            if kept.job is not None and self._newest(claim.guest).state is JobState.RUNNING:
                if kept.job[1] != key:
                    raise Busy("Another job of the guest is under way.", code="job_running")
                kept.job = (claim.fence, key, kept.job[2])
                return kept.job[2]
            if kept.job is not None and kept.job[:2] == (claim.fence, key) and kept.job[2].state is JobState.DONE:
                return kept.job[2]
            kept.job = (claim.fence, key, Job(str(key[0]), JobState.RUNNING))
            self._work[claim.guest] = (time.monotonic() + self.job_s + more_s, work)
            return self._newest(claim.guest)

    def _newest(self, guest: GuestId) -> Job:
        kept = self.guests[guest]
        if kept.job is None:
            raise NotFound(f"Host {self.name} knows of no job of guest {guest}.", code="no_job")
        due, work = self._work.get(guest, (float("inf"), self._stop))
        if time.monotonic() >= due:
            try:
                work(kept)
            except TeigError as error:
                self._end(guest, error)
            else:
                self._end(guest, None)
        return kept.job[2]

    def _end(self, guest: GuestId, error: TeigError | None) -> None:
        kept = self.guests[guest]
        self._work.pop(guest, None)
        if kept.job is not None:
            fence, key, job = kept.job
            state = JobState.DONE if error is None else JobState.FAILED
            told = None if error is None else error.as_record()
            kept.job = (fence, key, Job(job.verb, state, result={"domid": kept.domid}, error=told))

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

    def _reach(self, timeout_s: float = 60.0) -> None:
        if not self.answers:
            time.sleep(min(self.silence_s, timeout_s))
            raise Unreachable(f"Host {self.name} does not answer.", "Look whether it runs.")

    def _claimed(self, claim: Claim) -> SimulatedGuest:
        self._reach()
        kept = self.guests.setdefault(claim.guest, SimulatedGuest())
        if claim.fence < kept.fence:
            raise Fenced(f"Fence {claim.fence} is older than {kept.fence}.")
        kept.fence = claim.fence
        return kept

    def _used_mib(self) -> int:
        running = [kept.started for kept in list(self.guests.values()) if kept.started]
        return sum(memory_for(spec.memory_mib, spec.vcpus) for spec in running)

    def _used_bytes(self) -> int:
        ours = [disk.size_bytes for kept in list(self.guests.values()) for disk in list(kept.volumes.values())]
        return self.others_bytes + sum(ours)


def _live(kept: SimulatedGuest) -> Entitled | None:
    """Return what Xen says: memory and vCPUs are the domain's own, the rest is what the keeper keeps it at."""
    if kept.started is None:
        return None
    own, held = kept.started.entitled, (kept.spec or kept.started).entitled
    return replace(
        held, memory_mib=own.memory_mib, maxmem_mib=max(own.memory_mib, held.maxmem_mib), vcpus=own.vcpus,
        own_cores=own.own_cores,
    )  # fmt: skip


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
