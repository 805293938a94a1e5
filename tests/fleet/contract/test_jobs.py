"""Jobs: one a guest, begun once, taken over by a newer fence, cancelled, lost."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from teig.fleet.driver import Claim
from teig.model.errors import Fenced
from teig.model.guest import GuestSpec
from teig.model.job import JobState
from tests.fleet.contract.conftest import Refused
from tests.fleet.contract.stand import Stand

LONG_S = 500.0


def _long(stand: Stand) -> tuple[GuestSpec, Claim]:
    """Begin a job that lasts: the stop of a guest that is deaf."""
    spec = stand.spec()
    claim = stand.run(spec)
    stand.make_deaf(spec)
    assert stand.host.guest_stop(claim, LONG_S).state is JobState.RUNNING
    return spec, claim


def test_a_job_runs_once_is_cancelled_is_lost_and_may_be_begun_again(stand: Stand, refusal: Refused) -> None:
    spec, claim = _long(stand)
    newer = _runs_once(stand, refusal, spec, claim)
    domid = stand.host.guest(spec.id).domid
    assert stand.host.job_cancel(newer).state in {JobState.RUNNING, JobState.FAILED}
    assert refusal(lambda: stand.carry(newer, stand.host.job(newer))) == "job_cancelled"
    assert stand.host.guest(spec.id).domid == domid
    assert stand.host.guest_stop(newer, LONG_S).state is JobState.RUNNING
    stand.kill_job(spec.id)
    assert refusal(lambda: stand.carry(newer, stand.host.job(newer))) == "job_lost"
    assert stand.host.job(newer).state is JobState.FAILED
    assert stand.host.guest_stop(newer, LONG_S).state is JobState.RUNNING
    stand.host.job_cancel(newer)
    stand.until(lambda: stand.host.job(newer).state is JobState.FAILED, "the job's end")
    stand.stop(newer)
    assert stand.host.guest(spec.id).domid is None
    _cancelled_for_good(stand, spec, newer)


def _cancelled_for_good(stand: Stand, spec: GuestSpec, claim: Claim) -> None:
    """See that nothing that comes late is begun, once somebody newer has cancelled, though nothing ran by then."""
    newest = stand.claim(spec)
    assert stand.host.job_cancel(newest).state is JobState.DONE
    with pytest.raises(Fenced):
        stand.host.guest_start(claim)
    assert (stand.host.guest(spec.id).fence, stand.host.guest(spec.id).domid) == (newest.fence, None)


def _runs_once(stand: Stand, refusal: Refused, spec: GuestSpec, claim: Claim) -> Claim:
    """See that a job is not begun anew; return the newer claim that has taken it over."""
    assert stand.host.guest_stop(claim, LONG_S).state is JobState.RUNNING
    assert refusal(lambda: stand.define(claim, spec)) == "busy", "what is no job waits for none"
    newer = stand.claim(spec)
    assert stand.host.guest_stop(newer, LONG_S).state is JobState.RUNNING
    assert stand.host.guest(spec.id).fence == newer.fence
    for call in (stand.host.job, stand.host.job_cancel, lambda old: stand.host.guest_stop(old, LONG_S)):
        with pytest.raises(Fenced):
            call(claim)
    assert stand.host.job(newer).state is JobState.RUNNING
    assert refusal(lambda: stand.host.guest_reboot(newer, 0)) == "job_running"
    assert refusal(lambda: stand.host.guest_stop(stand.claim(spec), 0)) == "job_running"
    assert stand.host.guest(spec.id).domid is not None
    return newer


def test_what_was_done_for_an_operation_is_not_done_again_for_it_by_another_server(stand: Stand) -> None:
    """The host has ended the job while no server asked after it: the guest has worked since then."""
    spec = stand.spec()
    stand.run(spec)
    mine = replace(stand.claim(spec), operation=str(uuid.uuid4()))
    stand.carry(mine, stand.host.guest_reboot(mine, 0))
    domid = stand.host.guest(spec.id).domid
    other = replace(stand.claim(spec), operation=mine.operation)
    assert stand.host.guest_reboot(other, 0).state is JobState.DONE
    assert (stand.host.guest(spec.id).domid, stand.host.guest(spec.id).fence) == (domid, other.fence)
    with pytest.raises(Fenced):
        stand.host.guest_reboot(mine, 0)
    next_one = replace(stand.claim(spec), operation=str(uuid.uuid4()))
    stand.host.guest_reboot(next_one, 0)
    takes_over = replace(stand.claim(spec), operation=str(uuid.uuid4()))
    stand.carry(takes_over, stand.host.guest_reboot(takes_over, 0))
    rebooted = stand.host.guest(spec.id).domid
    assert rebooted != domid
    again = replace(stand.claim(spec), operation=takes_over.operation)
    assert stand.host.guest_reboot(again, 0).state is JobState.DONE
    assert stand.host.guest(spec.id).domid == rebooted


def test_a_guest_whose_stop_was_cancelled_lives_on_and_reboots_as_before(stand: Stand, refusal: Refused) -> None:
    spec, claim = _long(stand)
    first = stand.host.guest(spec.id).domid or 0
    stand.host.job_cancel(claim)
    assert refusal(lambda: stand.carry(claim, stand.host.job(claim))) == "job_cancelled"
    assert stand.host.guest(spec.id).state == "paused", "by somebody, which made it deaf"
    assert stand.start(claim) == first, "which lets it go on"
    stand.until(lambda: stand.host.guest(spec.id).state == "running", "its going on")
    stand.pause(5)
    assert stand.host.guest(spec.id).domid == first, "nobody wants it to stop any more"
    stand.reboot_inside(spec)
    stand.until(lambda: (stand.host.guest(spec.id).domid or 0) > first, "a new domain")


def test_a_stop_says_whether_its_guest_was_cut_off(stand: Stand) -> None:
    spec = stand.spec()
    claim = stand.run(spec)
    assert stand.carry(claim, stand.host.guest_reboot(claim, 120))["cut_off"] is False
    stand.until(lambda: stand.host.guest(spec.id).answers, "its answer")
    stand.make_deaf(spec)
    assert stand.carry(claim, stand.host.guest_stop(claim, 2))["cut_off"] is True


def test_an_answer_that_is_lost_is_asked_for_again(stand: Stand) -> None:
    spec = stand.spec()
    claim = stand.prepare(spec)
    stand.lose_answer(lambda: stand.host.guest_start(claim))
    domid = stand.start(claim)
    stand.until(lambda: stand.host.guest(spec.id).answers, "its answer")
    assert stand.host.guest(spec.id).domid == domid
    stand.lose_answer(lambda: stand.host.guest_stop(claim, 0))
    stand.stop(claim)
    assert stand.host.guest(spec.id).domid is None
