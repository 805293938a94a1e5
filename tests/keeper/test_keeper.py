"""The keeper's own work, on a host in miniature."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.host import boot
from teig.agent.host.state import locked
from teig.agent.keeper import keeper
from teig.agent.keeper.filter_guard import FilterGuard
from teig.agent.keeper.keeper import Keeper
from teig.agent.network import cards, shaping
from teig.agent.network.cards import Cards, Seen
from teig.agent.xen import processor
from teig.agent.xen.hypervisor import Changes, Share, boottime
from tests.agent.given import GUEST
from tests.agent.processors import domain
from tests.keeper.given import Host

STATE = "/local/domain/0/backend/vbd/7/0/state"
OTHER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def keeping(host: Host, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    monkeypatch.setattr(Cards, "seen", lambda _: Seen({}, {}))
    (host.root / "run").mkdir()
    return Keeper(host.state, host.xen, host.limits, host.root / "run", "v1")  # type: ignore[arg-type]


def changed(*paths: str) -> Changes:
    return Changes(list(paths), boottime())


def told(host: Host) -> dict[str, object]:
    record: dict[str, object] = json.loads((host.root / "run/keeper.json").read_text())
    return record


def test_a_connecting_guest_is_seen_to_until_its_threads_have_come(host: Host, keeping: Keeper) -> None:
    host.run(7)
    keeping.notice(changed(STATE))
    assert not keeping.catch_up()
    host.thread(100, "7.xvda-0")
    assert keeping.catch_up()
    assert host.groups.members(GUEST) == {100}


@pytest.mark.parametrize("path", [STATE.replace("state", "params"), "/local/domain/0/backend/vbd", STATE])
def test_other_changes_are_nothing_to_it(host: Host, keeping: Keeper, path: str) -> None:
    host.xen.store[STATE] = "2"
    keeping.notice(changed(path))
    assert not keeping.catch_up()


def test_a_look_puts_weight_and_limits_right(host: Host, keeping: Keeper) -> None:
    host.run(7)
    host.thread(100, "7.xvda-0")
    host.xen.weights[7] = Share(1, 50)
    keeping.reconcile()
    assert host.xen.weights[7] == Share(128, 0)
    assert host.groups.members(GUEST) == {100}
    assert told(host)["error"] is None


def test_a_domain_that_dies_does_not_undo_what_its_successor_has(host: Host, keeping: Keeper) -> None:
    host.run(8)
    host.thread(100, "8.xvda-0")
    host.xen.running.insert(1, domain(7, GUEST)._replace(dying=True))
    host.xen.weights[7] = Share(128, 0)
    keeping.reconcile()
    assert host.groups.rates(GUEST)
    assert host.groups.members(GUEST) == {100}


def test_foreign_domains_are_left_alone(host: Host, keeping: Keeper) -> None:
    host.run(7, guest=OTHER)
    host.thread(100, "7.xvda-0")
    host.xen.weights[7] = Share(1, 0)
    keeping.reconcile()
    assert host.groups.guests() == []
    assert host.xen.weights[7] == Share(1, 0)


def test_the_group_of_a_guest_that_has_gone_is_removed(host: Host, keeping: Keeper) -> None:
    host.run(7)
    keeping.reconcile()
    assert host.groups.guests() == [GUEST]
    host.xen.running.pop()
    keeping.reconcile()
    assert host.groups.guests() == []


def test_one_guest_s_damage_does_not_stop_the_others(
    host: Host, keeping: Keeper, capsys: pytest.CaptureFixture[str]
) -> None:
    host.define(id=OTHER)
    host.run(7)
    host.run(8, guest=OTHER)
    (host.state.guest_dir(GUEST) / "spec.json").write_text("{")
    keeping.reconcile()
    keeping.reconcile()
    assert host.groups.guests() == [OTHER]
    assert capsys.readouterr().err.count("damaged") == 1
    assert GUEST in str(told(host)["error"])


def test_a_guest_whose_weight_cannot_be_set_keeps_no_other_from_its_own(host: Host, keeping: Keeper) -> None:
    host.define(id=OTHER)
    host.run(7)
    host.run(8, guest=OTHER)
    host.xen.weights |= {0: Share(1, 0), 7: Share(1, 0), 8: Share(1, 0)}
    host.xen.weightless = {7}
    keeping.reconcile()
    assert host.xen.weights[8] == Share(128, 0)
    assert host.xen.weights[0].weight > 128
    assert "refuses the weight of 7" in str(told(host)["error"])


def test_a_guest_whose_cards_cannot_be_set_keeps_no_other_from_its_own(
    host: Host, keeping: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def hold(_: object, __: object, domid: int, ___: object) -> list[str]:
        seen.append(domid)
        if domid == 7:
            raise RuntimeError("tc is gone")
        return []

    monkeypatch.setattr(Cards, "hold", hold)
    host.define(id=OTHER)
    host.run(7)
    host.run(8, guest=OTHER)
    keeping.reconcile()
    assert seen == [7, 8]


def test_cards_that_come_after_their_domain_are_held_as_soon_as_they_are_there(
    host: Host, keeping: Keeper, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    held: list[int] = []

    def hold(_: object, __: object, domid: int, ___: object) -> list[str]:
        held.append(domid)
        return []

    monkeypatch.setattr(cards, "NET", tmp_path / "net")
    monkeypatch.setattr(Cards, "hold", hold)
    host.run(7)
    keeping.reconcile()  # the domain is there, and its network cards are not
    for number in (0, 1):
        (tmp_path / f"net/vif7.{number}").mkdir(parents=True)
    keeping.reconcile()
    keeping.reconcile()
    assert held == [7, 7]


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"id": 1}', b"\xff\x00", b"1e999"])
def test_damage_of_any_kind_stops_neither_a_look_nor_what_is_in_a_hurry(
    host: Host, keeping: Keeper, damage: bytes
) -> None:
    host.define(id=OTHER)
    host.run(7)
    host.run(8, guest=OTHER)
    host.thread(100, "8.xvda-0")
    (host.state.guest_dir(GUEST) / "spec.json").write_bytes(damage)
    keeping.notice(changed(STATE, STATE.replace("/7/", "/8/")))
    keeping.catch_up()
    assert host.groups.members(OTHER) == {100}
    host.xen.store["/local/domain/0/backend/vbd/7/0/physical-device"] = "\0:zz"
    keeping.reconcile()
    assert host.groups.guests() == [OTHER]


def test_a_changed_description_is_read_anew(host: Host, keeping: Keeper) -> None:
    host.run(7)
    keeping.reconcile()
    host.define(weight=77)
    keeping.reconcile()
    assert host.xen.weights[7].weight == 77


def test_limits_are_kept_where_xl_fails(host: Host, keeping: Keeper) -> None:
    host.run(7)
    host.xen.shares_fail = True
    keeping.reconcile()
    assert host.groups.guests() == [GUEST]


def test_domain_0_outweighs_the_heaviest_and_has_most_of_a_processor(host: Host, keeping: Keeper) -> None:
    dom0 = domain(0, "0", vcpus=2)
    shares = {0: Share(256, 0), 1: Share(1000, 0), 2: Share(500, 0)}
    assert processor.dom0_weight([dom0, domain(1, GUEST), domain(2, OTHER)], shares, 16) == 1250
    light = {0: Share(256, 0), 1: Share(100, 0), 2: Share(50, 0)}
    weight = processor.dom0_weight([dom0, domain(1, GUEST, vcpus=4), domain(2, OTHER)], light, 2)
    assert 2 * weight / (weight + 450) == 0.75
    elsewhere = domain(2, OTHER)._replace(cpupool=1)
    assert processor.dom0_weight([dom0, elsewhere], shares, 2) == 512
    assert processor.dom0_weight([dom0], shares, 2) == 512
    assert processor.dom0_weight([dom0, domain(1, GUEST, vcpus=1000)], shares, 2) == 65535
    host.xen.weights[0] = Share(256, 0)
    keeping.reconcile()
    assert host.xen.weights[0] == Share(512, 0)


@pytest.mark.parametrize(
    ("cpus", "dom0_vcpus", "share"),
    [(2, 2, 0.25), (4, 2, 0.5), (8, 2, 0.9), (8, 8, 0.9), (16, 16, 0.5), (1, 1, 0.05)],
)
def test_where_it_shares_its_processors_everybody_gets_what_is_promised(
    cpus: int, dom0_vcpus: int, share: float
) -> None:
    """All that admission lets in runs, and every vCPU is busy."""
    room = cpus - 0.75 * min(dom0_vcpus, cpus)
    guests = int(room / share)
    assert guests
    domains = [domain(0, "0", vcpus=dom0_vcpus), *(domain(1 + number, GUEST) for number in range(guests))]
    weights = {found.domid: Share(round(1024 * share), 0) for found in domains}
    weight = processor.dom0_weight(domains, weights, cpus)
    each = parts(cpus, [weight] * dom0_vcpus + [round(1024 * share)] * guests)
    assert each[-1] > 0.99 * share
    assert sum(each[:dom0_vcpus]) > 0.99 * min(0.75, cpus - 0.75)


def parts(cpus: float, weights: list[int]) -> list[float]:
    """Return what each busy vCPU gets: by weight, at most a processor; what one cannot use is the others'."""
    got = [0.0] * len(weights)
    busy = list(range(len(weights)))
    while busy:
        total = sum(weights[vcpu] for vcpu in busy)
        whole = [vcpu for vcpu in busy if cpus * weights[vcpu] >= total]
        for vcpu in whole or busy:
            got[vcpu] = 1.0 if whole else cpus * weights[vcpu] / total
        busy = [vcpu for vcpu in busy if vcpu not in whole] if whole else []
        cpus -= len(whole)
    return got


