"""How a host's CPUs are divided between Domain-0 and the guests, whatever was there before. Xen's part is the lab's."""

from __future__ import annotations

from pathlib import Path

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.host.state import State, make_private
from teig.agent.xen import cpupools
from tests.agent.given import GUEST
from tests.agent.processors import PLAIN, CpuPools, Killed, domain

THREADS = [(0, number // 2) for number in range(64)]
"""CPUs 0 and 1 are threads of one core, and so on."""
STRANGER = "99999999-2222-4333-8444-555555555555"


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path)
    make_private(state.guest_dir(GUEST))
    return state


def mend(xen: CpuPools, state: State, monkeypatch: pytest.MonkeyPatch, beside: int | None = None) -> list[str]:
    monkeypatch.setattr(cpupools, "must", xen.xl)
    monkeypatch.setattr(cpupools, "run", xen.xl)
    with cpupools.changing(state):
        return cpupools.mend(xen, state, beside)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cpus", "cores", "vcpus", "dom0"),
    [
        (2, PLAIN, 2, [0]),
        (4, PLAIN, 4, [0]),
        (16, PLAIN, 16, [0, 1]),
        (16, PLAIN, 1, [0]),
        (64, PLAIN, 4, [0, 1, 2, 3]),
        (2, THREADS, 2, [0]),
        (4, THREADS, 4, [0]),
        (8, THREADS, 4, [0, 1]),
        (8, THREADS, 1, [0]),
        (24, THREADS, 24, [0, 1, 2, 3]),
    ],
)
def test_domain_0_has_cpus_of_its_own_and_the_guests_all_others(
    state: State, monkeypatch: pytest.MonkeyPatch, cpus: int, cores: list[tuple[int, int]], vcpus: int, dom0: list[int]
) -> None:
    xen = CpuPools(cpus, vcpus, cores)
    assert mend(xen, state, monkeypatch)
    assert xen.sizes() == {"Pool-0": dom0, "teig-guests": list(range(len(dom0), cpus))}
    assert mend(xen, state, monkeypatch) == []
    found = cpupools.division(xen)  # type: ignore[arg-type]
    assert cpupools.counted(found, xen.domains(), {GUEST}) == (len(dom0), cpus - len(dom0))


