"""A guest that reboots by itself has no domain for two seconds: that is no end, and a stop then is one."""

from __future__ import annotations

from dataclasses import replace

from teig.fleet.driver import Claim
from teig.model.guest import GuestSpec
from tests.fleet.contract.conftest import Refused
from tests.fleet.contract.stand import Stand


def test_a_guest_that_reboots_by_itself(stand: Stand, refusal: Refused) -> None:
    spec = stand.spec()
    claim = stand.run(spec)
    first = stand.host.guest(spec.id).domid or 0
    stand.define(claim, replace(spec, memory_mib=128))
    _has_not_ended(stand, refusal, spec, claim)
    stand.until(lambda: (stand.host.guest(spec.id).domid or 0) > first, "a new domain")
    stand.until(lambda: stand.host.guest(spec.id).answers, "its answer")
    seen = stand.host.guest(spec.id)
    assert seen.started == spec
    assert seen.live is not None
    assert seen.live.memory_mib == 96
    newer = _started_in_the_gap(stand, spec, seen.domid or 0)
    assert claim.fence < newer.fence
    stand.until(lambda: stand.host.guest(spec.id).answers, "its answer")
    _stopped_in_the_gap(stand, spec, newer)


def _has_not_ended(stand: Stand, refusal: Refused, spec: GuestSpec, claim: Claim) -> None:
    seen = stand.in_gap(spec)
    assert (seen.live, seen.started) == (None, spec), "its memory is still to be reserved"
    refused = refusal(lambda: stand.carry(claim, stand.host.volume_delete(claim, 0)))
    assert refused == "guest_running"
    assert refusal(lambda: stand.host.guest_undefine(claim)) == "guest_running"


def _started_in_the_gap(stand: Stand, spec: GuestSpec, before: int) -> Claim:
    """See that there is one domain then, whoever made it; return the claim that it was started with."""
    stand.in_gap(spec)
    newer = stand.claim(spec)
    domid = stand.start(newer)
    assert domid > before
    stand.pause(5)
    assert stand.host.guest(spec.id).domid == domid
    return newer


def _stopped_in_the_gap(stand: Stand, spec: GuestSpec, claim: Claim) -> None:
    """See that the stop is final."""
    stand.in_gap(spec)
    stand.stop(claim)
    seen = stand.host.guest(spec.id)
    assert (seen.domid, seen.started) == (None, None)
    stand.carry(claim, stand.host.volume_delete(claim, 0))
    for _ in range(5):
        stand.pause(1)
        assert stand.host.guest(spec.id).domid is None


def test_a_deaf_guest_is_destroyed_when_its_grace_is_over(stand: Stand) -> None:
    spec = stand.spec()
    claim = stand.run(spec)
    stand.make_deaf(spec)
    began = stand.now()
    stand.stop(claim, 8)
    assert stand.now() - began >= 8
    assert stand.host.guest(spec.id).domid is None
