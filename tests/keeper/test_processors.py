"""Domain-0 and the guests on processors of their own, kept over time: on CPUs and cpupools in miniature."""

from __future__ import annotations

import time

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.host.state import locked
from teig.agent.keeper import processors
from teig.agent.keeper.keeper import Keeper, record
from teig.agent.keeper.processors import ABANDONED_S, Processors
from teig.agent.network.cards import Cards, Seen
from teig.agent.xen import cpupools, daemons, own_cores
from teig.agent.xen.hypervisor import Share
from tests.agent.given import GUEST
from tests.agent.processors import CpuPools, domain
from tests.keeper.given import Host

OWN = f"teig-{GUEST}"


@pytest.fixture
def xen(host: Host, monkeypatch: pytest.MonkeyPatch) -> CpuPools:
    """A host of four CPUs, whose Domain-0 has one vCPU that it uses."""
    host.xen.online = {0: 1}
    host.xen.pool[0], host.xen.cores = [0, 1, 2, 3], [(0, number) for number in range(4)]
    for module in (cpupools, own_cores, processors):
        monkeypatch.setattr(module, "must", host.xen.xl)
    monkeypatch.setattr(cpupools, "run", host.xen.xl)
    monkeypatch.setattr(Cards, "seen", lambda _: Seen({}, {}))
    (host.root / "run").mkdir()
    return host.xen


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_look_divides_the_host_and_moves_the_guests_that_run(host: Host, xen: CpuPools) -> None:
    host.run(7)
    keeping = Keeper(host.state, host.xen, host.limits, host.root / "run")  # type: ignore[arg-type]
    keeping.reconcile()
    assert xen.sizes() == {"Pool-0": [0], "teig-guests": [1, 2, 3]}
    assert xen.running[-1].cpupool == 1
    assert xen.weights == {0: Share(512, 0), 7: Share(128, 0)}


def test_others_stay_where_they_are(host: Host, xen: CpuPools) -> None:
    host.run(7, guest="99999999-2222-4333-8444-555555555555")
    keeping = Keeper(host.state, host.xen, host.limits, host.root / "run")  # type: ignore[arg-type]
    keeping.reconcile()
    assert xen.sizes() == {"Pool-0": [0, 1], "teig-guests": [2, 3]}
    assert xen.running[-1].cpupool == 0
    assert xen.weights[0].weight >= 128


def test_what_cannot_be_divided_hinders_nothing_else(host: Host, xen: CpuPools) -> None:
    host.run(7)
    xen.refuses = "cpupool-create"
    keeping = Keeper(host.state, host.xen, host.limits, host.root / "run")  # type: ignore[arg-type]
    keeping.reconcile()
    assert host.groups.rates(GUEST)
    assert sorted(xen.pool[0]) == [0, 1, 2, 3]


def test_domain_0_has_no_more_vcpus_than_cpus(host: Host, xen: CpuPools) -> None:
    host.run(7, guest="99999999-2222-4333-8444-555555555555")
    xen.online.clear()
    kept = Processors(host.xen, host.state, Clock())  # type: ignore[arg-type]
    told = "2 vCPUs set to 1 in Domain-0, which has so many CPUs: more would wait for each other"
    assert pass_by(kept, 0)[-1] == told
    assert xen.sizes()["Pool-0"] == [0, 1]  # one is the stranger's
    assert (xen.online, pass_by(kept, 10)) == ({0: 1}, [])
    xen.xl(["xl", "vcpu-set", "0", "2"])
    assert pass_by(kept, 10) == [told]
    assert xen.online == {0: 1}


def test_nor_has_it_fewer_for_it_on_a_host_that_is_not_divided(host: Host, xen: CpuPools) -> None:
    xen.pool[0] = [0]
    xen.online.clear()
    kept = Processors(host.xen, host.state, Clock())  # type: ignore[arg-type]
    assert pass_by(kept, 0) == []
    assert xen.online == {}


