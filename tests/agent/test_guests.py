"""What the agent does with a guest whose host fails it in the middle; whole lives are in `tests.fleet.contract`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.contract.spec import parse_spec
from teig.agent.disks import volumes
from teig.agent.disks.volumes import Volume, Volumes
from teig.agent.guests import guests as module
from teig.agent.guests.guests import Guests
from teig.agent.guests.record import NO_LIMITS, state_word
from teig.agent.guests.start_failures import TOO_SLOW
from teig.agent.host import boot, progress
from teig.agent.host.clock import clock
from teig.agent.host.process import Done
from teig.agent.host.state import State, make_private, write_json
from teig.agent.keeper import pauses
from teig.agent.xen import cpupools, daemons, own_cores
from teig.agent.xen.hypervisor import Domain
from tests.agent.conftest import Making, XenWithRoom
from tests.agent.given import GUEST, SSH_KEY, spec
from tests.agent.processors import domain
from tests.keeper.given import Xen

OTHER = "99999999-2222-4333-8444-555555555555"


class XenstoreError(RuntimeError):
    """As xen.lowlevel.xs.Error is one."""


@pytest.mark.parametrize("error", [XenstoreError(11, "again"), OSError(5, "io"), ZeroDivisionError(), KeyError("x")])
def test_a_guest_that_cannot_be_limited_does_not_run_whatever_the_reason(
    making: Making, xen: Xen, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    agent = making()

    def hold(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(vars(agent)["_limits"], "hold", hold)
    for fence in (1, 2):
        with pytest.raises(Failure, match="disks could not be limited") as caught:
            agent.start(GUEST, fence)
        assert caught.value.code == "limits_failed"
        assert xen.find(GUEST) is None


def test_a_guest_whose_group_was_renamed_is_not_started_on_another_s_volume(
    making: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's copy may have the path by now that its xl.cfg names."""
    agent = making()
    there = [
        Volume(group, GUEST, f"disk{n}", f"{uuid}-{n}")
        for group, uuid in (("vg0", "COPY"), ("vg9", "LVM"))
        for n in (0, 1)
    ]
    monkeypatch.setattr(volumes, "mapped", lambda: there)
    with pytest.raises(Failure, match="xvda is /dev/vg9/teig-") as caught:
        agent.start(GUEST, 1)
    assert caught.value.code == "volume_moved"


class Hearing(XenWithRoom):
    """Xen with what guests were asked to do."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, int]] = []

    def ask_to_stop(self, domid: int) -> None:
        self.asked.append(("stop", domid))

    def withdraw(self, domid: int) -> None:
        self.asked.append(("nothing", domid))


def test_a_stop_that_was_cancelled_leaves_the_guest_as_it_was(
    making: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its xl still makes it anew when it reboots, it does not shut down later, and it starts with its host."""
    ended: list[object] = []
    xen = Hearing()
    agent = Guests(State(tmp_path), xen, Volumes()) if making() else None  # type: ignore[arg-type]
    assert agent is not None
    monkeypatch.setattr(daemons, "end", lambda *_: ended.append(1))
    xen.running.append(domain(5, GUEST))
    (State(tmp_path).guest_dir(GUEST) / "wanted").write_text("running\n")

    def cancelled(*_: object) -> NoReturn:
        raise Failure("conflict", "It was cancelled.", code="job_cancelled")

    monkeypatch.setattr(progress, "step", cancelled)
    for verb in (agent.stop, agent.reboot):
        xen.asked.clear()
        with pytest.raises(Failure, match="cancelled"):
            verb(GUEST, 2, 60)
        assert (xen.asked, ended) == ([("stop", 5), ("nothing", 5)], [])
    assert (State(tmp_path).guest_dir(GUEST) / "wanted").read_text() == "running\n"


