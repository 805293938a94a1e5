"""What a simulated host is made of: Xen's domains and memory, LVM's groups, a clock. `teig.fleet.simulated` drives it.

It has Xen's and LVM's habits that a driver must reckon with: a domain keeps the memory, vCPUs and cores that it was
started with; one that reboots is away for two seconds; sizes are rounded up to extents; a volume group may be away.
"""

from __future__ import annotations

import heapq
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from teig.agent.contract.spec import share_on
from teig.fleet.simulated_jobs import SimulatedJob
from teig.model.errors import Conflict, HostFault, NotFound, TeigError
from teig.model.guest import Disk, Entitled, GuestSpec
from teig.model.host import Dom0Time, ForeignDomain, Transfer, VolumeGroup
from teig.model.names import GuestId, ImageId
from teig.model.pool import Medium, Redundancy
from teig.model.units import GIB, MIB
from teig.policy.admission import memory_for

DOM0_MIB: Final = 1024
DOM0_VCPUS: Final = 2
GAP_S: Final = 2.0
"""How long xl sleeps between destroying a domain that reboots and making it anew (tools/xl/xl_vmcontrol.c)."""
BOOT_ROUNDS: Final = 5
BOOT_PAUSE_S: Final = 15.0
"""How often guests that did not start after the host's boot are tried, and how long after each other."""


