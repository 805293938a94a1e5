"""Guests that connect their disks anew as fast as they can, or lie about them, in a virtual time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from teig.agent.contract.spec import DiskRate
from teig.agent.keeper import keeper as keeper_module
from teig.agent.keeper import pauses
from teig.agent.keeper.keeper import Keeper
from teig.agent.keeper.reconnects import BURST_S, MOST_AT_ONCE_S, PART
from teig.agent.network.cards import Cards, Seen
from teig.agent.xen.hypervisor import Changes
from tests.agent.given import GUEST
from tests.keeper import given
from tests.keeper.given import Host

OTHER = "11111111-2222-4333-8444-555555555555"
TEN_MINUTES = 600.0
START = 1000.0


def state_of(domid: int, kind: str = "vbd") -> str:
    return f"/local/domain/0/backend/{kind}/{domid}/0/state"


class Ended(Exception):
    """The time is over."""


class Guest:
    """A guest, of which the keeper is told `slow` seconds after it acted, every `period` seconds it is not paused.

    Its first connection is its boot's, and is not measured.
    """

    def __init__(self, host: Host, period: float, slow: float, act: Callable[[Guest], list[str]]) -> None:
        self.host, self.period, self.slow, self.act = host, period, slow, act
        self.now = START
        self.end = START + TEN_MINUTES
        self.due = START
        self.acts = 0
        self.rest_s = period
        self.wakes = 0
        self.outside_s = 0.0
        self.outside_since: float | None = None
        self.threads = 0

    def wait(self, seconds: float) -> Changes:
        """Let time go by as xenstore's watch does."""
        self.wakes += 1
        paused = self.host.xen.pauses.get(7, 0) > 0
        if self.outside_since is not None and (paused or self._placed()):
            self.outside_s += self.now - self.outside_since if self.acts > 1 else 0.0
            self.outside_since = None
        elif self.outside_since is None and self.threads and not paused and not self._placed():
            self.outside_since = self.now  # it was let go, and nothing limits it
        if self.now > self.end:
            raise Ended
        until = self.now + max(0.0, seconds)
        if paused or self.due > until:
            self.now = until
            self.due = max(self.due, until) if paused else self.due
            return Changes([], until)
        self.now = max(self.now, self.due)
        began = self.now
        paths = self.act(self)
        self.acts += 1
        self.now += self.slow
        self.due = self.now + (self.period if self.acts > 1 else self.rest_s)
        return Changes(paths, began)

    def reconnect(self) -> None:
        """End the disk's thread and begin another, outside of the guest's group."""
        if self.threads:
            self.host.end(1000 + self.threads)
        self.threads += 1
        self.host.thread(1000 + self.threads, "7.xvda-0")
        if self.outside_since is None:
            self.outside_since = self.now

    def _placed(self) -> bool:
        return 1000 + self.threads in self.host.groups.members(GUEST)


def reconnect(guest: Guest) -> list[str]:
    guest.reconnect()
    return [state_of(7)] * 4


@pytest.fixture
def run(host: Host, monkeypatch: pytest.MonkeyPatch) -> Callable[[Guest], Keeper]:
    """Have the keeper follow a guest for ten minutes."""
    monkeypatch.setattr(Cards, "seen", lambda _: Seen({}, {}))
    (host.root / "run").mkdir()

    def follow(guest: Guest) -> Keeper:
        monkeypatch.setattr(keeper_module, "boottime", lambda: guest.now)
        monkeypatch.setattr(given, "boottime", lambda: guest.now)
        host.xen.watch = lambda _: guest  # type: ignore[attr-defined]
        keeping = Keeper(host.state, host.xen, host.limits, host.root / "run", "v1")  # type: ignore[arg-type]
        with pytest.raises(Ended):
            keeping._follow()
        return keeping

    return follow


@pytest.mark.parametrize("slow", [0.002, 0.05, 0.3, 1.3, 3.0])
@pytest.mark.parametrize("period", [0.001, 0.5, 5.0])
def test_a_guest_that_reconnects_all_the_time_is_above_its_limit_for_two_percent_of_it_at_most(
    host: Host, run: Callable[[Guest], Keeper], slow: float, period: float
) -> None:
    host.run(7)
    guest = Guest(host, period, slow, reconnect)
    run(guest)
    assert guest.acts > 2
    assert guest.outside_s / TEN_MINUTES < 0.02