def test_a_start_that_failed_is_not_done_by_the_next_boot(
    making: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = making()

    def hold(*_: object) -> NoReturn:
        raise XenstoreError(11, "again")

    monkeypatch.setattr(vars(agent)["_limits"], "hold", hold)
    with pytest.raises(Failure):
        agent.start(GUEST, 1)
    assert boot.wanted(State(tmp_path)) == []


def test_a_start_that_is_tried_again_has_the_cores_that_it_is_promised(
    making: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    making(own_cores=True)
    xen = XenWithRoom(8)
    for part in (cpupools, own_cores):
        monkeypatch.setattr(part, "must", xen.xl)
    monkeypatch.setattr(cpupools, "run", lambda argv, *_: Done(0, xen.xl(argv), ""))
    tried: list[bool] = []

    def run(argv: list[str], *_: object) -> Done:
        if argv[1] != "create":
            return Done(0, "", "")
        tried.append(argv[3].split('"')[1] in xen.names.values())
        if len(tried) == 1:
            return Done(1, "", f"libxl: error: {TOO_SLOW}")
        xen.running.append(domain(5, GUEST))
        return Done(0, "", "")

    monkeypatch.setattr(module, "run", run)
    agent = Guests(State(tmp_path), xen, Volumes())  # type: ignore[arg-type]
    monkeypatch.setattr(vars(agent)["_limits"], "hold", lambda *_: None)
    assert agent.start(GUEST, 1) == {"domid": 5}
    assert tried == [True, True]


@pytest.mark.parametrize(
    ("paused", "ran_ns", "limited", "left"),
    [(False, 5, True, 5), (False, 0, True, 5), (True, 0, True, 6), (True, 5, True, 5), (False, 5, False, 6)],
)
def test_a_start_that_was_cut_short_leaves_a_whole_domain_alone(
    making: Making,
    xen: Xen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    paused: bool,
    ran_ns: int,
    limited: bool,
    left: int,
) -> None:
    """Once it is held to its limits, it is what was asked for; one that may lack something is made anew.

    The keeper, and an administrator, pause guests that run.
    """
    agent = making()
    xen.running.append(domain(5, GUEST)._replace(cpu_time_ns=ran_ns))
    if paused:
        xen.pause(5)
    (State(tmp_path).guest_dir(GUEST) / "starting").touch()

    def run(argv: list[str], *_: object) -> Done:
        if argv[1] == "destroy":
            xen.running = [found for found in xen.running if found.domid != int(argv[2])]
        elif argv[1] == "create":
            xen.running.append(domain(6, GUEST))
        return Done(0, "", "")

    def hold(_spec: object, domid: int) -> None:
        if domid == 5 and not limited:
            raise OSError(5, "io")

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(vars(agent)["_limits"], "hold", hold)
    assert agent.start(GUEST, 1) == {"domid": left}
    assert not (State(tmp_path).guest_dir(GUEST) / "starting").exists()


def test_nothing_of_a_start_or_a_pause_outlives_its_domain(
    making: Making, xen: Xen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start was cut short, and the keeper pauses the guest again in its last moment: its next domain is a new one."""
    agent, sound = making(), vars(module)["run"]
    xen.running.append(domain(5, GUEST))
    (State(tmp_path).guest_dir(GUEST) / "starting").touch()

    def run(argv: list[str], *more: object) -> Done:
        pauses.pause(xen, xen.running[-1], 1e12, tmp_path / "run")  # type: ignore[arg-type]
        done: Done = sound(argv, *more)
        return done

    monkeypatch.setattr(module, "run", run)
    agent.stop(GUEST, 1, 0)
    assert xen.find(GUEST) is None
    assert not (State(tmp_path).guest_dir(GUEST) / "starting").exists()
    assert pauses.paused(GUEST, tmp_path / "run") is None


def test_what_a_guest_was_started_with_is_told_without_its_keys(
    making: Making, xen: Xen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are nobody's figure, there may be many, and each inventory would have them twice for each guest."""
    agent = making()
    xen.weights[5] = xen.weights[0]
    monkeypatch.setattr(vars(agent)["_limits"], "hold", lambda *_: None)
    monkeypatch.setattr(vars(agent)["_limits"], "threads", dict)
    monkeypatch.setattr(vars(agent)["_limits"], "held", lambda *_: NO_LIMITS)
    agent.start(GUEST, 1)
    told = agent.show(GUEST)
    assert told["spec"]["ssh_keys"] == [SSH_KEY]
    assert parse_spec(told["started"]) == parse_spec(told["spec"])._replace(ssh_keys=())


def test_a_dying_domain_does_not_run(making: Making, xen: Xen, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was destroyed, and a back end has not let go of its memory yet (xen/common/domctl.c, getdomaininfo)."""
    agent = making()
    monkeypatch.setattr(vars(agent)["_limits"], "hold", lambda *_: None)
    dying = domain(4, GUEST)._replace(dying=True)
    xen.running.append(dying)
    assert state_word(dying) == "stopped"
    monkeypatch.setattr(time, "sleep", lambda _: xen.running.remove(dying) if dying in xen.running else None)
    assert agent.start(GUEST, 1) == {"domid": 5}


@pytest.mark.parametrize("broken", ["create", "find"])
def test_whatever_fails_in_a_start_no_guest_without_limits_is_left(
    making: Making, xen: Xen, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    agent = making()
    sound, found = vars(module)["run"], xen.find

    def run(argv: list[str], *more: object) -> Done:
        done: Done = sound(argv, *more)
        if broken == "create" and argv[1] == "create":
            raise Failure("host", "xl did not end within 180 seconds.", code="timeout")
        return done

    def find(guest: str) -> Domain | None:
        if broken == "find" and len(xen.running) > 1 and not failed:
            failed.append(guest)
            raise XenstoreError(5, "io")
        domain: Domain | None = found(guest)
        return domain

    failed: list[str] = []
    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(xen, "find", find)
    with pytest.raises((Failure, XenstoreError)):
        agent.start(GUEST, 1)
    assert found(GUEST) is None
    assert not (vars(agent)["_state"].guest_dir(GUEST) / "starting").exists()


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        *((file, b"\xff{") for file in ("spec.json", "started.json", "fence")),
        *(("fence", damage) for damage in (b"-1", b"9223372036854775808", b"1" * 5000)),
        *(("spec.json", damage) for damage in (b'{"name": NaN}', b'{"name": "\\ud800"}', b'{"name": 1e999}')),
        ("started.json", b'{"spec": {}, "at": -Infinity}'),
    ],
)
def test_a_guest_whose_files_are_damaged_hides_no_other(
    making: Making, tmp_path: Path, xen: Xen, monkeypatch: pytest.MonkeyPatch, file: str, damage: bytes
) -> None:
    agent, state = making(), State(tmp_path)
    make_private(state.guest_dir(OTHER))
    write_json(state.guest_dir(OTHER) / "spec.json", {**spec(cap=0, vcpus=1), "id": OTHER})
    (state.guest_dir(OTHER) / file).write_bytes(damage)
    xen.running += [domain(5, GUEST), domain(6, OTHER)]
    monkeypatch.setattr(vars(agent)["_limits"], "threads", dict)
    monkeypatch.setattr(vars(agent)["_limits"], "held", lambda *_: NO_LIMITS)
    monkeypatch.setattr(xen, "vcpus", lambda domain: domain.vcpus, raising=False)
    monkeypatch.setattr(agent, "_with_answers", lambda told: told)
    told = {guest["id"]: guest for guest in agent.all(xen.domains(), {}, clock())}
    assert (told[GUEST]["domid"], told[GUEST]["spec"]["id"]) == (5, GUEST)
    assert (told[OTHER]["domid"], told[OTHER]["spec"], told[OTHER]["live"]["vcpus"]) == (
        6,
        None,
        domain(6, OTHER).vcpus,
    )


@pytest.mark.parametrize(
    "damage",
    [
        {"image": None},
        {"nics": None},
        {"nics": []},
        {"nics": [{"address": "10.77.16.555/16"}]},
        {"nics": [{"address": 7}]},
        {"image": "../../etc"},
        {"image": 5},
        {"vcpus": None},
    ],
)
def test_a_description_that_lacks_something_hides_no_other_guest(
    making: Making, tmp_path: Path, xen: Xen, monkeypatch: pytest.MonkeyPatch, damage: dict[str, Any]
) -> None:
    agent, state = making(), State(tmp_path)
    make_private(state.guest_dir(OTHER))
    changed = {**spec(cap=0, vcpus=1), "id": OTHER, **damage}
    damaged = {key: value for key, value in changed.items() if value is not None}
    write_json(state.guest_dir(OTHER) / "spec.json", damaged)
    (state.guest_dir(OTHER) / "fence").write_text("9\n")
    xen.running += [domain(5, GUEST), domain(6, OTHER)]
    monkeypatch.setattr(vars(agent)["_limits"], "threads", dict)
    monkeypatch.setattr(vars(agent)["_limits"], "held", lambda *_: NO_LIMITS)
    told = {guest["id"]: guest for guest in agent.all(xen.domains(), {}, clock())}
    assert (told[GUEST]["domid"], told[OTHER]["domid"], told[OTHER]["answers"]) == (5, 6, None)
    assert told[OTHER]["fence"] == 9


def test_a_disk_that_cannot_be_made_larger_keeps_no_guest_from_starting(
    making: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = making()
    monkeypatch.setattr(Volumes, "grow", lambda *_: _raise(host_fault("disk_broken", "It is broken.")))
    with pytest.raises(Failure, match="It is broken"):
        agent.start(GUEST, 1)
    monkeypatch.setattr(Volumes, "grow", lambda *_: _raise(host_fault("volume_group_full", "There is no room.")))
    monkeypatch.setattr(vars(agent)["_limits"], "hold", lambda *_: None)
    assert agent.start(GUEST, 2) == {"domid": 5}


def test_a_start_activates_all_that_xl_needs(making: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group came late at the host's boot; the volume with first-boot data is no disk of the plan."""
    agent = making()
    folder = State(tmp_path).guest_dir(GUEST)
    there = Volume("vg0", GUEST, "seed", "LVM-seed")
    (folder / "seed.json").write_text('{"uuid": "LVM-seed"}')
    (folder / "xl.cfg").write_text((folder / "xl.cfg").read_text() + f'"vdev=xvdz, target={there.path}",\n')
    asked: list[str] = []
    sound = volumes.activated

    def activated(folder: Path, guest: str, what: str) -> Volume | None:
        asked.append(what)
        return sound(folder, guest, what) if what != "seed" else there

    monkeypatch.setattr(volumes, "activated", activated)
    monkeypatch.setattr(vars(agent)["_limits"], "hold", lambda *_: None)
    assert agent.start(GUEST, 1) == {"domid": 5}
    assert set(asked) == {"disk0", "disk1", "seed"}


def test_a_start_that_waited_while_its_host_began_to_go_down_makes_no_domain(
    making: Making, tmp_path: Path, xen: Xen, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, down = making(), tmp_path / "down"
    monkeypatch.setattr(module, "GOING_DOWN", down)

    @contextlib.contextmanager
    def waits(*_: object) -> Iterator[None]:
        down.touch()
        yield

    monkeypatch.setattr(agent._state, "one_of", waits)
    with pytest.raises(Failure) as caught:
        agent.start(GUEST, 1)
    assert caught.value.code == "host_going_down"
    assert xen.find(GUEST) is None


@pytest.mark.parametrize("harm", ["growing", "going_down"])
def test_nothing_starts_with_others_bytes_or_on_a_host_that_goes_down(
    making: Making, tmp_path: Path, xen: Xen, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    agent = making()
    folder = State(tmp_path).guest_dir(GUEST)
    if harm == "growing":
        write_json(folder / "disk1.json", {"uuid": "LVM-1", "image": "i", "growing": 4096})
    else:
        monkeypatch.setattr(module, "GOING_DOWN", folder)
    with pytest.raises(Failure) as caught:
        agent.start(GUEST, 1)
    assert caught.value.code == ("volume_growing" if harm == "growing" else "host_going_down")
    assert xen.find(GUEST) is None


def _raise(error: Exception) -> NoReturn:
    raise error


@pytest.mark.parametrize(("looked_after", "state"), [(True, "running"), (False, "stopped")])
def test_a_domain_that_has_shut_down_runs_only_while_something_will_make_it_anew(
    making: Making, xen: Xen, monkeypatch: pytest.MonkeyPatch, looked_after: bool, state: str
) -> None:
    agent = making()
    xen.running.append(domain(5, GUEST)._replace(shutdown=True))
    xen.weights[5] = xen.weights[0]
    monkeypatch.setattr(daemons, "of", lambda *_: [77] if looked_after else [])
    monkeypatch.setattr(vars(agent)["_limits"], "threads", dict)
    monkeypatch.setattr(vars(agent)["_limits"], "held", lambda *_: NO_LIMITS)
    assert agent.show(GUEST)["state"] == state


def wanted(root: Path) -> State:
    """Return an agent's directories in which two guests are to start with the host."""
    state = State(root)
    for guest in (GUEST, OTHER):
        make_private(state.guest_dir(guest))
        (state.guest_dir(guest) / "spec.json").touch()
        (state.guest_dir(guest) / "wanted").write_text("running\n")
    return state


def test_a_boot_ends_where_the_host_goes_down_meanwhile(
    making: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, state = making(), wanted(tmp_path)
    started: list[str] = []

    def start(guest: str, *_: object) -> NoReturn:
        started.append(guest)
        boot.stop_all(state, agent, grace_s=0, down=tmp_path / "run/down")
        raise host_fault("x", "It did not start.")

    monkeypatch.setattr(agent, "start", start)
    monkeypatch.setattr(agent, "ask_all_to_stop", lambda _: [])
    assert len(boot.start_all(state, agent, rounds=5, pause_s=0, down=tmp_path / "run/down")) == 2
    assert len(started) == 1


def test_one_that_cannot_be_started_after_a_boot_keeps_no_other_from_it(
    making: Making, tmp_path: Path, xen: Xen, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, state = making(), wanted(tmp_path)
    done: list[str] = []

    def each(guest: str, *_: object) -> dict[str, int]:
        done.append(guest)
        raise XenstoreError(11, "again")

    monkeypatch.setattr(agent, "start", each)
    monkeypatch.setattr(agent, "halt", each)
    monkeypatch.setattr(agent, "ask_all_to_stop", lambda _: [GUEST, OTHER])
    assert set(boot.start_all(state, agent, rounds=1, down=tmp_path / "down")) == {GUEST, OTHER}
    boot.stop_all(state, agent, grace_s=0, down=tmp_path / "down")
    assert sorted(done) == sorted([GUEST, OTHER] * 2)


@pytest.mark.parametrize("meanwhile", [True, False])
def test_a_start_does_not_let_a_guest_go_on_that_xl_is_making_or_somebody_has_let_go_on(
    making: Making, xen: Xen, monkeypatch: pytest.MonkeyPatch, meanwhile: bool
) -> None:
    agent = making()
    xen.running.append(domain(5, GUEST)._replace(cpu_time_ns=int(meanwhile)))
    xen.pause(5)
    monkeypatch.setattr(daemons, "of", lambda *_: [77])
    sound = pauses.paused

    def asked(guest: str, *_: Any) -> Any:
        if meanwhile:
            xen.unpause(5)
        return sound(guest, Path("/nowhere"))

    monkeypatch.setattr(pauses, "paused", asked)
    agent.start(GUEST, 1)
    assert xen.running[-1].paused is not meanwhile


def test_a_start_makes_anew_what_has_never_run_where_no_xl_is_left_that_makes_it(
    making: Making, xen: Xen, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = making()
    xen.running.append(domain(5, GUEST)._replace(cpu_time_ns=0))
    xen.pause(5)
    made: list[list[int]] = []
    monkeypatch.setattr(agent, "_make", lambda *_: made.append([one.domid for one in xen.running]))
    agent.start(GUEST, 1)
    assert made == [[0]], "the half-made one has gone"


@pytest.mark.parametrize("by_keeper", [True, False])
def test_a_start_lets_a_guest_go_on_that_somebody_has_paused_but_not_one_that_the_keeper_holds_back(
    making: Making, xen: Xen, monkeypatch: pytest.MonkeyPatch, by_keeper: bool
) -> None:
    agent = making()
    xen.running.append(domain(5, GUEST)._replace(cpu_time_ns=10**9))
    xen.pause(5)
    told = pauses.Pause(5, 1e9) if by_keeper else None
    monkeypatch.setattr(pauses, "paused", lambda *_: told)
    assert agent.start(GUEST, 1) == {"domid": 5}
    assert xen.running[-1].paused is by_keeper
