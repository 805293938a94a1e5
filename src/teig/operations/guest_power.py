"""Start, stop and reboot a guest.

None of these can be undone: what became of the guest is read from its host. A reboot that is cancelled may have stopped
it already, while disks that have grown are made clean before it is started again.
"""

from __future__ import annotations

import sqlalchemy as sa

from teig.model.job import Job
from teig.operations import closing
from teig.operations.closing import OBSERVE
from teig.operations.guest_create import define, image, start
from teig.operations.work import Sequence, Step, Work
from teig.policy.guest_life import Phase, Verb
from teig.store import observations


def _stop(work: Work) -> None:
    grace_s = float(work.params["grace_s"])
    _tell_cut_off(work, grace_s, work.carry(lambda: work.host.guest_stop(work.claim, grace_s), patient=grace_s > 0))


def _reboot(work: Work) -> None:
    grace_s = float(work.params["grace_s"])
    _tell_cut_off(work, grace_s, work.carry(lambda: work.host.guest_reboot(work.claim, grace_s), patient=grace_s > 0))


def _tell_cut_off(work: Work, grace_s: float, job: Job) -> None:
    """Say that a guest was destroyed that was to shut down: what it had not written yet is lost."""
    if grace_s and job.result.get("cut_off") is True:
        work.run.remark(f"it did not shut down within {grace_s:g} s, and was cut off")


def _undone(connection: sa.Connection, work: Work, reason: str | None) -> None:
    """Close the books; one that a cancellation has left otherwise than it is meant to be is to be looked at."""
    if reason is None and work.run.has_begun:
        reason = _left(connection, work)
    closing.undone(connection, work, reason)


def _left(connection: sa.Connection, work: Work) -> str | None:
    row = observations.of_guest(connection, work.guest_id, work.stored_host.id)
    if row is None and work.guest.phase is not Phase.RUNNING:
        return None  # its host has no such guest
    if row is None or row.fence != work.claim.fence:
        return "What was begun with it was cancelled, and its host did not tell whether that has ended, or if it runs."
    if row.guest.runs == (work.guest.phase is Phase.RUNNING):
        return None
    return f"What was begun with it was cancelled, and it {'runs' if row.guest.runs else 'does not run'}."


START = Sequence(
    Verb.START,
    (Step("image", image), Step("define", define), Step("start", start), OBSERVE),
    done=closing.done,
    undone=_undone,
)
STOP = Sequence(Verb.STOP, (Step("stop", _stop), OBSERVE), done=closing.done, undone=_undone)
REBOOT = Sequence(Verb.REBOOT, (Step("reboot", _reboot), OBSERVE), done=closing.done, undone=_undone)