def test_a_heartbeat_only_while_it_runs(host: Host, keeping: Keeper) -> None:
    folder = host.root / "run"
    assert keeper.beat(folder) is None
    with locked(folder / "keeper.lock", 0, "held"):
        assert keeper.beat(folder) is None
        keeping.reconcile()
        beat = keeper.beat(folder)
        assert beat is not None
        assert beat < 60
        with pytest.raises(Failure, match="Another"), locked(folder / "keeper.lock", 0, "Another"):
            pass
    assert keeper.beat(folder) is None


def test_the_version_is_told_only_while_it_runs(host: Host, keeping: Keeper) -> None:
    folder = host.root / "run"
    keeping.reconcile()
    assert keeper.version(folder) == ""
    with locked(folder / "keeper.lock", 0, "held"):
        assert keeper.version(folder) == "v1"
        (folder / "keeper.json").write_text("[")
        assert keeper.version(folder) == ""
        assert keeper.held_back(folder) == {}


def test_token_buckets() -> None:
    row = {"kind": "tbf", "handle": "8001:", "dev": "vif7.0", "root": True, "options": {"rate": 5000000, "burst": 9}}
    odd = {"kind": "tbf", "dev": "eth0", "root": True}
    rows = [{"kind": "noqueue", "dev": "lo", "root": True, "options": {}}, odd, row]
    assert shaping.parse_qdiscs(json.dumps(rows)) == {"vif7.0": shaping.bytes_per_second(40000)}
    theirs = '{"kind":"hfsc","handle":"1:","dev":"eth1","root":true,"refcnt":2,"options":{default 10 }}'  # iproute2 6.1
    assert shaping.parse_qdiscs(f"[{theirs},{json.dumps(row)},{theirs}]".replace(": ", ":")) == {"vif7.0": 5000000}
    assert shaping.parse_qdiscs("") == shaping.parse_qdiscs("[]") == {}


