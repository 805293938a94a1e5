"""Whatever is asked in whatever order, no host promises more than it has; and when all is deleted, nothing is left.

Requests are not waited for, so that operations run side by side with whatever comes next: reboots from inside, a host
that boots, jobs that are lost, a server that ends in the middle and another that goes on, a database that has forgotten
a guest. Two hosts with little room for everything: memory, cores, disk space in large extents, disk rates.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import astuple
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from teig.control import guests, hosts, observing, operations, plans
from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import Busy, Conflict, NotFound, Refused
from teig.model.host import GuestOnHost
from teig.model.names import GuestId, HostId
from teig.model.operation import Operation, OperationState
from teig.model.site import Site
from teig.model.units import GIB, MIB
from teig.policy.admission import Amounts, observed_of, oversold
from teig.store import guests as stored_guests
from teig.store import hosts as stored_hosts
from teig.store import reservations, schema
from tests.simulated import enrol, server, wish

PLAN = """[{name}]
memory_mib = {memory_mib}
vcpus = 1
share_cores = {share}
ceiling_cores = 1.0
disk_mib = {disk_mib}
read_iops = {iops}
write_iops = {iops}
read_mib_s = 4
write_mib_s = 4
medium = "any"
redundancy = "any"
out_mbit = 50
in_mbit = 50
addresses = 1
{more}
"""
PLANS = {
    "lean": {"memory_mib": 96, "share": 0.2, "disk_mib": 64, "iops": 100, "more": ""},
    "fat": {"memory_mib": 400, "share": 0.5, "disk_mib": 260, "iops": 200, "more": ""},
    "wide": {"memory_mib": 128, "share": 0.5, "disk_mib": 1100, "iops": 100, "more": ""},
    "busy": {"memory_mib": 128, "share": 0.2, "disk_mib": 64, "iops": 900, "more": ""},
    "own": {"memory_mib": 128, "share": 1.0, "disk_mib": 64, "iops": 100, "more": "own_cores = true"},
}
SITE = Site("lab", "NO", "us", "10.77.0.0/16", "10.77.0.1", "10.77.16.0", "10.77.17.250")
EXTENT = 32 * MIB
NO_ROOM = {"out_of_memory", "volume_group_full", "no_free_cores"}
"""What a host says where more was promised than it has."""
ASKED_IN_VAIN = (Busy, Conflict, NotFound, Refused)
DEADLINE_S = 60.0
NAMES = st.runner().flatmap(lambda machine: st.sampled_from(sorted(machine.names)) if machine.names else st.just(""))


def small_host(name: str) -> SimulatedHost:
    host = SimulatedHost(name, memory_mib=2048, disk_bytes=2 * GIB, cores=4)
    host.disk_iops, host.extent_bytes, host.others_bytes = 2000, EXTENT, 100 * MIB
    host.job_s, host.gap_s = 0.02, 0.1
    return host


class Hosting(RuleBasedStateMachine):
    """A server over two hosts. `names` are those of all guests that were ever wished for."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.machines = {name: small_host(name) for name in ("sim1", "sim2")}
        self.at_first = {name: host.facts() for name, host in self.machines.items()}
        self.names: list[str] = []
        self.begun: list[Operation] = []
        self.server: AbstractContextManager[Services] | None = None
        self._open()
        enrol(self.services, list(self.machines), SITE)
        text = "".join(PLAN.format(name=name, **figures) for name, figures in PLANS.items())
        plans.apply(self.services, text)

    def _open(self) -> None:
        self.server = server(Path(self.folder.name), SimulatedFleet(list(self.machines.values()), encoded=True))
        self.services = self.server.__enter__()
        # Whoever waits asks again soon, and waits as long in all as on real hosts.
        object.__setattr__(self.services.engine._parts, "pause", lambda seconds: time.sleep(min(seconds, 0.1)))

    def _close(self) -> None:
        if self.server is not None:
            self.server.__exit__(None, None, None)
        self.server = None

    def _ask(self, request: Any, *args: Any) -> None:
        """Ask for something and do not wait; that it is refused for a reason is as good."""
        try:
            self.begun.append(request(self.services, *args))
        except ASKED_IN_VAIN:
            return

    @rule(wanted=st.lists(st.sampled_from(sorted(PLANS)), min_size=1, max_size=3), host=st.sampled_from([None, "sim1"]))
    def create(self, wanted: list[str], host: str | None) -> None:
        for plan in wanted:
            self.names.append(f"g{len(self.names)}")
            self._ask(guests.create, wish(self.names[-1], plan, host=host))

    @rule(name=NAMES, plan=st.sampled_from(sorted(PLANS)))
    def resize(self, name: str, plan: str) -> None:
        self._ask(guests.resize, name, plan)

    @rule(name=NAMES, verb=st.sampled_from([guests.start, guests.mend]))
    def start(self, name: str, verb: Any) -> None:
        self._ask(verb, name)

    @rule(name=NAMES, verb=st.sampled_from([guests.stop, guests.reboot]))
    def stop(self, name: str, verb: Any) -> None:
        self._ask(verb, name, 0.1)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        self._ask(guests.delete, name, True)

    @rule()
    def wait(self) -> None:
        """Let everything end that is under way."""
        for operation in self.begun:
            self._ended(operation)
        self.begun.clear()

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.2]))
    def pass_time(self, seconds: float) -> None:
        time.sleep(seconds)

    @rule(host=st.sampled_from(["sim1", "sim2"]), inside=st.sampled_from(["reboot_inside", "power_off_inside"]))
    def inside(self, host: str, inside: str) -> None:
        for guest in list(self.machines[host].guests):
            getattr(self.machines[host], inside)(guest)

    @rule(host=st.sampled_from(["sim1", "sim2"]), starts_after_s=st.sampled_from([0.0, 0.2]))
    def host_reboot(self, host: str, starts_after_s: float) -> None:
        self.machines[host].host_reboot(starts_after_s=starts_after_s)

    @rule(host=st.sampled_from(["sim1", "sim2"]), lost=st.sampled_from(["jobs", "answers"]))
    def lose(self, host: str, lost: str) -> None:
        if lost == "jobs":
            self.machines[host].lose_jobs()
        else:
            self.machines[host].lose_answers(2)

    @rule()
    def observe(self) -> None:
        known = self.services.db.read(stored_hosts.listed)
        observing.observe_all(self.services, known)

    @rule()
    def server_is_replaced(self) -> None:
        self._close()
        self._open()

    @rule(host=st.sampled_from(["sim1", "sim2"]))
    def forget_a_guest_and_adopt(self, host: str) -> None:
        """Let the database lose a guest that nobody works on, as an older backup does, and see what is there."""
        idle = [view.guest for view in guests.listed(self.services) if view.guest.operation is None]
        if not idle:
            return

        def forget(connection: sa.Connection) -> None:
            if stored_guests.by_id(connection, idle[0].id).operation is None:  # type: ignore[union-attr]
                stored_guests.remove(connection, idle[0].id)

        self.services.db.write(forget)
        self.observe()
        self._adopt(host)

    def _adopt(self, host: str) -> hosts.Adopted | None:
        try:
            return hosts.adopt(self.services, host)
        except ASKED_IN_VAIN:
            return None

    @invariant()
    def nothing_is_promised_twice(self) -> None:
        for candidate in self.services.db.read(stored_hosts.candidates).values():
            assert not oversold(candidate), f"{candidate.name}: {candidate}"

    @invariant()
    def what_guests_have_is_reserved(self) -> None:
        """A reservation that is raised or lowered meanwhile counts with the larger of both."""
        for host in self.services.db.read(stored_hosts.listed):
            before = self._reserved(host.id)
            there = self.machines[host.name].truth().guests
            after = self._reserved(host.id)
            for guest in there:
                kept = before.get(guest.id, Amounts()).largest(after.get(guest.id, Amounts()))
                if guest.id in before and guest.id in after:
                    assert _within(_has(guest), kept), f"{host.name} gives {guest} more than {kept}"

    def _reserved(self, host: HostId) -> dict[GuestId, Amounts]:
        def work(connection: sa.Connection) -> dict[GuestId, Amounts]:
            known = reservations.guests_on(connection, host)
            return {guest: reservations.of_guest(connection, guest, host)["vg0"] for guest in known}

        return self.services.db.read(work)

    @invariant()
    def no_host_was_asked_for_more_than_it_has(self) -> None:
        for operation in operations.listed(self.services, 50):
            code = (operation.error or {}).get("code")
            assert code not in NO_ROOM, f"{operation.kind} of {operation.subject}: {operation.error}"

    def teardown(self) -> None:
        try:
            if self.server is not None:
                self._nothing_is_left_over()
        finally:
            self._close()
            self.folder.cleanup()

    def _nothing_is_left_over(self) -> None:
        for host in self.machines.values():
            host.lose_answers(0)
        self._all_ended()
        for name in self.machines:
            adopted = self._adopt(name)
            assert adopted is not None
            assert adopted.problems == ()
        for view in guests.listed(self.services):
            ended = self._ended(guests.delete(self.services, view.guest.name, force=True))
            assert ended.state is OperationState.DONE, ended
        for name, host in self.machines.items():
            facts, first = host.facts(), self.at_first[name]
            assert host.inventory().guests == ()
            assert (facts.free_memory_mib, facts.volume_groups) == (first.free_memory_mib, first.volume_groups)
        assert self.services.db.read(_rows) == []

    def _all_ended(self) -> None:
        for operation in operations.listed(self.services, 500):
            self._ended(operation)

    def _ended(self, operation: Operation) -> Operation:
        deadline = time.monotonic() + DEADLINE_S
        while not (found := operations.by_id(self.services, operation.id)).state.ended:
            assert time.monotonic() < deadline, f"{found.kind} has not ended: {found}"
            time.sleep(0.01)
        return found


def _rows(connection: sa.Connection) -> list[object]:
    """Return all that the database has of guests."""
    tables = (schema.guests, schema.nics, schema.reservations)
    return [row for table in tables for row in connection.execute(table.select())]


def _has(guest: GuestOnHost) -> Amounts:
    """Return what a guest has of its host, the extent that its files might want left out."""
    found = observed_of(guest, EXTENT, "vg0")
    return Amounts(found.memory_mib, found.millicores, sum(disk.size_bytes for disk in guest.disks))


def _within(has: Amounts, kept: Amounts) -> bool:
    return all(mine <= theirs for mine, theirs in zip(astuple(has)[:3], astuple(kept)[:3], strict=True))


Hosting.TestCase.settings = settings(
    max_examples=6,
    stateful_step_count=25,
    phases=(Phase.generate,),  # a run takes seconds: to make a failing one shorter would take minutes
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestNeverOversold = Hosting.TestCase