def to(state: str, changes: int) -> Callable[[Guest], list[str]]:
    """Have a guest that connects and goes on to a state before the keeper reads it, told as so many changes."""

    def act(guest: Guest) -> list[str]:
        guest.reconnect()
        guest.host.submitted(7, 0, wr_sect=(64 << 20) // 512)
        guest.host.xen.store[state_of(7)] = state
        return [state_of(7)] * changes

    return act


@pytest.mark.parametrize(("state", "changes"), [("5", 4), ("5", 1), ("6", 3), ("2", 4)])
@pytest.mark.parametrize("slow", [0.0, 0.3])
def test_so_is_one_whose_connections_are_over_before_they_are_read(
    host: Host, run: Callable[[Guest], Keeper], slow: float, state: str, changes: int
) -> None:
    """blkback's threads go on in state 5; each connection asks for 64 MiB, where it may write 8 MiB a second."""
    host.run(7)
    host.submitted(7, 0)
    phases = iter(range(10**9))

    def act(guest: Guest) -> list[str]:
        if changes == 1 and next(phases) % 2:  # it is told of each change by itself
            guest.host.xen.store[state_of(7)] = "2"
            return [state_of(7)]
        return to(state, changes)(guest)

    guest = Guest(host, 0.01, slow, act)
    run(guest)
    assert guest.outside_s / TEN_MINUTES < 0.02
    connections = guest.acts / (2 if changes == 1 else 1)
    assert 5 < connections < 1.2 * TEN_MINUTES / 8 + BURST_S / PART / 8


def test_a_shutdown_and_a_reload_of_the_disk_driver_cost_little(host: Host, run: Callable[[Guest], Keeper]) -> None:
    """Told in every way: 5 and 6 together; 5, 6 and 2; one by one."""
    host.run(7)
    host.submitted(7, 0)
    told = iter([("4", 3), ("6", 2), ("2", 1), ("4", 1), ("2", 3), ("4", 1), ("5", 1), ("6", 1), ("2", 1), ("4", 1)])

    def act(guest: Guest) -> list[str]:
        state, changes = next(told, ("4", 0))
        if state == "4" and changes:
            guest.reconnect()
        guest.host.xen.store[state_of(7)] = state
        return [state_of(7)] * changes

    guest = Guest(host, 20.0, 0.1, act)
    keeping = run(guest)
    assert host.xen.pauses == {}
    assert next(told, None) is None
    assert keeping._reconnects.left(GUEST, START + 20) > 3


def test_a_stop_that_lets_a_guest_go_again_and_again_leads_to_no_pause_of_an_hour(
    host: Host, run: Callable[[Guest], Keeper]
) -> None:
    host.run(7)
    guest = Guest(host, 0.05, 0.3, reconnect)
    guest.end = START + 60
    wait = guest.wait

    def let_go(seconds: float) -> Changes:
        pauses.release(host.xen, GUEST, host.root / "run")  # type: ignore[arg-type]
        return wait(min(seconds, 0.1))

    guest.wait = let_go  # type: ignore[method-assign]
    keeping = run(guest)
    assert BURST_S - keeping._reconnects.left(GUEST, guest.now) <= BURST_S + MOST_AT_ONCE_S


def test_what_was_before_the_keeper_heard_of_it_counts_when_it_finds_out(
    host: Host, run: Callable[[Guest], Keeper]
) -> None:
    host.run(7)
    guest = Guest(host, 1000.0, 0.0, reconnect)
    guest.end = START + 20
    keeping = run(guest)
    keeping._reconnects.count(GUEST, keeping._reconnects.left(GUEST, guest.now), guest.now)
    guest.reconnect()
    guest.now += 1.0
    keeping.notice(Changes([state_of(7)] * 4, guest.now))
    guest.now += 0.05
    keeping._stop_overdue()
    assert host.xen.pauses == {7: 1}
    guest.now += 3.0
    keeping.catch_up()
    assert -1.2 < keeping._reconnects.left(GUEST, guest.now) < -1.0


def test_a_keeper_that_may_do_no_more_work_pauses_all_the_same(
    host: Host, run: Callable[[Guest], Keeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(10**6))
    monkeypatch.setattr(time, "process_time", lambda: 0.5 * next(times))
    host.run(7)
    guest = Guest(host, 0.1, 0.05, reconnect)
    guest.rest_s = 30.0
    run(guest)
    assert guest.outside_s / TEN_MINUTES < 0.02


def test_what_the_keeper_did_not_see_counts_too(host: Host, run: Callable[[Guest], Keeper]) -> None:
    """Many threads come and go between two looks, and only the last one is found, just begun."""

    def many(guest: Guest) -> list[str]:
        guest.reconnect()
        guest.now += 0.5
        guest.reconnect()
        return [state_of(7)] * 100

    host.run(7)
    guest = Guest(host, 0.01, 0.0, many)
    run(guest)
    assert guest.outside_s / TEN_MINUTES < 0.02


def test_what_is_submitted_in_the_shortest_moment_counts(host: Host, run: Callable[[Guest], Keeper]) -> None:
    """A guest that connects with full rings: 64 MiB each time, where it may write 8 MiB a second."""

    def full(guest: Guest) -> list[str]:
        guest.reconnect()
        host.submitted(7, 0, wr_sect=(64 << 20) // 512)
        return [state_of(7)] * 2

    host.run(7)
    host.submitted(7, 0)
    guest = Guest(host, 0.01, 0.001, full)
    run(guest)
    assert 10 < guest.acts < 1.1 * TEN_MINUTES / 8 + BURST_S / PART / 8


def test_a_guest_that_uses_all_of_its_limit_in_bursts_is_never_paused(
    host: Host, run: Callable[[Guest], Keeper]
) -> None:
    sectors = [0]

    def burst(_: Guest) -> list[str]:
        sectors[0] += (64 << 20) // 512
        host.submitted(7, 0, wr_sect=sectors[0], wr_req=sectors[0] // 88)
        return []

    host.run(7)
    guest = Guest(host, 8.0, 0.0, burst)
    run(guest)
    assert host.xen.pauses == {}


def test_counters_of_each_disk(host: Host) -> None:
    host.run(7, ("253:0", "253:1"))
    rate = DiskRate(100, 100, 1 << 20, 1 << 20)
    submitted = host.limits.submitted
    host.submitted(7, 0, rd_req=1000)
    assert submitted.ahead_s(7, rate, 0.0) == 0.0
    host.submitted(7, 0, rd_req=1500)
    host.submitted(7, 1, rd_req=500, f_req=300)
    assert submitted.ahead_s(7, rate, 4.0) == 6.0
    assert submitted.ahead_s(7, rate, 5.0) == 0.0
    host.submitted(7, 1, f_req=700, wr_req=400)  # another connection
    assert submitted.ahead_s(7, rate, 6.0) == 10.0
    host.root.joinpath("devices/vbd-7-1/statistics/rd_req").write_text("")
    assert submitted.ahead_s(7, rate, 7.0) == 0.0
    assert submitted.ahead_s(8, rate, 7.0) == 0.0


def test_what_was_submitted_under_a_faster_plan_was_right(host: Host) -> None:
    host.run(7)
    fast, slow = DiskRate(20000, 20000, 1 << 30, 1 << 30), DiskRate(200, 200, 1 << 20, 1 << 20)
    submitted = host.limits.submitted
    for now, rate, total in ((0.0, fast, 0), (10.0, slow, 200_000), (20.0, slow, 202_000)):
        host.submitted(7, 0, rd_req=total)
        assert submitted.ahead_s(7, rate, now) == 0.0
    host.submitted(7, 0, rd_req=212_000)
    assert submitted.ahead_s(7, slow, 30.0) == 40.0


def test_what_a_new_domain_submits_before_it_is_first_looked_at_counts(host: Host) -> None:
    """A guest that reboots in a loop is a new domain each time."""
    host.run(7)
    rate = DiskRate(100, 100, 1 << 20, 1 << 20)
    host.submitted(7, 0, rd_req=1000)
    assert host.limits.submitted.ahead_s(7, rate, 50.0, ("0",)) == 10.0


def lies(guest: Guest) -> list[str]:
    guest.host.xen.store["/local/domain/7/device/vbd/0/multi-queue-num-queues"] = "128"
    guest.reconnect()
    return [state_of(7)] * 4


def flips(guest: Guest) -> list[str]:
    guest.host.xen.store[state_of(7)] = "2"
    return [state_of(7)]


def reconnects_cards(guest: Guest) -> list[str]:
    guest.host.xen.store[state_of(7, "vif")] = "4"
    return [state_of(7, "vif")] * 4


@pytest.mark.parametrize(("period", "act"), [(4.9, lies), (0.001, lies), (0.001, flips), (0.001, reconnects_cards)])
def test_no_guest_keeps_the_keeper_busy(
    host: Host, run: Callable[[Guest], Keeper], period: float, act: Callable[[Guest], list[str]]
) -> None:
    host.run(7)
    guest = Guest(host, period, 0.0, act)
    run(guest)
    assert guest.wakes < 2000


def test_a_keeper_that_works_too_much_does_so_less_often(
    host: Host, run: Callable[[Guest], Keeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many guests there are: here one whose pauses do nothing, and passes that take 0.2 s each."""
    host.run(7)
    passes: list[float] = []
    threads = host.limits.threads

    def slowly(**_: object) -> dict[int, list[int]]:
        passes.append(guest.now)
        guest.end = min(guest.end, START + 60)
        return threads()

    times = iter(range(10**6))
    monkeypatch.setattr(host.limits, "threads", slowly)
    monkeypatch.setattr(host.xen, "pause", lambda _: None)
    monkeypatch.setattr(time, "process_time", lambda: 0.2 * next(times))
    guest = Guest(host, 0.01, 0.0, reconnect)
    run(guest)
    rounds = 60 / keeper_module.RECONCILE_S
    assert len(passes) < 60 * keeper_module.WORK_PART / 0.2 + 5 / 0.2 + rounds + 20


def test_a_boot_is_held_back_by_nothing_and_a_loop_of_boots_is(host: Host, run: Callable[[Guest], Keeper]) -> None:
    host.run(7)
    guest = Guest(host, 200.0, 1.3, reconnect)
    run(guest)
    assert host.xen.pauses == {}


def test_a_boot_of_many_disks_on_a_slow_host_leaves_something_to_use(
    host: Host, run: Callable[[Guest], Keeper]
) -> None:
    def boot(guest: Guest) -> list[str]:
        if guest.acts < 8:
            guest.reconnect()
            host.xen.store[disk(guest.acts)] = "4"
            return [disk(guest.acts)] * 3
        return []

    host.run(7)
    guest = Guest(host, 0.5, 1.5, boot)
    keeping = run(guest)
    assert host.xen.pauses == {}
    assert keeping._reconnects.left(GUEST, START + 20) > 1


def disk(number: int) -> str:
    return f"/local/domain/0/backend/vbd/7/{number}/state"


def test_one_that_is_paused_is_told_of_and_goes_on(host: Host, run: Callable[[Guest], Keeper]) -> None:
    host.run(7)
    guest = Guest(host, 0.01, 1.0, reconnect)
    guest.end = START + 20
    keeping = run(guest)
    assert host.xen.pauses == {7: 1}
    [(held, reason)] = keeper_module.held_back(host.root / "run").items()
    assert held == GUEST
    assert reason.startswith("Paused until ")
    said = json.loads((host.root / "run/keeper.json").read_text())["guests"][GUEST]["did"]
    assert sum("paused, and" in line["what"] for line in said) == 1
    guest.now += 1000
    keeping._lift()
    assert host.xen.pauses == {7: 0}
    keeping.reconcile()
    assert keeper_module.held_back(host.root / "run") == {}


def test_the_next_domain_has_no_part_in_the_pause_of_the_last(host: Host, run: Callable[[Guest], Keeper]) -> None:
    guest = Guest(host, 10000.0, 0.0, reconnect)
    guest.end = guest.now + 60
    keeping = run(guest)
    host.run(7)
    pauses.pause(host.xen, host.xen.running.pop(), guest.now + 125, host.root / "run")  # type: ignore[arg-type]
    host.run(8)
    keeping.reconcile()
    assert keeper_module.held_back(host.root / "run") == {}
    keeping.notice(Changes([state_of(8)], guest.now))
    assert not keeping.catch_up()
    host.thread(800, "8.xvda-0")
    assert keeping.catch_up()


def test_a_first_boot_that_a_slow_look_finds_is_not_paused_for_the_keeper_s_slowness(
    host: Host, run: Callable[[Guest], Keeper]
) -> None:
    guest = Guest(host, 10000.0, 0.0, reconnect)
    guest.end = guest.now + 60
    keeping = run(guest)
    host.run(8)
    host.thread(800, "8.xvda-0", age_s=0.0)
    guest.now += 30
    keeping.reconcile()
    assert host.groups.members(GUEST) == {800}
    assert host.xen.pauses == {}


def test_a_keeper_that_is_killed_leaves_nobody_paused_for_good(host: Host, run: Callable[[Guest], Keeper]) -> None:
    host.run(7)
    guest = Guest(host, 0.01, 1.0, reconnect)
    guest.end = START + 20
    run(guest)
    assert host.xen.pauses == {7: 1}
    after = Guest(host, 10000.0, 0.0, reconnect)
    after.now, after.due, after.end = guest.now, guest.now + 9000, guest.now + 600
    run(after)
    assert host.xen.pauses == {7: 0}
    assert pauses.all_paused(host.root / "run") == {}


def test_what_was_used_stays_used_when_the_keeper_is_another(host: Host, run: Callable[[Guest], Keeper]) -> None:
    host.run(7)
    guest = Guest(host, 0.01, 1.0, reconnect)
    guest.end = START + 20
    run(guest)._reconnects.lift_all()
    assert host.xen.pauses == {7: 0}
    other = Keeper(host.state, host.xen, host.limits, host.root / "run")  # type: ignore[arg-type]
    other._reconnects.restore(keeper_module.record(host.root / "run")["used"])
    other._reconnects.restore({"x": "y", "z": [1]})
    assert other._reconnects._allowances[GUEST].wait(guest.now) > 10


def test_the_figures_keep_the_promise() -> None:
    assert BURST_S / TEN_MINUTES + PART < 0.02
