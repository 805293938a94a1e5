"""What the contract's tests need of a host besides the driver: to act inside guests and to harm the host itself."""

from __future__ import annotations

import abc
import dataclasses
import itertools
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from teig.fleet.driver import Claim, Host
from teig.model.errors import NotFound, from_record
from teig.model.guest import GuestSpec, Nic
from teig.model.host import GuestOnHost
from teig.model.image import Image
from teig.model.job import Job, JobState
from teig.model.names import GuestId
from teig.model.units import MIB
from tests.carried import LOOK_S
from tests.fleet.conftest import tiny, volumes_of
from tests.lab.prepared import decided

POOL = "vg0"
SPARE = "spare"
"""A volume group of seven extents of 32 MiB, beside the host's own."""
SPARE_EXTENT = 32 * MIB
SPARE_EXTENTS = 7
_numbers = itertools.count(200)


class SpareGroup(abc.ABC):
    """The volume group `SPARE`, whose disk can be taken away and given back."""

    @abc.abstractmethod
    def lose(self) -> None:
        """Take its disk away."""

    @abc.abstractmethod
    def give_back(self) -> None:
        """Give its disk back."""


class Stand(abc.ABC):
    """A host, seen from both sides."""

    deadline_s = 600.0
    """How long anything may take, by the stand's own clock."""

    def __init__(self, host: Host, image: Image, folder: Path) -> None:
        self.host = host
        self.image = image
        self.folder = folder
        self.made: list[GuestId] = []
        self._fences = itertools.count(1)

    @abc.abstractmethod
    def now(self) -> float:
        """Return the stand's time, in seconds."""

    @abc.abstractmethod
    def pause(self, seconds: float) -> None:
        """Let time pass."""

    @abc.abstractmethod
    def reboot_inside(self, spec: GuestSpec) -> None:
        """Let a guest that answers reboot by itself."""

    @abc.abstractmethod
    def talk(self, spec: GuestSpec) -> None:
        """Let a guest that answers send and receive something."""

    @abc.abstractmethod
    def make_deaf(self, spec: GuestSpec) -> None:
        """Let a running guest take no heed of being asked to shut down: somebody pauses it."""

    @abc.abstractmethod
    def make_hear(self, spec: GuestSpec) -> None:
        """Let a deaf guest take heed again: whoever has paused it lets it go on."""

    @abc.abstractmethod
    def foreign(self) -> AbstractContextManager[None]:
        """Run a domain `theirs` of 80 MiB and one vCPU that is not Teig's, in the block."""

    @abc.abstractmethod
    def spare_group(self) -> AbstractContextManager[SpareGroup]:
        """Have the group `SPARE` in the block."""

    @abc.abstractmethod
    def kill_job(self, guest: GuestId) -> None:
        """Kill what does a guest's job."""

    @abc.abstractmethod
    def cut_growth(self, spec: GuestSpec, size_bytes: int) -> None:
        """Leave the first disk of a guest that does not run as a start does that is cut short while it grows it."""

    @abc.abstractmethod
    def soil(self, spec: GuestSpec) -> None:
        """Have the first disk of a guest that does not run count as never made clean."""

    @abc.abstractmethod
    def silent(self) -> AbstractContextManager[None]:
        """Let the host answer nothing in the block, and do nothing either."""

    @abc.abstractmethod
    def lose_answer(self, call: Callable[[], object]) -> None:
        """Make a call that the host carries out, and whose answer never arrives."""

    def spec(self, **changes: Any) -> GuestSpec:
        """Return the description of a guest that is nowhere yet."""
        number = next(_numbers)
        guest = GuestId(str(uuid.uuid4()))
        self.made.append(guest)
        nic = Nic(f"00:16:3e:02:{number >> 8:02x}:{number & 255:02x}", "xenbr0", _address(number), "10.77.0.1")
        return dataclasses.replace(tiny(guest, f"c{number}", self.image.id, nic), **changes)

    def claim(self, spec: GuestSpec) -> Claim:
        """Return the right to change a guest, newer than all before."""
        return Claim(spec.id, next(self._fences))

    def create(self, claim: Claim, spec: GuestSpec, index: int = 0, pool: str = POOL) -> Any:
        """Make one of a guest's volumes."""
        return self.carry(claim, self.host.volume_create(claim, decided(spec.id), spec.disks[index], pool))

    def define(self, claim: Claim, spec: GuestSpec) -> None:
        """Write a guest's files."""
        self.host.guest_define(claim, decided(spec.id), spec)

    def prepare(self, spec: GuestSpec, pool: str = POOL) -> Claim:
        """Do everything up to the start."""
        claim, decision = self.claim(spec), decided(spec.id)
        self.host.image_put(decision, self.image, self.folder, lambda: None)
        for disk in spec.disks:
            self.create(claim, spec, disk.index, pool)
        self.carry(claim, self.host.volume_write_image(claim, decision, spec.disks[0], spec.image))
        self.define(claim, spec)
        return claim

    def start(self, claim: Claim) -> int:
        """Start a guest and return its domid."""
        domid: int = self.carry(claim, self.host.guest_start(claim))["domid"]
        return domid

    def stop(self, claim: Claim, grace_s: float = 0.0) -> None:
        """Stop a guest."""
        self.carry(claim, self.host.guest_stop(claim, grace_s))

    def run(self, spec: GuestSpec) -> Claim:
        """Make a guest that runs and answers."""
        claim = self.prepare(spec)
        self.start(claim)
        self.until(lambda: self.host.guest(spec.id).answers, "the guest's answer")
        return claim

    def carry(self, claim: Claim, job: Job) -> dict[str, Any]:
        """Wait for a job's end and return its result; raise its error."""
        began = self.now()
        while job.state is JobState.RUNNING:
            assert self.now() - began < self.deadline_s, f"the job has not ended: {job}"
            self.pause(LOOK_S)
            job = self.host.job(claim)
        if job.error is not None:
            raise from_record(job.error)
        return job.result

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait until something holds."""
        began = self.now()
        while not holds():
            assert self.now() - began < self.deadline_s, f"not within {self.deadline_s} s: {what}"
            self.pause(LOOK_S)

    def in_gap(self, spec: GuestSpec) -> GuestOnHost:
        """Let a guest reboot by itself; return it as it is while its domain has gone and is not there anew.

        On a slow host that time may pass between two looks: then it reboots again.
        """
        began, before = self.now(), self.host.guest(spec.id).domid
        self.reboot_inside(spec)
        while (seen := self.host.guest(spec.id)).domid is not None:
            assert self.now() - began < self.deadline_s, "the old domain did not end"
            if seen.domid != before:
                self.until(lambda: self.host.guest(spec.id).answers, "its answer")
                before = seen.domid
                self.reboot_inside(spec)
            self.pause(0.1)
        return seen

    def remove_all(self) -> None:
        """Remove what tests have made."""
        for guest in self.made:
            claim = Claim(guest, 2**40 + next(self._fences))
            self.host.job_cancel(claim) if self._has_job(claim) else None
            self.until(lambda claim=claim: not self._job_runs(claim), "the end of its last job")  # type: ignore[misc]
            self.stop(claim)
            for index in volumes_of(self.host, guest):
                self.carry(claim, self.host.volume_delete(claim, index))
            self.host.guest_undefine(claim)
        self.made.clear()

    def seen(self, spec: GuestSpec) -> GuestOnHost | None:
        """Return a guest as the host's inventory has it."""
        return next((guest for guest in self.host.inventory().guests if guest.id == spec.id), None)

    def _has_job(self, claim: Claim) -> bool:
        return self._job(claim) is not None

    def _job_runs(self, claim: Claim) -> bool:
        job = self._job(claim)
        return job is not None and job.state is JobState.RUNNING

    def _job(self, claim: Claim) -> Job | None:
        try:
            return self.host.job(claim)
        except NotFound:
            return None


def _address(number: int) -> str:
    return f"10.77.18.{number & 255}/16"
