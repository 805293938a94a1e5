"""What is called drift, and what of it Teig may mend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teig.agent.contract.spec import share_on
from teig.fleet.simulated import SimulatedHost
from teig.model.guest import Entitled
from teig.model.host import GuestOnHost, Inventory
from teig.model.names import GuestId
from teig.policy.drift import Drift, Promise, compare
from tests.model.test_model import SPEC

FACTS = SimulatedHost("a").facts()
SOUND = GuestOnHost(SPEC.id, 1, SPEC, 7, "running", SPEC.entitled, (0,))
OTHER = GuestId("6e0b3a52-0000-4000-8000-000000000002")


def drifts(
    *on_host: GuestOnHost, promises: tuple[Promise, ...] = (Promise(SPEC, True),), beat: float | None = 1.0
) -> list[Drift]:
    return compare("a", replace(FACTS, keeper_beat=beat), Inventory(on_host, ()), list(promises))


def test_what_is_as_promised_is_no_drift() -> None:
    assert drifts(SOUND) == []


@pytest.mark.parametrize("field", list(Entitled.__dataclass_fields__))
def test_each_figure_that_differs_is_found_with_its_three_values(field: str) -> None:
    live = replace(SPEC.entitled, **{field: 3})
    if field == "vcpus":  # the keeper gives three of them the same share
        weight, cap = share_on(SPEC.weight, SPEC.cap, SPEC.vcpus, 3)
        live = replace(live, weight=weight, cap=cap)
    [found] = drifts(replace(SOUND, live=live))
    entitled = getattr(SPEC.entitled, field)
    assert (found.kind, found.field, found.entitled, found.set, found.live, found.fixable) == (
        "entitlement",
        field,
        entitled,
        entitled,
        3,
        field not in {"memory_mib", "vcpus", "own_cores"},
    )


def test_a_host_that_is_set_to_something_else_is_found_even_while_the_guest_is_stopped() -> None:
    [found] = drifts(
        replace(SOUND, spec=replace(SPEC, weight=7), domid=None, live=None), promises=(Promise(SPEC, False),)
    )
    assert (found.field, found.set, found.live) == ("weight", 7, None)


def test_a_domain_that_is_gone_is_found_and_can_be_started_unless_its_bytes_are_gone_too() -> None:
    [found] = drifts(replace(SOUND, domid=None, live=None))
    assert (found.kind, found.fixable) == ("not_running", True)
    assert {(drift.kind, drift.fixable) for drift in drifts()} == {("not_running", False), ("volume_missing", False)}


def test_a_guest_that_runs_and_should_not_is_found_and_left_alone() -> None:
    [found] = drifts(SOUND, promises=(Promise(SPEC, False),))
    assert (found.kind, found.fixable) == ("running", False)


def test_what_the_database_does_not_know_is_found_and_left_alone() -> None:
    stranger = replace(SOUND, id=OTHER, spec=replace(SPEC, id=OTHER, name="old"))
    orphan = replace(SOUND, id=OTHER, spec=None, domid=None, live=None)
    assert [(drift.kind, drift.guest, drift.fixable) for drift in drifts(SOUND, stranger)] == [
        ("unknown_guest", "old", False)
    ]
    assert [(drift.kind, drift.fixable) for drift in drifts(SOUND, orphan)] == [("volume_orphaned", False)]


def test_a_guest_that_is_being_worked_on_is_left_out() -> None:
    assert drifts(replace(SOUND, domid=None, live=None), promises=(Promise(SPEC, None),)) == []


@pytest.mark.parametrize(("beat", "words"), [(None, "does not run"), (90.0, "last looked 90 s ago")])
def test_a_dead_keeper_is_found(beat: float | None, words: str) -> None:
    [found] = drifts(SOUND, beat=beat)
    assert found.kind == "keeper_dead"
    assert words in found.text


@pytest.mark.parametrize(
    ("weight", "cap", "vcpus", "has", "right"),
    [
        (64, 0, 8, 1, (512, 0)),
        (512, 0, 1, 8, (64, 100)),
        (102, 150, 2, 1, (204, 0)),  # a cap of more than the vCPUs can use is refused by libxl
        (102, 150, 2, 4, (51, 150)),
        (1, 0, 1, 8, (1, 100)),
        (65535, 0, 2, 1, (65535, 0)),
        (102, 50, 1, 1, (102, 50)),
        (102, 50, 1, 0, (102, 50)),
    ],
)
def test_the_whole_share_stays_what_it_is_on_another_number_of_vcpus(
    weight: int, cap: int, vcpus: int, has: int, right: tuple[int, int]
) -> None:
    assert share_on(weight, cap, vcpus, has) == right


def test_a_vcpu_that_was_taken_offline_changes_no_weight() -> None:
    """The keeper reckons with those that the domain was made with."""
    spec = replace(SPEC, vcpus=4, weight=512, cap=0)
    live = replace(spec.entitled, vcpus=1)
    found = drifts(replace(SOUND, spec=spec, started=spec, live=live), promises=(Promise(spec, True),))
    assert [one.field for one in found] == ["vcpus"]


def test_what_a_domain_with_an_earlier_plan_s_vcpus_should_have_is_told_for_these() -> None:
    spec = replace(SPEC, vcpus=1, weight=512, cap=0)
    live = replace(spec.entitled, vcpus=4, weight=512, cap=100)
    found = drifts(replace(SOUND, spec=spec, live=live), promises=(Promise(spec, True),))
    assert [one.text for one in found if one.field == "weight"] == ["weight is 512 in Xen and should be 128."]


@pytest.mark.parametrize(("was_mib", "live_mib", "fixable"), [(64, 64, None), (64, SPEC.memory_mib, True)])
def test_a_running_guest_s_maximum_of_memory_is_what_it_was_started_with(
    was_mib: int, live_mib: int, fixable: bool | None
) -> None:
    """Its plan is larger since: the memory is told, and that it has no balloon is right."""
    live = replace(SPEC.entitled, memory_mib=was_mib, maxmem_mib=live_mib)
    found = drifts(replace(SOUND, live=live, started=replace(SPEC, memory_mib=was_mib)))
    told = {one.field: one for one in found}
    assert told["memory_mib"].text.endswith("It holds from the next start: teig guest reboot web")
    assert (told["maxmem_mib"].fixable if "maxmem_mib" in told else None) is fixable


def test_a_guest_that_takes_less_than_it_was_given_is_no_drift_of_its_maximum() -> None:
    """It may (xen-balloon, or `xl mem-set`); no mending would change that."""
    live = replace(SPEC.entitled, memory_mib=64)
    assert [one.field for one in drifts(replace(SOUND, live=live, started=SPEC))] == ["memory_mib"]
