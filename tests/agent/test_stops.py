"""Stopping guests, one or all of a host, while the keeper pauses them, they reboot, or one of them gives trouble."""

from __future__ import annotations

import functools
import math
import time
from pathlib import Path
from typing import Any

import pytest

from teig.agent.disks.volumes import Volumes
from teig.agent.guests import guests as module
from teig.agent.guests.asked import LET_GO
from teig.agent.guests.guests import Guests
from teig.agent.guests.wanted import RUNNING, STOPPED, since, want
from teig.agent.host import boot, progress
from teig.agent.host.process import Done
from teig.agent.host.state import State, make_private
from teig.agent.keeper import pauses
from teig.agent.xen import daemons
from teig.agent.xen.hypervisor import Domain
from tests.agent.processors import domain
from tests.keeper.given import Xen

FIRST, SECOND, THIRD = (f"{number}0000000-0000-4000-8000-000000000000" for number in (1, 2, 3))
SHUT_DOWN_S = 0.5


class Host(Xen):
    """Domains that shut down half a second after they were asked, if they are not paused, in a virtual time."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.now = 0.0
        self.state = State(root / "state")
        self.asked: dict[int, float] = {}
        self.deaf: set[int] = set()
        self.held: set[str] = set()
        self.looked_after: dict[str, float] = {}
        """The guests that xl makes anew, and when."""
        self.cut_off: list[int] = []

    def run_guest(self, domid: int, guest: str) -> None:
        make_private(self.state.guest_dir(guest))
        (self.state.guest_dir(guest) / "started.json").write_text("{}")
        self.running.append(domain(domid, guest))

    def ask_to_stop(self, domid: int) -> None:
        self.asked.setdefault(domid, self.now)

    def sleep(self, seconds: float) -> None:
        """Let time go by: the keeper pauses again whom it holds back, and guests get on with their shutdown."""
        self.now += seconds
        for found in list(self.running):
            done = self.now >= self.asked.get(found.domid, self.now) + SHUT_DOWN_S
            if done and not found.paused and found.domid not in self.deaf:
                self.running.remove(found)
                self.looked_after.pop(found.uuid, None)
            elif found.uuid in self.held and not found.paused:
                pauses.pause(self, found, 1e12, self.root / "run")  # type: ignore[arg-type]
        for guest, at in list(self.looked_after.items()):
            if self.now >= at and self.find(guest) is None:
                self.run_guest(30 + len(self.running), guest)

    def destroy(self, argv: list[str], *_: object) -> Done:
        assert argv[:2] == ["xl", "destroy"]
        domid = int(argv[2])
        if any(found.domid == domid and not found.shutdown for found in self.running):
            self.cut_off.append(domid)
        self.running = [found for found in self.running if found.domid != domid]
        return Done(0, "", "")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(tmp_path)
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(time, "sleep", host.sleep)
    monkeypatch.setattr(time, "monotonic", lambda: host.now)
    monkeypatch.setattr(module, "run", host.destroy)
    monkeypatch.setattr(daemons, "of", lambda config, _: [99] if config.parent.name in host.looked_after else [])
    monkeypatch.setattr(daemons, "end", lambda config, _: host.looked_after.pop(config.parent.name, None))
    monkeypatch.setattr(pauses, "release", functools.partial(pauses.release, folder=tmp_path / "run"))
    return host


@pytest.fixture
def guests(host: Host) -> Guests:
    return Guests(host.state, host, Volumes())  # type: ignore[arg-type]


def test_a_guest_that_the_keeper_pauses_again_while_it_shuts_down_comes_to_its_end(host: Host, guests: Guests) -> None:
    host.run_guest(7, FIRST)
    host.held.add(FIRST)
    guests.stop(FIRST, 1, 60)
    assert host.find(FIRST) is None
    assert host.cut_off == []
    assert host.now < 5


def test_at_the_host_s_shutdown_all_guests_have_the_time_that_a_deaf_one_takes(host: Host, guests: Guests) -> None:
    for domid, guest in enumerate((FIRST, SECOND, THIRD), 1):
        host.run_guest(domid, guest)
    host.deaf.add(1)
    host.held.add(SECOND)
    host.running.pop()
    host.looked_after[THIRD] = 3.0  # it is rebooting
    boot.stop_all(host.state, guests, 60, host.root / "going-down")
    assert host.cut_off == [1]
    assert host.now < 62


def test_a_guest_that_cannot_be_asked_keeps_no_other_from_being(
    host: Host, guests: Guests, monkeypatch: pytest.MonkeyPatch
) -> None:
    for domid, guest in enumerate((FIRST, SECOND), 1):
        host.run_guest(domid, guest)
    ask = host.ask_to_stop

    def odd(domid: int) -> None:
        if domid == 1:
            raise RuntimeError(12, "Cannot allocate memory")
        ask(domid)

    monkeypatch.setattr(host, "ask_to_stop", odd)
    boot.stop_all(host.state, guests, 10, host.root / "going-down")
    assert host.cut_off == [1]


def test_a_guest_that_xen_does_not_let_go_on_is_asked_and_then_destroyed(
    host: Host, guests: Guests, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.run_guest(7, FIRST)
    host.held.add(FIRST)
    host.sleep(0)

    def refused(_: int) -> None:
        raise RuntimeError(22, "Invalid argument")

    monkeypatch.setattr(host, "unpause", refused)
    guests.stop(FIRST, 1, 10)
    assert host.find(FIRST) is None
    assert (list(host.asked), host.cut_off) == ([7], [7])


def test_a_stop_that_ends_with_trouble_of_any_kind_takes_its_question_back(
    host: Host, guests: Guests, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.run_guest(7, FIRST)
    monkeypatch.setattr(host, "withdraw", host.asked.pop, raising=False)

    def trouble() -> None:
        raise RuntimeError(12, "Cannot allocate memory")

    monkeypatch.setattr(progress, "step", trouble)
    with pytest.raises(RuntimeError):
        guests.stop(FIRST, 1, 60)
    assert host.asked == {}


def test_a_number_that_rose_meanwhile_keeps_the_host_from_nothing(host: Host, guests: Guests) -> None:
    host.run_guest(7, FIRST)
    host.state.raise_fence(FIRST, 9)
    guests.halt(FIRST)
    assert host.cut_off == [7]
    assert host.state.fence(FIRST) == 9


def test_what_cannot_be_read_at_a_boot_keeps_no_guest_from_being_started(host: Host) -> None:
    for guest in (FIRST, SECOND):
        folder = host.state.guest_dir(guest)
        make_private(folder)
        (folder / "spec.json").touch()
    (host.state.guest_dir(FIRST) / "wanted").mkdir()
    (host.state.guest_dir(SECOND) / "wanted").write_text("running\n")
    assert boot.wanted(host.state) == [SECOND, FIRST]


def test_a_guest_that_reconnects_while_it_is_asked_is_let_go_some_times_and_then_destroyed(
    host: Host, guests: Guests, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[float] = []
    release = pauses.release

    def count(*args: Any) -> bool:
        found = release(*args)
        released.extend([host.now] * found)
        return found

    monkeypatch.setattr(pauses, "release", count)
    host.run_guest(7, FIRST)
    host.held.add(FIRST)
    host.deaf.add(7)
    guests.stop(FIRST, 1, 3600)
    assert host.cut_off == [7]
    assert len(released) == LET_GO + 1  # once more when it is destroyed
    assert released[LET_GO - 1] < 10


def test_what_cannot_be_read_at_the_host_s_shutdown_cuts_nobody_off(
    host: Host, guests: Guests, monkeypatch: pytest.MonkeyPatch
) -> None:
    for domid, guest in enumerate((FIRST, SECOND, THIRD), 1):
        host.run_guest(domid, guest)
    host.running.pop()
    (host.state.guest_dir(THIRD) / "spec.json").mkdir()
    domains, odd = host.domains, [2, 3]

    def sometimes() -> list[Domain]:
        odd[:] = [count - 1 for count in odd]
        if 0 in odd:
            raise RuntimeError(12, "Cannot allocate memory")
        return domains()

    monkeypatch.setattr(host, "domains", sometimes)
    boot.stop_all(host.state, guests, 60, host.root / "going-down")
    assert (host.running[1:], host.cut_off) == ([], [])
    assert host.now < 5


def test_a_host_that_cannot_be_read_at_all_stops_what_it_can(
    host: Host, guests: Guests, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.run_guest(1, FIRST)
    monkeypatch.setattr(guests, "ask_all_to_stop", lambda _: 1 / 0)
    boot.stop_all(host.state, guests, 5, host.root / "going-down")
    assert host.cut_off == [1]


def test_a_shutdown_reads_all_processes_once_for_each_guest_that_has_ended(
    host: Host, guests: Guests, monkeypatch: pytest.MonkeyPatch
) -> None:
    for domid, guest in enumerate((FIRST, SECOND, THIRD), 1):
        host.run_guest(domid, guest)
    host.running[-2:] = []
    host.deaf.add(1)
    asked: list[str] = []

    def of(config: Path, _: str) -> list[int]:
        asked.append(config.parent.name)
        return []

    monkeypatch.setattr(daemons, "of", of)
    boot.stop_all(host.state, guests, 60, host.root / "going-down")
    assert sorted(asked) == [SECOND, THIRD]


def test_a_guest_that_somebody_works_on_is_destroyed_before_its_host_is_down(host: Host, guests: Guests) -> None:
    host.run_guest(7, FIRST)
    host.deaf.add(7)
    with host.state.changing(FIRST, 1):
        folder = State(host.state.root)
        boot.stop_all(folder, Guests(folder, host, Volumes()), 5, host.root / "going-down")  # type: ignore[arg-type]
    assert host.cut_off == [7]


def test_a_guest_that_is_stopped_while_its_host_boots_stays_so(host: Host, guests: Guests) -> None:
    folder = host.state.guest_dir(FIRST)
    make_private(folder)
    (folder / "spec.json").touch()
    want(folder, RUNNING)
    assert boot.wanted(host.state) == [FIRST]
    want(folder, STOPPED)
    assert guests.start(FIRST, None) == {"domid": None}


def test_a_wish_that_cannot_be_read_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spec.json").touch()
    want(tmp_path, RUNNING)

    def broken(_: Path) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", broken)
        assert since(tmp_path) == math.inf
        want(tmp_path, STOPPED)
    assert since(tmp_path) is None
