"""The keeper's own work, on a host in miniature."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.host import boot
from teig.agent.host.state import locked
from teig.agent.keeper import keeper
from teig.agent.keeper.keeper import Keeper
from teig.agent.network import shaping
from teig.agent.xen import processor
from teig.agent.xen.hypervisor import Share
from tests.agent.given import GUEST
from tests.keeper.given import Host, domain

STATE = "/local/domain/0/backend/vbd/7/0/state"
OTHER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def keeping(host: Host, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    monkeypatch.setattr(shaping, "received", dict)
    (host.root / "run").mkdir()
    return Keeper(host.state, host.xen, host.limits, host.root / "run", "v1")  # type: ignore[arg-type]


def told(host: Host) -> dict[str, object]:
    record: dict[str, object] = json.loads((host.root / "run/keeper.json").read_text())
    return record


def test_a_connecting_guest_is_seen_to_until_its_threads_have_come(host: Host, keeping: Keeper) -> None:
    host.run(7)
    keeping.notice(STATE)
    assert not keeping.catch_up()
    host.thread(100, "7.xvda-0")
    assert keeping.catch_up()
    assert host.groups.members(GUEST) == {100}


@pytest.mark.parametrize("path", [STATE.replace("state", "params"), "/local/domain/0/backend/vbd", STATE])
def test_other_changes_are_nothing_to_it(host: Host, keeping: Keeper, path: str) -> None:
    host.xen.store[STATE] = "2"
    keeping.notice(path)
    assert not keeping.catch_up()


def test_a_look_puts_weight_and_limits_right(host: Host, keeping: Keeper) -> None:
    host.run(7)
    host.thread(100, "7.xvda-0")
    host.xen.weights[7] = Share(1, 50)
    keeping.look()
    assert host.xen.weights[7] == Share(128, 0)
    assert host.groups.members(GUEST) == {100}
    assert told(host)["error"] is None


def test_a_domain_that_dies_does_not_undo_what_its_successor_has(host: Host, keeping: Keeper) -> None:
    host.run(8)
    host.thread(100, "8.xvda-0")
    host.xen.running.insert(1, domain(7, GUEST)._replace(dying=True))
    host.xen.weights[7] = Share(128, 0)
    keeping.look()
    assert host.groups.rates(GUEST)
    assert host.groups.members(GUEST) == {100}


def test_foreign_domains_are_left_alone(host: Host, keeping: Keeper) -> None:
    host.run(7, guest=OTHER)
    host.thread(100, "7.xvda-0")
    host.xen.weights[7] = Share(1, 0)
    keeping.look()
    assert host.groups.guests() == []
    assert host.xen.weights[7] == Share(1, 0)


def test_the_group_of_a_guest_that_has_gone_is_removed(host: Host, keeping: Keeper) -> None:
    host.run(7)
    keeping.look()
    assert host.groups.guests() == [GUEST]
    host.xen.running.pop()
    keeping.look()
    assert host.groups.guests() == []


def test_one_guest_s_damage_does_not_stop_the_others(
    host: Host, keeping: Keeper, capsys: pytest.CaptureFixture[str]
) -> None:
    host.define(id=OTHER)
    host.run(7)
    host.run(8, guest=OTHER)
    (host.state.guest_dir(GUEST) / "spec.json").write_text("{")
    keeping.look()
    keeping.look()
    assert host.groups.guests() == [OTHER]
    assert capsys.readouterr().err.count("damaged") == 1
    assert GUEST in str(told(host)["error"])


def test_limits_are_kept_where_xl_fails(host: Host, keeping: Keeper) -> None:
    host.run(7)
    host.xen.shares_fail = True
    keeping.look()
    assert host.groups.guests() == [GUEST]


def test_domain_0_outweighs_the_heaviest_and_has_most_of_a_processor(host: Host, keeping: Keeper) -> None:
    dom0 = domain(0, "0", vcpus=2)
    shares = {0: Share(256, 0), 1: Share(1000, 0), 2: Share(500, 0)}
    assert processor.dom0_weight([dom0, domain(1, GUEST), domain(2, OTHER)], shares, 16) == 1250
    weight = processor.dom0_weight([dom0, domain(1, GUEST, vcpus=4), domain(2, OTHER)], shares, 2)
    assert 2 * weight / (weight + 4500) == 0.75
    elsewhere = domain(2, OTHER)._replace(cpupool=1)
    assert processor.dom0_weight([dom0, elsewhere], shares, 2) == 512
    assert processor.dom0_weight([dom0], shares, 2) == 512
    assert processor.dom0_weight([domain(1, GUEST, vcpus=1000)], shares, 2) == 65535
    host.xen.weights[0] = Share(256, 0)
    keeping.look()
    assert host.xen.weights[0] == Share(512, 0)


def test_a_heartbeat_only_while_it_runs(host: Host, keeping: Keeper) -> None:
    folder = host.root / "run"
    assert keeper.beat(folder) is None
    with locked(folder / "keeper.lock", 0, "held"):
        assert keeper.beat(folder) is None
        keeping.look()
        beat = keeper.beat(folder)
        assert beat is not None
        assert beat < 60
        with pytest.raises(Failure, match="Another"), locked(folder / "keeper.lock", 0, "Another"):
            pass
    assert keeper.beat(folder) is None


def test_token_buckets() -> None:
    row = {"kind": "tbf", "handle": "8001:", "dev": "vif7.0", "root": True, "options": {"rate": 5000000, "burst": 9}}
    rows = [{"kind": "noqueue", "dev": "lo", "root": True, "options": {}}, row]
    assert shaping.parse_qdiscs(json.dumps(rows)) == {"vif7.0": shaping.bytes_per_second(40000)}
    argv = shaping.replace_argv("vif7.0", 40000)
    assert argv[:8] == ["tc", "qdisc", "replace", "dev", "vif7.0", "root", "tbf", "rate"]
    assert argv[8] == "40000kbit"


def test_guests_start_in_the_order_they_were_wanted_in(host: Host) -> None:
    host.define(id=OTHER)
    started: list[str] = []

    class Guests:
        def start(self, guest: str, fence: int) -> dict[str, int]:
            started.append(guest)
            assert fence == 0
            if started.count(guest) == 1 and guest == OTHER:
                raise Failure("host_fault", "No bridge yet.")
            return {"domid": len(started)}

        def spec(self, guest: str) -> object:
            return host.define(id=guest)

    _want(host, OTHER, "running", 1)
    _want(host, GUEST, "running", 2)
    assert boot.start_all(host.state, Guests(), pause_s=0) == []  # type: ignore[arg-type]
    assert started == [OTHER, GUEST, OTHER]
    _want(host, GUEST, "stopped", 3)
    assert boot.wanted(host.state) == [OTHER]


def test_all_guests_are_asked_to_stop_before_any_is_waited_for(host: Host) -> None:
    did: list[str] = []

    class Guests:
        def ask_all_to_stop(self) -> list[str]:
            did.append("asked")
            return [OTHER, GUEST]

        def halt(self, guest: str, fence: int, grace_s: float) -> None:
            assert (fence, grace_s <= 5) == (0, True)
            did.append(guest)
            if guest == OTHER:
                raise Failure("busy", "Another verb holds it.")

    _want(host, GUEST, "running", 1)
    boot.stop_all(host.state, Guests(), grace_s=5)  # type: ignore[arg-type]
    assert did == ["asked", OTHER, GUEST]
    assert boot.wanted(host.state) == [GUEST]


def _want(host: Host, guest: str, state: str, when: int) -> None:
    file: Path = host.state.guest_dir(guest) / "wanted"
    file.write_text(f"{state}\n")
    os.utime(file, (when, when))
