"""Domain-0's time for guests: whose it is, what it weighs, and that it is counted whatever becomes of threads."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from teig.agent.contract.spec import Spec
from teig.agent.guests.record import dom0_time
from teig.agent.keeper import dom0_time as module
from teig.agent.keeper.dom0_time import Dom0Time, weight
from teig.agent.keeper.keeper import Keeper
from teig.agent.network import shaping
from teig.agent.xen.hypervisor import Changes, boottime
from tests.agent.given import GUEST
from tests.keeper.given import Host

CARD = {100: "7.xvda-0", 101: "vif7.0-q0-guest-rx", 102: "vif7.0-q0-dealloc", 103: "napi/vif7.0-8193"}


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    net = tmp_path / "net"
    net.mkdir()
    monkeypatch.setattr(module, "NET", net)
    return net


@pytest.fixture
def time(host: Host, net: Path) -> Dom0Time:
    host.limits.hold(host.define(), 7)
    made = Dom0Time(host.groups, host.limits.processes)
    made.prepare([])
    return made


@pytest.fixture
def keeping(host: Host, net: Path, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    monkeypatch.setattr(shaping, "received", dict)
    (host.root / "run").mkdir()
    return Keeper(host.state, host.xen, host.limits, host.root / "run", "v1")  # type: ignore[arg-type]


def card(net: Path, name: str, threaded: str = "0") -> Path:
    (net / name).mkdir()
    file = net / name / "threaded"
    file.write_text(f"{threaded}\n")
    return file


def used(host: Host, work: str, microseconds: int) -> None:
    file = host.hierarchy / "teig" / GUEST / work / "cpu.stat"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"usage_usec {microseconds}\nuser_usec 0\nsystem_usec {microseconds}\n")


def counted(host: Host, domid: int = 7) -> dict[str, set[int]]:
    return {work: host.groups.serving(GUEST, domid, work) for work in ("disks", "sends", "receives")}


def test_what_is_sent_and_what_is_received_are_counted_apart(host: Host, time: Dom0Time) -> None:
    host.run(7)
    for pid, name in CARD.items():
        host.thread(pid, name)
    host.limits.hold(host.define(), 7)
    assert time.hold(host.define(), 7)
    assert counted(host) == {"disks": {100}, "sends": {102, 103}, "receives": {101}}
    assert host.groups.members(GUEST) == set(CARD)
    assert time.hold(host.define(), 7) == []


@pytest.mark.parametrize(
    ("name", "parent", "work"),
    [
        ("napi/vif7.0-81", 2, "sends"),
        ("vif7.0-q0-deall", 2, "sends"),
        ("vif7.0-q10-gues", 2, "receives"),
        ("vif7.1-q1-guest-rx", 2, "receives"),
        ("vif7.0-q0-guest-rx", 900, None),
        ("vif17.0-q0-guest-rx", 2, None),
        ("napi/eth7.0-8193", 2, None),
        ("napi/vif7.0-8193) S 2 (x", 900, None),
    ],
)
def test_only_the_kernel_s_own_threads_of_that_guest_count(
    host: Host, time: Dom0Time, name: str, parent: int, work: str | None
) -> None:
    host.thread(200, name, parent)
    host.limits.threads()
    time.hold(host.define(), 7)
    assert counted(host) == {kind: {200} if kind == work else set() for kind in ("disks", "sends", "receives")}


def test_a_card_sends_by_a_thread_once_it_is_connected(host: Host, time: Dom0Time, net: Path) -> None:
    assert time.hold(host.define(), 7)  # there is no card yet
    file = card(net, "vif7.0")
    assert time.hold(host.define(), 7) == ["vif7.0: threaded NAPI"]
    assert file.read_text() == "1"
    assert time.hold(host.define(), 7) == []


@pytest.mark.parametrize(("number", "told"), [(errno.EOPNOTSUPP, False), (errno.ENOMEM, True)])
def test_a_card_that_takes_no_thread_keeps_nothing_from_being_counted(
    host: Host, time: Dom0Time, net: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: bool
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, "refused")

    file = card(net, "vif7.0")
    host.thread(101, "vif7.0-q0-guest-rx")
    host.limits.threads()
    with monkeypatch.context() as patch:
        patch.setattr(type(file), "write_text", _only(type(file).write_text, "threaded", refuse))
        if told:
            with pytest.raises(OSError, match="refused"):
                time.hold(host.define(), 7)
        else:
            time.hold(host.define(), 7)
    assert counted(host)["receives"] == {101}


def _only(write: object, name: str, instead: object) -> object:
    return lambda path, *args: (instead if path.name == name else write)(path, *args)  # type: ignore[operator]


def test_a_kernel_without_threaded_napi_is_told_of_and_what_is_received_counts(
    host: Host, time: Dom0Time, net: Path
) -> None:
    (net / "vif7.0").mkdir()
    host.thread(101, "vif7.0-q0-guest-rx")
    host.limits.threads()
    with pytest.raises(FileNotFoundError, match="threaded"):
        time.hold(host.define(), 7)
    assert counted(host)["receives"] == {101}


def test_a_thread_that_cannot_be_moved_keeps_no_other(
    host: Host, time: Dom0Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(guest: str, thread: int, domid: int, work: str) -> bool:
        if thread == 101:
            raise OSError(errno.EINVAL, "Invalid argument")
        return moving(guest, thread, domid, work)

    moving = host.groups.add
    monkeypatch.setattr(host.groups, "add", add)
    for pid, name in CARD.items():
        host.thread(pid, name)
    host.thread(104, "vif7.1-q0-guest-rx")
    host.limits.threads()
    with pytest.raises(OSError, match="Invalid argument"):
        time.hold(host.define(share_cores=0.5), 7)
    assert counted(host) == {"disks": set(), "sends": {102, 103}, "receives": {104}}
    assert cpu_weight(host, GUEST) == "50"


def cpu_weight(host: Host, group: str) -> str:
    return (host.hierarchy / "teig" / group / "cpu.weight").read_text().strip()


def test_work_weighs_as_the_guest_s_share_of_cores_and_never_nothing(host: Host, time: Dom0Time) -> None:
    spec: Spec = host.define(share_cores=2.0)
    for share, expected in ((0.001, 1), (0.25, 25), (2.0, 200), (512.0, 10000)):
        assert weight(spec._replace(share_cores=share)) == expected
    time.hold(spec, 7)
    assert cpu_weight(host, GUEST) == "200"
    (host.hierarchy / "teig" / GUEST / "cpu.weight").write_text("1\n")
    assert time.hold(spec, 7) == ["cpu.weight 200"]


def test_the_agents_weigh_as_much_as_all_guests(host: Host, time: Dom0Time) -> None:
    """Whatever they do at length leaves the guests their half, and a flood does not keep them from answering."""
    (host.hierarchy / "teig/control").mkdir()
    spec: Spec = host.define(share_cores=2.0)
    assert time.prepare([spec, spec]) == ["the agents: cpu.weight 400"]
    assert time.prepare([spec, spec]) == []
    assert time.prepare([spec] * 100) == ["the agents: cpu.weight 10000"]
    assert time.prepare([]) == ["the agents: cpu.weight 100"]


def test_an_older_keeper_s_group_is_taken_over_and_nobody_was_without_limits(host: Host) -> None:
    host.run(7)
    host.thread(100, "7.xvda-0")
    host.limits.hold(host.define(), 7)
    (host.hierarchy / "teig" / GUEST / "disks-7/cgroup.procs").write_text("")
    (host.hierarchy / "teig" / GUEST / "cgroup.procs").write_text("100\n")
    held = host.limits.hold(host.define(), 7)
    assert (held.settled, held.did, held.outside_since) == (True, [], None)
    assert counted(host)["disks"] == {100}


def test_what_was_used_stays_counted_for_as_long_as_the_domain_is_there(host: Host, time: Dom0Time) -> None:
    assert dom0_time(host.groups.seconds(GUEST, 7)) is None
    used(host, "disks-7", 1_500_000)
    used(host, "receives-7", 20)
    assert dom0_time(host.groups.seconds(GUEST, 7)) == {"disks_s": 1.5, "sends_s": 0.0, "receives_s": 0.00002}
    time.hold(host.define(), 7)
    assert host.groups.seconds(GUEST, 7) == {"disks": 1.5, "receives": 0.00002}
    time.hold(host.define(), 8)  # it has rebooted
    assert host.groups.seconds(GUEST, 7) == {}


def test_what_its_last_domain_s_threads_do_is_not_the_next_one_s(host: Host, time: Dom0Time) -> None:
    host.thread(103, "napi/vif7.0-8193")
    host.limits.threads()
    time.hold(host.define(), 7)
    time.hold(host.define(), 8)
    assert counted(host, 7)["sends"] == {103}, "it still runs"
    assert counted(host, 8)["sends"] == set()


def test_a_card_is_seen_to_when_it_connects(host: Host, keeping: Keeper, net: Path) -> None:
    host.run(7)
    keeping.reconcile()
    file = card(net, "vif7.0")
    for pid, name in CARD.items():
        host.thread(pid, name)
    path = "/local/domain/0/backend/vif/7/0/state"
    host.xen.store[path] = "4"
    keeping.notice(Changes([path], boottime()))
    keeping.catch_up()
    assert file.read_text() == "1"
    assert counted(host) == {"disks": {100}, "sends": {102, 103}, "receives": {101}}


def test_disks_are_limited_where_the_kernel_shares_nothing(
    host: Host, keeping: Keeper, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def prepare(controller: str = "io") -> bool:
        if controller == "cpu":
            raise OSError(errno.ENOENT, "No such file or directory")
        return preparing(controller)

    preparing = host.groups.prepare
    monkeypatch.setattr(host.groups, "prepare", prepare)
    host.run(7)
    for pid, name in CARD.items():
        host.thread(pid, name)
    keeping.reconcile()
    keeping.reconcile()
    assert host.groups.rates(GUEST)
    assert counted(host) == {"disks": {100}, "sends": {102, 103}, "receives": {101}}
    assert capsys.readouterr().err.count("Domain-0's time for guests: could not be kept") == 1


def test_nothing_is_left_of_a_guest_that_has_gone(host: Host, keeping: Keeper) -> None:
    host.run(7)
    for pid, name in CARD.items():
        host.thread(pid, name)
    keeping.reconcile()
    host.xen.running.pop()
    keeping.reconcile()
    assert host.groups.guests() == [GUEST], "its threads are still there"
    for work in ("disks", "sends", "receives"):
        (host.hierarchy / "teig" / GUEST / f"{work}-7/cgroup.procs").write_text("")
    keeping.reconcile()
    assert host.groups.guests() == []