def test_a_pool_that_is_there_for_a_while_costs_domain_0_nothing(host: Host, xen: CpuPools) -> None:
    xen.pool[0], xen.cores = list(range(8)), [(0, number // 2) for number in range(8)]
    xen.online.clear()
    kept = Processors(host.xen, host.state, Clock())  # type: ignore[arg-type]
    pass_by(kept, 0)
    assert pass_by(kept, ABANDONED_S) == []
    xen.pool[7] = [xen.pool[1].pop()]
    for name in ("", "somebody-else-s"):
        xen.names[7] = name
        assert pass_by(kept, 10) == []
    assert xen.sizes()["Pool-0"] == [0, 1]


def test_nor_does_a_cpu_that_is_away_for_a_while(host: Host, xen: CpuPools) -> None:
    xen.pool[0], xen.cores = list(range(8)), [(0, number // 2) for number in range(8)]
    xen.online.clear()
    kept = Processors(host.xen, host.state, Clock())  # type: ignore[arg-type]
    pass_by(kept, 0)
    xen.pool[0].remove(1)
    xen.pool[7], xen.names[7] = [1], "somebody-else-s"
    assert pass_by(kept, 10) == []
    assert "2 vCPUs set to 1" in pass_by(kept, ABANDONED_S)[-1]


def test_a_kernel_that_keeps_its_vcpus_is_told_of(host: Host, xen: CpuPools) -> None:
    kept = Processors(host.xen, host.state, Clock())  # type: ignore[arg-type]
    kept.divide()
    xen.running[0] = xen.running[0]._replace(online=2)
    with pytest.raises(Failure, match="keeps 2 vCPUs online, and was told to keep 1"):
        kept.fit_dom0()
    xen.running[0] = xen.running[0]._replace(online=1)
    assert kept.fit_dom0() == []


def test_a_keeper_waits_for_nobody_who_changes_the_pools(host: Host, xen: CpuPools, own: Processors) -> None:
    xen.free.add(xen.pool[1].pop())
    host.run(7)
    with cpupools.changing(host.state):
        began = time.monotonic()
        assert pass_by(own, ABANDONED_S) == []
        assert own.place(xen.running[-1], host.define()) == []
        assert time.monotonic() - began < 1
    assert pass_by(own, 1)
    assert not xen.free


def test_what_cannot_be_removed_hinders_nothing_else(host: Host, xen: CpuPools) -> None:
    keeping = Keeper(host.state, host.xen, host.limits, host.root / "run")  # type: ignore[arg-type]
    clock = Clock()
    keeping._processors = Processors(host.xen, host.state, clock)  # type: ignore[arg-type]
    keeping.reconcile()
    xen.pool[7] = [xen.pool[1].pop()]
    keeping.reconcile()
    xen.refuses = "cpupool-destroy"
    xen.free.add(xen.pool[1].pop())
    xen.online[0] = 2
    clock.now += ABANDONED_S
    keeping.reconcile()
    assert (xen.free, xen.online, xen.pool[7]) == (set(), {0: 1}, [3])
    assert record(host.root / "run")["error"]["of"] == "cpupool 7"


def test_a_keeper_that_has_just_begun_takes_no_cpu_of_others_who_may_be_rebooting(host: Host, xen: CpuPools) -> None:
    host.run(7, guest="99999999-2222-4333-8444-555555555555")
    Processors(host.xen, host.state, Clock()).divide()  # type: ignore[arg-type]
    away = xen.running.pop()
    kept = Processors(host.xen, host.state, Clock())  # type: ignore[arg-type]
    assert pass_by(kept, 0) == []
    xen.running.append(away)
    assert pass_by(kept, ABANDONED_S) == []
    assert xen.sizes()["Pool-0"] == [0, 1]


def test_the_cpus_of_others_are_kept_while_they_reboot(host: Host, xen: CpuPools) -> None:
    host.run(7, guest="99999999-2222-4333-8444-555555555555")
    kept = Processors(host.xen, host.state, Clock())  # type: ignore[arg-type]
    kept.divide()
    there = xen.running.pop()
    assert pass_by(kept, 10) == []
    xen.running.append(there)
    assert pass_by(kept, ABANDONED_S) == []
    xen.running.pop()
    assert pass_by(kept, 10) == []
    assert pass_by(kept, ABANDONED_S) == ["CPU 1 moved from Pool-0 to teig-guests"]


@pytest.fixture
def own(host: Host, xen: CpuPools) -> Processors:
    """A guest's own pool, without its domain, and the clock of who looks after it."""
    kept = Processors(host.xen, host.state, Clock())  # type: ignore[arg-type]
    own_cores.give(host.xen, host.define(own_cores=True), host.state)  # type: ignore[arg-type]
    pass_by(kept, 0)
    return kept


def pass_by(kept: Processors, seconds: float) -> list[str]:
    """Let time go by, and the keeper look."""
    kept._clock.now += seconds  # type: ignore[attr-defined]
    return kept.divide() + kept.fit_dom0() + [line for name in kept.abandoned() for line in kept.remove(name)]


def test_the_pool_of_a_guest_that_reboots_stays(host: Host, xen: CpuPools, own: Processors) -> None:
    assert pass_by(own, 10) == []
    xen.running.append(domain(8, GUEST, cpupool=2))
    assert pass_by(own, ABANDONED_S) == []
    xen.running.pop()
    assert pass_by(own, ABANDONED_S) == []
    assert OWN in xen.sizes()


def test_the_pool_of_a_guest_that_has_gone_is_removed(host: Host, xen: CpuPools, own: Processors) -> None:
    assert pass_by(own, ABANDONED_S)
    assert {name: sorted(cpus) for name, cpus in xen.sizes().items()} == {"Pool-0": [0], "teig-guests": [1, 2, 3]}


def test_the_pool_of_a_guest_that_is_being_started_stays(host: Host, xen: CpuPools, own: Processors) -> None:
    with locked(host.state.guest_dir(GUEST) / "lock", 0, "held"):
        assert pass_by(own, ABANDONED_S) == []
    assert OWN in xen.sizes()
    assert pass_by(own, 1)


def test_the_pool_of_a_guest_stays_whose_xl_waits_for_its_turn_to_make_it_anew(
    host: Host, xen: CpuPools, own: Processors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are being made, one after the other, for longer than a pool is empty otherwise."""
    there = [99]
    monkeypatch.setattr(daemons, "of", lambda config, _: there if config.parent.name == GUEST else [])
    assert pass_by(own, ABANDONED_S) == []
    assert pass_by(own, 10 * ABANDONED_S) == []
    assert OWN in xen.sizes()
    there.clear()
    assert pass_by(own, 10)


def test_a_pool_that_somebody_was_killed_over_is_removed(host: Host, xen: CpuPools) -> None:
    xen.pool[0], xen.pool[5] = [0, 1], [2, 3]
    kept = Processors(host.xen, host.state, Clock())  # type: ignore[arg-type]
    assert pass_by(kept, 0)
    assert xen.sizes() == {"Pool-0": [0], "teig-guests": [1], "": [2, 3]}
    assert pass_by(kept, ABANDONED_S)
    assert pass_by(kept, 10)
    assert {name: sorted(cpus) for name, cpus in xen.sizes().items()} == {"Pool-0": [0], "teig-guests": [1, 2, 3]}
