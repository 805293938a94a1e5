"""Which CPUs a guest gets for itself, and that none is lost. That Xen's pools are made and go is the lab's part."""

from __future__ import annotations

from pathlib import Path

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import Spec, parse_spec
from teig.agent.host.state import State, make_private
from teig.agent.xen import cpupools, own_cores
from teig.agent.xen.own_cores import chosen
from tests.agent.given import GUEST, spec
from tests.agent.processors import CpuPools, Killed, domain

PLAIN = [(0, 0), (0, 1), (0, 2), (0, 3)]
THREADS = [(0, 0), (0, 1), (0, 0), (0, 1)]
"""CPUs 0 and 2 are threads of one core, and so are 1 and 3."""
POOL = f"teig-{GUEST}"
OTHER = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("free", "cores", "count", "cpus"),
    [
        ((0, 1, 2, 3), PLAIN, 2, [2, 3]),
        ((0, 1, 2, 3), THREADS, 2, [1, 3]),
        ((0, 2), PLAIN, 1, [2]),
        ((0, 1), PLAIN, 2, None),
        ((0,), PLAIN, 1, None),
    ],
)
def test_cpus_are_taken_from_the_end_core_by_core(
    free: tuple[int, ...], cores: list[tuple[int, int]], count: int, cpus: list[int] | None
) -> None:
    assert chosen(free, cores, count) == cpus


class Given:
    """A host of eight CPUs, whose guests' pool is there, and the agent's calls."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, cpus: int = 8) -> None:
        self.state = State(root)
        make_private(self.state.guest_dir(GUEST))
        self.xen = CpuPools(cpus)
        for module in (cpupools, own_cores):
            monkeypatch.setattr(module, "must", self.xen.xl)
        monkeypatch.setattr(cpupools, "run", self.xen.xl)

    def give(self, spec: Spec) -> str:
        return own_cores.give(self.xen, spec, self.state)  # type: ignore[arg-type]

    def take_back(self, guest: str = GUEST) -> None:
        own_cores.take_back(self.xen, guest, self.state)  # type: ignore[arg-type]


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    return Given(tmp_path, monkeypatch)


def own(vcpus: int = 2) -> Spec:
    return parse_spec(spec(vcpus=vcpus, own_cores=True, cap=0))


def shared() -> Spec:
    return parse_spec(spec())


def test_a_guest_starts_in_the_guests_pool_or_in_its_own(given: Given) -> None:
    assert given.give(shared()) == "teig-guests"
    assert given.xen.sizes() == {"Pool-0": [0], "teig-guests": [1, 2, 3, 4, 5, 6, 7]}
    assert given.give(own()) == POOL
    assert given.xen.sizes() == {"Pool-0": [0], "teig-guests": [1, 2, 3, 4, 5], POOL: [6, 7]}
    assert given.give(own()) == POOL
    assert given.give(own(3)) == POOL
    assert given.xen.sizes()[POOL] == [5, 6, 7]
    assert given.give(shared()) == "teig-guests"
    assert sorted(given.xen.sizes()["teig-guests"]) == [1, 2, 3, 4, 5, 6, 7]


def test_the_last_cpu_goes_only_where_no_guest_shares_it(given: Given) -> None:
    assert given.give(own(7)) == POOL
    assert given.xen.sizes() == {"Pool-0": [0], "teig-guests": [], POOL: [1, 2, 3, 4, 5, 6, 7]}
    given.take_back()
    given.xen.running.append(domain(4, OTHER, cpupool=1))
    with pytest.raises(Failure, match="teig-guests has 7, of which the guests that share them need one"):
        given.give(own(7))
    assert given.give(own(6)) == POOL


def test_on_a_host_of_one_cpu_domain_0_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = Given(tmp_path, monkeypatch, cpus=1)
    assert given.give(shared()) == "0"
    with pytest.raises(Failure, match="Pool-0 has 1, of which Domain-0 needs one"):
        given.give(own(1))


def test_a_pool_with_a_domain_in_it_is_not_taken(given: Given) -> None:
    given.give(own())
    given.xen.running.append(domain(4, GUEST, cpupool=2))
    given.take_back()
    assert given.xen.sizes()[POOL] == [6, 7]
    assert own_cores.count(given.xen, given.xen.running[-1]) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("commands", range(10))
def test_killed_at_any_step_of_giving_or_taking_back_the_next_start_has_all(given: Given, commands: int) -> None:
    given.give(shared())
    given.xen.commands = 0
    given.xen.killed_after = commands
    try:
        given.give(own())
        given.take_back()
    except Killed:
        pass
    given.xen.killed_after = float("inf")
    given.give(own())
    assert len(given.xen.sizes()[POOL]) == 2
    given.take_back()
    assert {name: len(cpus) for name, cpus in given.xen.sizes().items()} == {"Pool-0": 1, "teig-guests": 7}
    assert given.xen.free == set()


def test_where_xl_fails_nothing_is_lost(given: Given) -> None:
    given.give(shared())
    given.xen.refuses = "cpupool-create"
    for _ in range(3):
        with pytest.raises(Failure, match="busy"):
            given.give(own())
        given.take_back()
    assert sorted(given.xen.sizes()["teig-guests"]) == [1, 2, 3, 4, 5, 6, 7]


def test_a_host_that_cannot_be_divided_starts_its_guests_all_the_same(given: Given) -> None:
    given.xen.refuses = "cpupool-create"
    assert given.give(shared()) == "0"