def test_guests_start_in_the_order_they_were_wanted_in(host: Host) -> None:
    host.define(id=OTHER)
    started: list[str] = []

    class Guests:
        def start(self, guest: str, fence: None) -> dict[str, int]:
            started.append(guest)
            assert fence is None
            if started.count(guest) == 1 and guest == OTHER:
                raise Failure("host_fault", "No bridge yet.")
            return {"domid": len(started)}

        def spec(self, guest: str) -> object:
            return host.define(id=guest)

    _want(host, OTHER, "running", 1)
    _want(host, GUEST, "running", 2)
    assert boot.start_all(host.state, Guests(), pause_s=0, down=host.root / "down") == []  # type: ignore[arg-type]
    assert started == [OTHER, GUEST, OTHER]
    _want(host, GUEST, "stopped", 3)
    assert boot.wanted(host.state) == [OTHER]


def test_all_guests_are_asked_to_stop_before_any_is_waited_for(host: Host) -> None:
    did: list[str] = []

    class Guests:
        def ask_all_to_stop(self, _: object) -> list[str]:
            did.append("asked")
            return [OTHER, GUEST]

        def halt(self, guest: str) -> None:
            did.append(guest)
            if guest == OTHER:
                raise Failure("busy", "Another verb holds it.")

    _want(host, GUEST, "running", 1)
    boot.stop_all(host.state, Guests(), grace_s=0, down=host.root / "down")  # type: ignore[arg-type]
    assert did == ["asked", OTHER, GUEST]
    assert boot.wanted(host.state) == [GUEST]


def _want(host: Host, guest: str, state: str, when: int) -> None:
    file: Path = host.state.guest_dir(guest) / "wanted"
    file.write_text(f"{state}\n")
    os.utime(file, (when, when))


def test_what_guests_transfer_is_counted_as_long_as_it_runs(
    host: Host, keeping: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = keeping._transfer._thread
    alive: list[bool] = []

    def follow() -> None:
        alive.append(counting.is_alive())
        raise SystemExit

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(FilterGuard, "start", lambda _: None)
    monkeypatch.setattr(keeping, "_follow", follow)
    with pytest.raises(SystemExit):
        keeping.serve()
    assert (alive, counting.is_alive()) == ([True], False)
    host.run(7)
    keeping.reconcile()
    assert keeping._transfer._running() == {7: GUEST}
