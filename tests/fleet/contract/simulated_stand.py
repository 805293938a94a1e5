"""The contract's stand around a simulated host, on a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from teig.fleet.driver import HostAddress
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.fleet.simulated_machine import SimulatedGroup
from teig.model.errors import Unreachable
from teig.model.guest import GuestSpec
from teig.model.host import ForeignDomain
from teig.model.image import Image
from teig.model.names import GuestId, HostId, ImageId
from teig.model.units import GIB
from tests.fleet.contract.stand import SPARE, SPARE_EXTENT, SPARE_EXTENTS, SpareGroup, Stand
from tests.simulated import manifest


class ManualClock:
    """A clock that stands still until somebody sets it forward."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class SimulatedSpareGroup(SpareGroup):
    def __init__(self, group: SimulatedGroup) -> None:
        self._group = group

    def lose(self) -> None:
        self._group.there = False

    def give_back(self) -> None:
        self._group.there = True


class SimulatedStand(Stand):
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.machine = SimulatedHost("sim1", memory_mib=4096, disk_bytes=16 * GIB, cores=2, clock=self.clock)
        self.machine.job_s, self.machine.ready_s = 0.3, 5.0
        fleet = SimulatedFleet([self.machine], encoded=True)
        host = fleet.host(HostAddress(HostId("lab-host"), "sim1", "sim1", 22, ""))
        super().__init__(host, Image(ImageId("a" * 64), manifest()), Path())

    def now(self) -> float:
        return self.clock()

    def pause(self, seconds: float) -> None:
        self.clock.seconds += seconds

    def reboot_inside(self, spec: GuestSpec) -> None:
        self.machine.reboot_inside(spec.id)

    def talk(self, spec: GuestSpec) -> None:
        self.machine.transfer(spec.id, 5000, 700)

    def make_deaf(self, spec: GuestSpec) -> None:
        self.machine.guests[spec.id].paused = True

    def make_hear(self, spec: GuestSpec) -> None:
        self.machine.guests[spec.id].paused = False

    @contextmanager
    def foreign(self) -> Iterator[None]:
        before = self.machine.foreign
        uuid = "3d8b2f0e-0000-4000-8000-000000000001"
        self.machine.foreign = (ForeignDomain(900, "theirs", uuid, 80, 1, 256),)
        try:
            yield
        finally:
            self.machine.foreign = before

    @contextmanager
    def spare_group(self) -> Iterator[SpareGroup]:
        group = self.machine.add_group(SPARE, SPARE_EXTENTS * SPARE_EXTENT, SPARE_EXTENT)
        try:
            yield SimulatedSpareGroup(group)
        finally:
            group.there = True
            self.remove_all()
            assert group.guests_bytes == 0
            del self.machine.groups[SPARE]

    def kill_job(self, guest: GuestId) -> None:
        self.machine.lose_jobs(guest)

    def cut_growth(self, spec: GuestSpec, size_bytes: int) -> None:
        self.machine.cut_growth(spec.id, size_bytes)

    def soil(self, spec: GuestSpec) -> None:
        self.machine.guests[spec.id].volumes[0].clean = False

    @contextmanager
    def silent(self) -> Iterator[None]:
        self.machine.answers = False
        try:
            yield
        finally:
            self.machine.answers = True

    def lose_answer(self, call: Callable[[], object]) -> None:
        self.machine.lose_answers(1)
        with pytest.raises(Unreachable):
            call()