@dataclass(eq=False)
class SimulatedGroup:
    """A volume group. LVM gives it out in extents; `others_bytes` of it are in volumes that are not Teig's.

    `there` False: its disks are away, and nobody sees it or what is in it.
    """

    name: str
    size_bytes: int
    extent_bytes: int = 4 * MIB
    others_bytes: int = 0
    medium: Medium = Medium.SSD
    redundancy: Redundancy = Redundancy.RAID10
    problem: str = ""
    there: bool = True
    volumes: list[SimulatedVolume] = field(default_factory=list)

    def rounded(self, size_bytes: int) -> int:
        """Return what a volume of that size takes."""
        return -(-size_bytes // self.extent_bytes) * self.extent_bytes

    @property
    def guests_bytes(self) -> int:
        """What Teig's volumes take."""
        return sum(volume.size_bytes for volume in self.volumes)

    @property
    def free_bytes(self) -> int:
        """What can be given out."""
        whole = self.size_bytes // self.extent_bytes * self.extent_bytes
        return max(0, whole - self.rounded(self.others_bytes) - self.guests_bytes)

    def as_fact(self) -> VolumeGroup:
        """Return it as a host tells of it."""
        return VolumeGroup(
            self.name, self.size_bytes, self.free_bytes, self.medium, self.redundancy, self.problem,
            self.extent_bytes, self.guests_bytes,
        )  # fmt: skip


@dataclass(eq=False)
class SimulatedVolume:
    """A logical volume. It is `clean` once it was wiped whole; `image` is what was written onto it whole."""

    index: int
    group: SimulatedGroup
    size_bytes: int
    asked_bytes: int
    clean: bool = False
    image: ImageId | None = None


@dataclass(eq=False)
class SimulatedGuest:
    """What a host has of one guest: its files (`spec`, `wanted`), its domain, its volumes, its newest job.

    `started` is what its domain was started with, `enforced` what its limits were last set to. `daemon` is the xl that
    makes its domain anew when it reboots, `returns_at` when that is to happen. `deaf`: it takes no heed of being asked
    to shut down; `reboots`: it answers that with a reboot; `mute`: its network never answers.
    """

    fence: int = 0
    spec: GuestSpec | None = None
    wanted: bool = False
    domid: int | None = None
    started: GuestSpec | None = None
    enforced: GuestSpec | None = None
    maxmem_mib: int = 0
    started_at: float = 0.0
    unfinished: bool = False
    shut_down: bool = False
    daemon: bool = False
    returns_at: float | None = None
    every_volume: list[SimulatedVolume] = field(default_factory=list)
    seed: SimulatedVolume | None = None
    job: SimulatedJob | None = None
    deaf: bool = False
    reboots: bool = False
    mute: bool = False
    paused: bool = False
    held: str = ""
    transfer: Transfer | None = None

    @property
    def is_mute(self) -> bool:
        """Whether its network does not answer."""
        return self.mute or (self.enforced is not None and self.enforced.cut)

    @property
    def is_deaf(self) -> bool:
        """Whether it runs and takes no heed of being asked to shut down."""
        return self.domid is not None and (self.deaf or self.paused)

    @property
    def told_started(self) -> GuestSpec | None:
        """What is told of what its domain was started with: all but the keys."""
        return replace(self.started, ssh_keys=()) if self.lives and self.started else None

    def dom0_time(self, now: float) -> Dom0Time | None:
        """Return how long Domain-0 has worked for its domain; nothing works here: it is a thousandth of the time."""
        each_s = (now - self.started_at) / 1000
        return Dom0Time(each_s, each_s, each_s) if self.domid is not None else None

    @property
    def volumes(self) -> dict[int, SimulatedVolume]:
        """Its disks' volumes that can be seen, by index."""
        return {volume.index: volume for volume in self.every_volume if volume.group.there}

    def has(self, disk: Disk) -> bool:
        """Whether its volume of that size is there, and clean."""
        there = self.volumes.get(disk.index)
        return there is not None and there.clean and disk.size_bytes in {there.size_bytes, there.asked_bytes}

    @property
    def lives(self) -> bool:
        """Whether it has a domain, or something is about to make one."""
        return self.domid is not None or self.returns_at is not None

    @property
    def known(self) -> bool:
        """Whether more is left of it than its fence."""
        return self.spec is not None or bool(self.volumes) or self.lives


class SimulatedMachine:
    """One machine. What is due happens when somebody next looks, at the time at which it was due."""

    def __init__(
        self, memory_mib: int, disk_bytes: int, cores: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.memory_mib = memory_mib
        self.cores = cores
        self.groups = {"vg0": SimulatedGroup("vg0", disk_bytes)}
        self.foreign: tuple[ForeignDomain, ...] = ()
        self.answers = True
        self.keeper_beat: float | None = 1.0
        self.gap_s = GAP_S
        self.boot = str(uuid.uuid4())
        self.lock = threading.RLock()
        self._clock = clock
        self._booted_at = clock()
        self._uptime_ns = 0
        self._guests: dict[GuestId, SimulatedGuest] = {}
        self._next_domid = 1
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._counted = 0
        self._moment: float | None = None

    @property
    def guests(self) -> dict[GuestId, SimulatedGuest]:
        """All guests that left a trace here, as they are now."""
        self.advance()
        return self._guests

    @property
    def disk_bytes(self) -> int:
        """The size of vg0."""
        return self.groups["vg0"].size_bytes

    @disk_bytes.setter
    def disk_bytes(self, size_bytes: int) -> None:
        self.groups["vg0"].size_bytes = size_bytes

    @property
    def extent_bytes(self) -> int:
        """The extents of vg0."""
        return self.groups["vg0"].extent_bytes

    @extent_bytes.setter
    def extent_bytes(self, size_bytes: int) -> None:
        self.groups["vg0"].extent_bytes = size_bytes

    @property
    def others_bytes(self) -> int:
        """What is in vg0 besides Teig's volumes."""
        return self.groups["vg0"].others_bytes

    @others_bytes.setter
    def others_bytes(self, size_bytes: int) -> None:
        self.groups["vg0"].others_bytes = size_bytes

    def add_group(self, name: str, size_bytes: int = 1024 * GIB, extent_bytes: int = 4 * MIB) -> SimulatedGroup:
        """Add a volume group; set `there` to False to take its disks away, and back."""
        self.groups[name] = SimulatedGroup(name, size_bytes, extent_bytes)
        return self.groups[name]

    def now(self) -> float:
        """Return the time, in seconds; while something that was due happens, when it was due."""
        return self._clock() if self._moment is None else self._moment

    def uptime_ns(self) -> int:
        """Return the time since the boot; no two answers are the same."""
        self._uptime_ns = max(self._uptime_ns + 1, round(1e9 * (self.now() - self._booted_at)))
        return self._uptime_ns

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Let something happen after some seconds."""
        self._counted += 1
        heapq.heappush(self._due, (self.now() + seconds, self._counted, work))

    def advance(self) -> None:
        """Let everything happen that is due."""
        with self.lock:
            while self._moment is None and self._due and self._due[0][0] <= self._clock():
                self._moment, _, work = heapq.heappop(self._due)
                try:
                    work()
                finally:
                    self._moment = None

    # What happens inside guests, and to the host.

    def reboot_inside(self, guest: GuestId) -> None:
        """Let a guest reboot by itself: its domain is away for `gap_s` seconds, and is then made anew.

        Without its xl, which a stop that was broken off has ended, it stays there, shut down.
        """
        with self.lock:
            kept = self.guests[guest]
            if kept.domid is None:
                return
            if not kept.daemon:
                kept.shut_down = True
                return
            kept.domid = None
            kept.returns_at = returns_at = self.now() + self.gap_s
            self.later(self.gap_s, lambda: self._remake(kept, returns_at))

    def power_off_inside(self, guest: GuestId) -> None:
        """Let a guest shut down by itself."""
        with self.lock:
            kept = self.guests[guest]
            kept.shut_down = kept.domid is not None
            if kept.daemon:
                self.destroy(kept)

    def transfer(self, guest: GuestId, sent_bytes: int, received_bytes: int) -> None:
        """Let a guest send and receive so much, in packets of 1000 bytes."""
        with self.lock:
            kept = self.guests[guest]
            known = kept.transfer or Transfer(str(uuid.uuid4()), 0, 0, 0, 0)
            kept.transfer = Transfer(
                known.count,
                known.sent_bytes + sent_bytes,
                known.sent_packets - -sent_bytes // 1000,
                known.received_bytes + received_bytes,
                known.received_packets - -received_bytes // 1000,
            )

    def host_reboot(self, down_s: float = 0.0, starts_after_s: float = 0.0) -> None:
        """Boot the host: it is silent for `down_s` seconds, and the guests that should run start after some more."""
        with self.lock:
            self.advance()
            self._due.clear()
            for kept in self._guests.values():
                kept.job = None
                self.destroy(kept)
            self.boot, self._booted_at, self._uptime_ns = str(uuid.uuid4()), self.now(), 0
            self.answers = down_s <= 0
            self.later(down_s, self._come_up)
            self.later(down_s + starts_after_s, lambda: self._start_wanted(BOOT_ROUNDS))
            self.advance()

    def _come_up(self) -> None:
        self.answers = True
        self._booted_at = self.now()

    def _start_wanted(self, rounds: int) -> None:
        left = False
        for kept in [kept for kept in self._guests.values() if kept.wanted and kept.spec is not None]:
            try:
                if kept.job is None or not kept.job.runs:
                    self.start(kept)
                    continue
            except TeigError:
                pass
            left = True
        if left and rounds > 1:
            self.later(BOOT_PAUSE_S, lambda: self._start_wanted(rounds - 1))

    def _remake(self, kept: SimulatedGuest, returns_at: float) -> None:
        """Do what xl does after its sleep, with what the domain was started with; it ends where that fails."""
        if kept.returns_at != returns_at or kept.started is None:
            return
        kept.returns_at = None
        try:
            self._make_domain(kept, kept.started)
        except HostFault:
            self.destroy(kept)

    # What the agent does.

    def start(self, kept: SimulatedGuest) -> None:
        """Make a guest's domain, as its files say; one that lives, or is about to, is left alone."""
        if kept.spec is None:
            raise NotFound("The guest is not defined here.", code="no_guest")
        if kept.returns_at is not None or (kept.domid is not None and not kept.shut_down and not kept.unfinished):
            return
        self.destroy(kept)
        for disk in kept.spec.disks:
            with suppress(HostFault):  # it runs with what it has
                self.grow(kept, disk)
        self.check_startable(kept, kept.spec)
        self._make_domain(kept, kept.spec)
        kept.enforced, kept.maxmem_mib = kept.spec, kept.spec.memory_mib

    def check_startable(self, kept: SimulatedGuest, spec: GuestSpec) -> None:
        """Refuse a guest that would not start, however much memory there is."""
        self.check_clean(kept, spec)
        if kept.volumes[0].image is None:
            raise Conflict(f"Guest {spec.name}: no image is on its first volume.", code="no_image_on_volume")

    def check_clean(self, kept: SimulatedGuest, spec: GuestSpec) -> None:
        """Refuse a guest whose volumes are not there, or could show it somebody else's bytes."""
        for disk in spec.disks:
            if disk.index not in kept.volumes:
                raise Conflict(f"The volume of {disk.device} is not there.", "Make the guest anew.", code="no_volume")
            if not kept.volumes[disk.index].clean:
                raise Conflict(
                    f"Guest {spec.name}: the volume of {disk.device} was never made clean.",
                    "Create it again.", code="volume_dirty",
                )  # fmt: skip

    def _make_domain(self, kept: SimulatedGuest, spec: GuestSpec) -> None:
        wanted, free = memory_for(spec.memory_mib, spec.vcpus), self.free_memory_mib
        if wanted > free:
            raise HostFault(
                f"Guest {spec.name} did not start: Xen has {free} MiB free, and it needs {wanted} MiB.",
                "Stop another guest on this host or choose a smaller plan.", code="out_of_memory",
            )  # fmt: skip
        if spec.own_cores and spec.vcpus > self._cores_to_give(kept):
            raise HostFault(f"Guest {spec.name} did not start: no cores are free for it alone.", code="no_free_cores")
        kept.started, kept.started_at, kept.domid = spec, self.now(), self._next_domid
        kept.daemon, kept.shut_down, kept.unfinished = True, False, False
        self._next_domid += 1

    def destroy(self, kept: SimulatedGuest) -> None:
        """End a guest's xl and its domain, for good."""
        kept.daemon, kept.returns_at, kept.domid, kept.started = False, None, None, None
        kept.shut_down = kept.unfinished = False

    def group(self, name: str) -> SimulatedGroup:
        """Return a volume group that is there."""
        found = self.groups.get(name)
        if found is None or not found.there:
            raise HostFault(f"The host has no volume group {name}.", "See vgs on the host.", code="no_volume_group")
        return found

    def make_volume(self, kept: SimulatedGuest, disk: Disk, pool: str) -> SimulatedVolume:
        """Make a volume that is not clean yet; the clean one that is there stays, wherever it is."""
        there = kept.volumes.get(disk.index)
        if there is not None and there.clean:
            if disk.size_bytes not in {there.size_bytes, there.asked_bytes}:
                raise Conflict(
                    f"The volume has {there.size_bytes} bytes, not {disk.size_bytes}.", code="volume_differs"
                )
            return there
        group = self.group(pool)
        if there is not None:
            self.drop(kept, there)
        made = SimulatedVolume(disk.index, group, 0, disk.size_bytes)
        self._extend(made, disk.size_bytes)
        group.volumes.append(made)
        kept.every_volume.append(made)
        return made

    def grow(self, kept: SimulatedGuest, disk: Disk) -> None:
        """Make a clean volume as large as its disk should be."""
        volume = kept.volumes.get(disk.index)
        if volume is not None and volume.clean and volume.size_bytes < disk.size_bytes:
            self._extend(volume, disk.size_bytes)
            volume.asked_bytes = disk.size_bytes

    def cut_growth(self, guest: GuestId, size_bytes: int) -> None:
        """Leave a guest's first disk as a start does that is cut short while it wipes what it has added."""
        with self.lock:
            self._extend(self.guests[guest].volumes[0], size_bytes)

    def make_seed(self, kept: SimulatedGuest) -> None:
        """Make the small volume with what some images read at their first boot."""
        if kept.seed is None:
            seed = SimulatedVolume(-1, kept.volumes[0].group, 0, 4 * MIB, clean=True)
            self._extend(seed, 4 * MIB)
            seed.group.volumes.append(seed)
            kept.seed = seed

    def _extend(self, volume: SimulatedVolume, size_bytes: int) -> None:
        group = volume.group
        size = group.rounded(size_bytes)
        if size - volume.size_bytes > group.free_bytes:
            raise HostFault(
                f"Volume group {group.name} has {group.free_bytes >> 20} MiB free, and the volume needs "
                f"{size - volume.size_bytes >> 20} MiB.",
                "Delete a guest, extend the volume group (vgextend), or use another host.", code="volume_group_full",
            )  # fmt: skip
        volume.size_bytes = size

    def drop(self, kept: SimulatedGuest, volume: SimulatedVolume) -> None:
        """Remove a volume, which was wiped."""
        if volume in volume.group.volumes:
            volume.group.volumes.remove(volume)
        kept.every_volume = [other for other in kept.every_volume if other is not volume]
        kept.seed = None if kept.seed is volume else kept.seed

    # What there is.

    @property
    def free_memory_mib(self) -> int:
        """What Xen has to give, in MiB."""
        domains = [kept.started for kept in self._guests.values() if kept.domid is not None and kept.started]
        ours = sum(memory_for(spec.memory_mib, spec.vcpus) for spec in domains)
        theirs = sum(memory_for(domain.memory_mib, domain.vcpus) for domain in self.foreign)
        return self.memory_mib - DOM0_MIB - ours - theirs

    @property
    def dom0_cores(self) -> int:
        """The CPUs of Domain-0 alone, 0 where it shares them (agent/xen/cpupools.py)."""
        if self.cores < 2:
            return 0
        return max(1, min(1 if self.cores < 8 else self.cores // 8, DOM0_VCPUS))

    def _cores_to_give(self, kept: SimulatedGuest) -> int:
        """Return how many CPUs a guest can have for itself; where others share them, they keep one."""
        others = [other.started for other in self._guests.values() if other is not kept and other.lives]
        own = sum(spec.vcpus for spec in others if spec and spec.own_cores)
        shared = self.dom0_cores == 0 or any(spec and not spec.own_cores for spec in others)
        return self.cores - self.dom0_cores - own - shared

    def live(self, kept: SimulatedGuest) -> Entitled | None:
        """Return what Xen gives a domain: memory and vCPUs are its own, its limits what the keeper was told last."""
        own = kept.started
        if own is None or kept.domid is None:
            return None
        limits = (kept.spec if self.keeper_beat is not None else kept.enforced) or kept.enforced or own
        weight, cap = share_on(limits.weight, limits.cap, limits.vcpus, own.vcpus)
        return replace(
            limits.entitled, memory_mib=own.memory_mib, vcpus=own.vcpus, own_cores=own.entitled.own_cores,
            maxmem_mib=max(own.memory_mib, kept.maxmem_mib), weight=weight, cap=cap,
        )  # fmt: skip
