"""Hosts in memory, for tests and for scale: the driver's calls on a `SimulatedMachine`.

A simulated host refuses what a real one refuses, keeps what a real one keeps, and can be as silent, slow and mortal as
one. tests/fleet/contract holds both to the same tests; it is never the proof that something works on Xen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from teig.agent.contract.protocol import CAPABILITIES
from teig.audit.host import AuditedHost, HostSettings
from teig.fleet.agent_bundle import bundle
from teig.fleet.driver import ByteStream, Claim, Host, HostAddress
from teig.fleet.simulated_jobs import Key, SimulatedJob, Work
from teig.fleet.simulated_machine import DOM0_MIB, DOM0_VCPUS, SimulatedGuest, SimulatedMachine, SimulatedVolume
from teig.fleet.simulated_streams import echo
from teig.model.errors import Busy, Conflict, Fenced, InternalFault, NotFound, TeigError, Unreachable, from_record
from teig.model.guest import Disk, GuestSpec
from teig.model.host import GuestOnHost, HostFacts, Inventory, VolumeOnHost
from teig.model.image import Image, NetworkSetup
from teig.model.job import JOB_CANCELLED, Job
from teig.model.names import GuestId, HostId, ImageId
from teig.model.pool import DiskRate, PoolRating
from teig.model.units import GIB
from teig.policy.placement import PlacementDecision
from teig.record import dump, load

__all__ = ["DOM0_MIB", "SimulatedFleet", "SimulatedGuest", "SimulatedHost"]
T = TypeVar("T")


class SimulatedHost(SimulatedMachine):
    """One host in memory; its attributes say how it behaves, and may be changed at any time.

    `answers` False makes it unreachable, and `silence_s` is how long it then keeps one waiting. A call takes `call_s`
    seconds, a job `job_s` or what `verb_s` says for its verb; `failures` are errors that verbs end with. A guest
    answers `ready_s` seconds after its start. With `encoded`, all that it tells goes through JSON and the parser.
    """

    def __init__(
        self,
        name: str,
        memory_mib: int = 16384,
        disk_bytes: int = 1024 * GIB,
        cores: int = 8,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(memory_mib, disk_bytes, cores, clock)
        self.name = name
        self.disk_iops = 1_000_000
        self.silence_s = self.call_s = self.job_s = 0.0
        self.verb_s: dict[str, float] = {}
        self.failures: dict[str, TeigError] = {}
        self.ready_s = 0.0
        self.images: set[ImageId] = set()
        self.audited: AuditedHost | None = None
        self.agent_version = self.keeper_version = bundle().version
        self.encoded = False
        self._seeded: set[ImageId] = set()
        self._lost_answers = 0

    def lose_answers(self, count: int) -> None:
        """Let the host carry out the next calls and tell nobody of it."""
        self._lost_answers = count

    def lose_jobs(self, of: GuestId | None = None) -> None:
        """Kill the processes that do the jobs which run, or one guest's alone."""
        with self.lock:
            for guest, kept in self.guests.items():
                if of in {None, guest} and kept.job is not None and kept.job.runs:
                    kept.job.fail(Busy(f"The {kept.job.verb} was cut short on its host.", code="job_lost"))

    def facts(self, timeout_s: float = 60.0) -> HostFacts:
        """Return the facts of a sound host of this size."""
        with self._call("facts", timeout_s):
            found = HostFacts(
                hostname=self.name,
                machine_id=f"machine-of-{self.name}",
                xen_version="4.17.0-simulated",
                kernel="simulated",
                cores=self.cores,
                xen_memory_mib=self.memory_mib,
                free_memory_mib=self.free_memory_mib,
                scheduler="credit2",
                guest_types=("pv", "pvh"),
                dom0_memory_mib=DOM0_MIB,
                dom0_maxmem_mib=DOM0_MIB,
                dom0_vcpus=DOM0_VCPUS,
                dom0_weight=2048,
                autoballoon=False,
                cgroup2=True,
                bridges=("xenbr0",),
                volume_groups=tuple(group.as_fact() for group in self.groups.values() if group.there),
                missing_programs=(),
                foreign=self.foreign,
                keeper_beat=self.keeper_beat,
                dom0_cores=self.dom0_cores,
                guest_cores=self.cores - self.dom0_cores - sum(domain.vcpus for domain in self.foreign),
                agent_version=self.agent_version,
                keeper_version=self.keeper_version,
                capabilities=CAPABILITIES,
                boot=self.boot,
                uptime_ns=self.uptime_ns(),
            )
        return self._sent(HostFacts, found)

    def audit_facts(self) -> AuditedHost:
        """Return what was put into `audited`; of its own, a simulated host has no settings and no files."""
        with self._call("audit_facts"):
            found = self.audited or AuditedHost(HostSettings(self.name), ())
        return self._sent(AuditedHost, found)

    def inventory(self, timeout_s: float = 60.0) -> Inventory:
        """Return all guests that left something here."""
        with self._call("inventory", timeout_s):
            found = self.truth()
        return self._sent(Inventory, found)

    def truth(self) -> Inventory:
        """Return what an inventory would tell, without a call: for tests, whatever becomes of calls."""
        with self.lock:
            self.advance()
            uptime_ns = self.uptime_ns()
            told = tuple(self._told(guest, kept, uptime_ns) for guest, kept in self._guests.items() if kept.known)
            return Inventory(told, self.foreign, self.boot, uptime_ns)

    def guest(self, guest: GuestId, timeout_s: float = 60.0) -> GuestOnHost:
        """Return one guest."""
        with self._call("guest", timeout_s):
            kept = self._guests.get(guest)
            if kept is None or not kept.known:
                raise NotFound(f"Host {self.name} has no guest {guest}.", code="no_guest")
            found = self._told(guest, kept, self.uptime_ns())
        return self._sent(GuestOnHost, found)

    def _told(self, guest: GuestId, kept: SimulatedGuest, uptime_ns: int) -> GuestOnHost:
        volumes = kept.volumes
        runs, ran_s = kept.domid is not None, self.now() - kept.started_at
        return GuestOnHost(
            id=guest,
            fence=kept.fence,
            spec=kept.spec,
            domid=kept.domid,
            state=("paused" if kept.paused or kept.held else "running") if runs and not kept.shut_down else "stopped",
            live=self.live(kept),
            volumes=tuple(sorted(volumes)),
            disks=tuple(VolumeOnHost(index, one.group.name, one.size_bytes) for index, one in sorted(volumes.items())),
            started=kept.told_started,
            answers=ran_s >= self.ready_s and not kept.is_mute and not kept.shut_down if runs else None,
            ran_s=ran_s if kept.lives else None,
            held=kept.held if runs else "",
            dom0_time=kept.dom0_time(self.now()),
            transfer=kept.transfer,
            boot=self.boot,
            uptime_ns=uptime_ns,
        )

    def image_present(self, image: ImageId) -> bool:
        """Return whether the image was put here."""
        with self._call("image_present"):
            return image in self.images

    def image_put(self, decision: PlacementDecision, image: Image, folder: Path, check: Callable[[], None]) -> None:  # noqa: ARG002
        """Remember the image; its files are not looked at."""
        check()
        with self._call("image_put"):
            self.images.add(image.id)
            if image.manifest.network is NetworkSetup.NOCLOUD:
                self._seeded.add(image.id)

    def pool_bench(self, name: str) -> PoolRating:
        """Return what every simulated pool can do, both ways at once."""
        with self._call("pool_bench"):
            self.group(name)
            rate = DiskRate(self.disk_iops, self.disk_iops, self.disk_iops * 4096, self.disk_iops * 4096)
            found = PoolRating(rate, together=True)
        return self._sent(PoolRating, found)

    def volume_create(self, claim: Claim, decision: PlacementDecision, disk: Disk, pool: str) -> Job:
        """Make a volume; it is clean when the job has ended."""
        made: list[SimulatedVolume] = []

        def begin() -> None:
            kept = self._kept(claim)
            made.append(self.make_volume(kept if kept.has(disk) else self._ended(claim), disk, pool))

        def end() -> dict[str, Any]:
            made[0].clean = True
            return {}

        self._check(decision, claim)
        return self._begin(claim, ("volume_create", disk, pool), begin, end, size_bytes=disk.size_bytes)

    def volume_write_image(self, claim: Claim, decision: PlacementDecision, disk: Disk, image: ImageId) -> Job:
        """Note the image on the volume when the job has ended."""

        def begin() -> None:
            if image not in self.images:
                raise NotFound(f"Host {self.name} has not got image {image} whole.", code="no_image")
            volume = self._volume(self._kept(claim), disk.index)
            if volume.clean and volume.image == image:
                return
            self._ended(claim)
            if not volume.clean:
                raise Conflict("The volume was not made clean.", "Create it again.", code="volume_dirty")
            if volume.image not in {None, image}:
                raise Conflict(f"The volume holds image {volume.image}.", code="volume_written")

        def end() -> dict[str, Any]:
            self._volume(self._kept(claim), disk.index).image = image
            return {}

        self._check(decision, claim)
        key = ("volume_write_image", disk.index, image)
        return self._begin(claim, key, begin, end, size_bytes=disk.size_bytes)

    def volume_delete(self, claim: Claim, index: int) -> Job:
        """Remove the volume of a guest that does not run; it is not clean any more from the job's beginning."""
        there: list[SimulatedVolume] = []

        def begin() -> None:
            kept = self._ended(claim)
            there.extend(volume for volume in kept.every_volume if volume.index == index)
            for volume in there:
                self.group(volume.group.name)
            for volume in there:
                volume.clean = False

        def end() -> dict[str, Any]:
            for volume in there:
                self.drop(self._kept(claim), volume)
            return {}

        return self._begin(claim, ("volume_delete", index), begin, end)

    def guest_define(self, claim: Claim, decision: PlacementDecision, spec: GuestSpec) -> None:
        """Remember the spec of a guest whose volumes and image are here."""
        self._check(decision, claim)
        with self._call("guest_define"):
            kept = self._claimed(claim)
            if spec.image not in self.images:
                raise NotFound(f"Host {self.name} has not got image {spec.image} whole.", code="no_image")
            self.check_clean(kept, spec)
            if spec.image in self._seeded:
                self.make_seed(kept)
            kept.spec = spec

    def guest_start(self, claim: Claim) -> Job:
        """Give the guest a domain; one that is just rebooting is waited for."""

        def begin() -> None:
            kept = self._kept(claim)
            before = kept.domid
            self.start(kept)
            kept.unfinished = kept.domid not in {None, before}

        return self._begin(claim, ("guest_start",), begin, lambda: self._started(claim), cancellable=False)

    def _started(self, claim: Claim) -> dict[str, Any]:
        kept = self._kept(claim)
        kept.unfinished = kept.paused = False
        self.start(kept)
        kept.wanted = True
        return {"domid": kept.domid}

    def guest_enforce(self, claim: Claim) -> None:
        """Set a running guest's limits, and its maxmem to the memory that it was started with."""
        with self._call("guest_enforce"):
            kept = self._claimed(claim)
            if kept.spec is None:
                raise NotFound(f"Host {self.name} has no guest {claim.guest}.", code="no_guest")
            if kept.domid is not None and kept.started is not None:
                kept.enforced, kept.maxmem_mib = kept.spec, kept.started.memory_mib

    def keeper_start(self) -> None:
        """Let the keeper have looked just now."""
        with self._call("keeper_start"):
            self.keeper_beat = 0.0

    def guest_stop(self, claim: Claim, grace_s: float) -> Job:
        """End the guest's xl and its domain: at once, or when a deaf one's grace is over."""

        def end() -> dict[str, Any]:
            kept = self._kept(claim)
            cut_off = kept.is_deaf
            self.destroy(kept)
            kept.wanted = False
            return {"cut_off": cut_off}

        key, more_s = ("guest_stop", grace_s), self._patience(claim, grace_s)
        return self._begin(claim, key, lambda: self._asked_to_stop(claim), end, more_s=more_s)

    def guest_reboot(self, claim: Claim, grace_s: float) -> Job:
        """Stop and start the guest."""

        def begin() -> None:
            kept = self._kept(claim)
            if kept.spec is None:
                raise NotFound(f"Host {self.name} has no guest {claim.guest}.", code="no_guest")
            self.check_startable(kept, kept.spec)
            self._asked_to_stop(claim)

        def end() -> dict[str, Any]:
            cut_off = self._kept(claim).is_deaf
            self.destroy(self._kept(claim))
            return {**self._started(claim), "cut_off": cut_off}

        return self._begin(claim, ("guest_reboot", grace_s), begin, end, more_s=self._patience(claim, grace_s))

    def _asked_to_stop(self, claim: Claim) -> None:
        """Let one that is held back hear of it, and end one that is just rebooting."""
        (kept := self._kept(claim)).held = ""
        if kept.returns_at is not None:
            self.destroy(kept)

    def _patience(self, claim: Claim, grace_s: float) -> float:
        kept = self.guests.get(claim.guest)
        return grace_s if kept is not None and kept.is_deaf else 0.0

    def job(self, claim: Claim) -> Job:
        """Return the guest's newest job."""
        with self._call("job"):
            found = self._newest(claim).told(self.now())
        return self._sent(Job, found)

    def job_cancel(self, claim: Claim) -> Job:
        """End the running job of a guest; a start goes on to its end."""
        with self._call("job_cancel"):
            kept = self._guests.setdefault(claim.guest, SimulatedGuest())
            self._refuse_older(claim, kept)
            kept.fence = claim.fence
            job = self._newest(claim)
            if job.runs and job.work.cancellable:
                job.fail(Conflict("It was cancelled.", code=JOB_CANCELLED))
            found = job.told(self.now())
        return self._sent(Job, found)

    def _newest(self, claim: Claim) -> SimulatedJob:
        kept = self._guests.get(claim.guest, SimulatedGuest())
        self._refuse_older(claim, kept)
        if kept.job is None:
            raise NotFound(f"Host {self.name} knows of no job of guest {claim.guest}.", code="no_job")
        return kept.job

    def _begin(
        self,
        claim: Claim,
        key: Key,
        begin: Callable[[], None],
        end: Callable[[], dict[str, Any]],
        *,
        more_s: float = 0.0,
        size_bytes: int = 0,
        cancellable: bool = True,
    ) -> Job:
        with self._call(""):
            verb = str(key[0])
            lasts_s = self.verb_s.get(verb, self.job_s) + more_s
            job = self._begun(claim, Work(key, begin, end, lasts_s, size_bytes, cancellable))
            found = job.told(self.now())
        return self._sent(Job, found)

    def _begun(self, claim: Claim, work: Work) -> SimulatedJob:
        """Begin a job; return the same one where it runs already, or has ended well under the same fence."""
        kept = self._guests.setdefault(claim.guest, SimulatedGuest())
        self._refuse_older(claim, kept)
        job = kept.job
        if job is not None and job.runs and job.work.key != work.key:
            raise Busy(f"The {job.verb} of guest {claim.guest} is under way on its host.", code="job_running")
        if job is not None and job.runs:
            kept.fence = claim.fence
            return job.taken_over(claim)
        kept.fence = claim.fence
        if job is not None and job.is_done_by(claim) and (job.work.key, job.error) == (work.key, None):
            return job
        kept.job = made = SimulatedJob(work, claim.fence, self.now(), operation=claim.operation)
        made.do(lambda: self._fail_as_told(made.verb))
        if made.runs:
            made.do(work.begin)
        wait_s = max(work.lasts_s, (kept.returns_at or 0.0) - self.now())
        if wait_s > 0:
            self.later(wait_s, made.end)
        else:
            made.end()
        return made

    def guest_undefine(self, claim: Claim) -> None:
        """Forget the spec and the jobs, keep the fence."""
        with self._call("guest_undefine"):
            kept = self._claimed(claim)
            self._ended(claim)
            if kept.seed is not None:
                self.drop(kept, kept.seed)
            kept.spec, kept.wanted, kept.job, kept.transfer = None, False, None, None

    def open_port(self, guest: GuestId, port: int) -> AbstractAsyncContextManager[ByteStream]:
        """Open an echo."""
        self.guest(guest)
        return echo(f"port {port}")

    def open_console(self, guest: GuestId) -> AbstractAsyncContextManager[ByteStream]:
        """Open an echo."""
        self.guest(guest)
        return echo("console")

    @contextmanager
    def _call(self, verb: str, timeout_s: float = 60.0) -> Iterator[None]:
        """Be called: slowly, alone with the machine, and perhaps without an answer."""
        self.advance()
        if not self.answers:
            time.sleep(min(self.silence_s, timeout_s))
            raise self._silent()
        if self.call_s:
            time.sleep(min(self.call_s, timeout_s))
        try:
            with self.lock:
                self.advance()
                self._fail_as_told(verb)
                yield
        except TeigError as error:
            if not self.encoded:
                raise
            raise from_record(json.loads(json.dumps(error.as_record()))) from error
        if self._loses_answer() or not self.answers or self.call_s > timeout_s:
            raise self._silent()

    def _loses_answer(self) -> bool:
        with self.lock:
            self._lost_answers -= 1
            return self._lost_answers >= 0

    def _silent(self) -> Unreachable:
        return Unreachable(f"Host {self.name} does not answer.", "Look whether it runs.")

    def _fail_as_told(self, verb: str) -> None:
        if verb in self.failures:
            raise self.failures[verb]

    def _sent(self, kind: type[T], told: T) -> T:
        """Return what is told, as it arrives."""
        return load(kind, json.loads(json.dumps(dump(told)))) if self.encoded else told

    def _kept(self, claim: Claim) -> SimulatedGuest:
        return self._guests[claim.guest]

    def _ended(self, claim: Claim) -> SimulatedGuest:
        """Return a guest that does not run, nor is about to."""
        kept = self._kept(claim)
        if kept.lives:
            raise Conflict(f"Guest {claim.guest} is running.", "Stop it first.", code="guest_running")
        return kept

    def _volume(self, kept: SimulatedGuest, index: int) -> SimulatedVolume:
        if index not in kept.volumes:
            raise Conflict(f"Disk {index}'s volume is not there.", "Make the guest anew.", code="no_volume")
        return kept.volumes[index]

    def _check(self, decision: PlacementDecision, claim: Claim) -> None:
        if decision.guest != claim.guest:
            raise InternalFault(f"A placement decision for guest {decision.guest} was used for another one.")

    def _claimed(self, claim: Claim) -> SimulatedGuest:
        """Return a guest on which no job runs, under this fence from now on."""
        kept = self._guests.setdefault(claim.guest, SimulatedGuest())
        if kept.job is not None and kept.job.runs:
            raise Busy(f"Another operation holds guest {claim.guest}.", "Try again later.")
        self._refuse_older(claim, kept)
        kept.fence = claim.fence
        return kept

    def _refuse_older(self, claim: Claim, kept: SimulatedGuest) -> None:
        if claim.fence < kept.fence:
            raise Fenced(f"Guest {claim.guest} is under fence {kept.fence}, and {claim.fence} is too old.")


class SimulatedFleet:
    """Simulated hosts, found by the address they were given; `encoded`: all that they tell goes through JSON."""

    def __init__(self, hosts: list[SimulatedHost], *, encoded: bool = False) -> None:
        self.hosts = {host.name: host for host in hosts}
        for host in hosts:
            host.encoded = encoded

    def host(self, address: HostAddress) -> Host:
        """Return the host whose name is the address."""
        if address.address not in self.hosts:
            raise Unreachable(f"Nothing answers at {address.address}.", "Look at the address.")
        return self.hosts[address.address]

    def forget(self, host: HostId) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Nothing is open."""
