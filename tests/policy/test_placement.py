"""Who may say where a guest's bytes go, and what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from teig.fleet.simulated import SimulatedHost
from teig.model.errors import InternalFault, Refused
from teig.model.host import ForeignDomain
from teig.model.names import GuestId, HostId
from teig.model.units import GIB
from teig.policy.placement import Candidate, Demand, PlacementDecision, affirm, decide, memory_room

GUEST = GuestId("6e0b3a52-0000-4000-8000-000000000001")
SMALL = Demand(memory_mib=1024, disk_bytes=10 * GIB, share_cores=0.5, guest_type="pv")


def candidate(name: str, memory_mib: int = 8192, **changes: object) -> Candidate:
    facts = SimulatedHost(name, memory_mib=memory_mib, disk_bytes=100 * GIB, cores=4).facts()
    made = Candidate(HostId(name), name, "oslo", False, facts, 0, 0, 0.0)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_nobody_else_can_make_a_decision() -> None:
    with pytest.raises(InternalFault, match=r"only be made by teig\.policy\.placement"):
        PlacementDecision(object(), GUEST, HostId("a"), "oslo")


def test_the_host_with_the_most_free_memory_is_taken() -> None:
    assert decide(GUEST, SMALL, "oslo", [candidate("a"), candidate("b", 16384), candidate("c")], None).host == "b"


def test_the_host_that_was_asked_for_is_taken() -> None:
    assert decide(GUEST, SMALL, "oslo", [candidate("a"), candidate("b", 16384)], "a").host == "a"


def test_no_host_of_another_site_is_taken() -> None:
    with pytest.raises(Refused, match="Site bergen has not got a host"):
        decide(GUEST, SMALL, "bergen", [candidate("a")], None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"draining": True}, "is being drained"),
        ({"promised_memory_mib": 6200}, "memory: 1032 MiB wanted, 936 MiB free"),
        ({"promised_disk_bytes": 95 * GIB}, "disk: 10240 MiB wanted, 5120 MiB free"),
        ({"promised_cores": 3.75}, "processor: 0.5 cores wanted, 0.25 free"),
    ],
)
def test_a_refusal_names_host_resource_and_numbers(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=f"a: {reason}"):
        decide(GUEST, SMALL, "oslo", [candidate("a", **changes)], None)


def test_a_type_that_the_host_cannot_run_is_refused() -> None:
    host = candidate("a")
    host = replace(host, facts=replace(host.facts, guest_types=("pv",)))
    with pytest.raises(Refused, match="a: cannot run pvh guests"):
        decide(GUEST, replace(SMALL, guest_type="pvh"), "oslo", [host], None)


def test_foreign_domains_count() -> None:
    host = candidate("a")
    crowded = replace(host, facts=replace(host.facts, foreign=(ForeignDomain(7, "old", "-", 2048, 1, 256),)))
    assert memory_room(host) - memory_room(crowded) == 2048 + 8


def test_a_host_that_moved_to_another_site_gets_no_more_bytes() -> None:
    assert affirm(GUEST, candidate("a"), "oslo").host == "a"
    with pytest.raises(Refused, match="Host a is at site oslo now, and the guest was promised bergen"):
        affirm(GUEST, candidate("a"), "bergen")