def test_a_host_of_one_cpu_stays_undivided(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    xen = CpuPools(1)
    assert mend(xen, state, monkeypatch) == []
    found = cpupools.division(xen)  # type: ignore[arg-type]
    assert cpupools.counted(found, xen.domains(), set()) == (0, 1)
    assert cpupools.home(xen) == "0"  # type: ignore[arg-type]


def test_so_does_one_where_somebody_else_made_cpupools(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    xen = CpuPools(8)
    xen.pool[0], xen.pool[3], xen.names[3] = [0, 1, 2, 3], [4, 5, 6, 7], "teig-tools"
    assert mend(xen, state, monkeypatch) == []
    found = cpupools.division(xen)  # type: ignore[arg-type]
    assert cpupools.counted(found, xen.domains(), set()) == (0, 4)


def test_a_host_whose_first_pool_has_another_name_is_no_other(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    xen = CpuPools(4)
    xen.names[0] = "Pool-node0"
    mend(xen, state, monkeypatch)
    assert xen.sizes() == {"Pool-node0": [0], "teig-guests": [1, 2, 3]}
    xen.xl(["xl", "cpupool-cpu-remove", "teig-guests", "3"])
    mend(xen, state, monkeypatch)
    assert xen.free == set()


def test_domains_that_are_not_ours_keep_a_cpu_for_each_vcpu(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    xen = CpuPools(8)
    xen.running += [domain(5, STRANGER, vcpus=3), domain(6, GUEST, vcpus=2)]
    mend(xen, state, monkeypatch)
    assert xen.sizes() == {"Pool-0": [0, 1, 2, 3], "teig-guests": [4, 5, 6, 7]}
    xen.running = [found for found in xen.running if found.domid != 5]
    assert mend(xen, state, monkeypatch) == []
    assert mend(xen, state, monkeypatch, 3) == []
    assert len(mend(xen, state, monkeypatch, 0)) == 3
    assert {name: sorted(cpus) for name, cpus in xen.sizes().items()} == {
        "Pool-0": [0],
        "teig-guests": [1, 2, 3, 4, 5, 6, 7],
    }
    xen.running.append(domain(7, STRANGER, vcpus=3))
    assert mend(xen, state, monkeypatch, 3) == []  # what guests were promised is not taken from them


def test_strangers_among_the_guests_take_from_what_there_is_for_them(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    xen = CpuPools(4)
    mend(xen, state, monkeypatch)
    xen.running.append(domain(5, STRANGER, vcpus=2, cpupool=1))
    found = cpupools.division(xen)  # type: ignore[arg-type]
    assert cpupools.counted(found, xen.domains(), {GUEST}) == (1, 1)


@pytest.mark.parametrize("commands", range(5))
def test_killed_at_any_step_no_cpu_is_lost(state: State, monkeypatch: pytest.MonkeyPatch, commands: int) -> None:
    xen = CpuPools(4)
    xen.killed_after = commands
    if commands < 4:
        with pytest.raises(Killed):
            mend(xen, state, monkeypatch)
    xen.killed_after = float("inf")
    mend(xen, state, monkeypatch)
    assert xen.sizes() == {"Pool-0": [0], "teig-guests": [1, 2, 3]}
    assert xen.free == set()


def test_where_xen_refuses_the_cpus_go_back(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    xen = CpuPools(4)
    xen.refuses = "cpupool-create"
    with pytest.raises(Exception, match="busy"):
        mend(xen, state, monkeypatch)
    assert sorted(xen.pool[0]) == [0, 1, 2, 3]


def test_a_pool_that_somebody_made_too_small_is_mended(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    xen = CpuPools(16)
    mend(xen, state, monkeypatch)
    xen.xl(["xl", "cpupool-cpu-remove", "Pool-0", "1"])
    xen.xl(["xl", "cpupool-cpu-add", "teig-guests", "1"])
    mend(xen, state, monkeypatch)
    assert sorted(xen.sizes()["Pool-0"]) == [0, 1]
    xen.xl(["xl", "cpupool-cpu-remove", "teig-guests", "9"])
    assert mend(xen, state, monkeypatch) == ["CPU 9, which was in no cpupool, added to teig-guests"]


def test_a_cpu_that_was_half_removed_goes_back_where_it_was(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    xen = CpuPools(4)
    mend(xen, state, monkeypatch)
    xen.pool[0], xen.free, xen.stuck = [], {0}, {0: 0}
    xen.pool[0].append(xen.pool[1].pop())  # so that none is missing there
    assert mend(xen, state, monkeypatch) == ["CPU 0, which was in no cpupool, added to Pool-0"]
    assert (xen.free, sorted(xen.pool[0])) == (set(), [0, 3])


def test_a_cpu_that_no_pool_takes_is_told_of(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    xen = CpuPools(4)
    mend(xen, state, monkeypatch)
    xen.free, xen.stuck = {xen.pool[1].pop()}, {3: 9}
    before = xen.commands
    with pytest.raises(Failure, match="CPU 3, which is in no cpupool, could not be added to teig-guests or Pool-0"):
        mend(xen, state, monkeypatch)
    assert xen.commands - before == 2


@pytest.mark.parametrize("command", ["cpupool-cpu-remove", "cpupool-cpu-add"])
def test_a_cpu_that_xen_does_not_move_is_told_of_and_stays(
    state: State, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    xen = CpuPools(4)
    xen.running.append(domain(5, STRANGER))
    mend(xen, state, monkeypatch)
    xen.running.pop()
    before, xen.refuses = xen.sizes(), command
    with pytest.raises(Failure, match="CPU 1 could not be"):
        mend(xen, state, monkeypatch, 0)
    if command == "cpupool-cpu-remove":
        assert xen.sizes() == before
    xen.refuses = ""
    mend(xen, state, monkeypatch, 0)
    assert xen.sizes() == {"Pool-0": [0], "teig-guests": [2, 3, 1]}
