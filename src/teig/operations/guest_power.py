"""Start, stop and reboot a guest.

None of these has an undo: a guest that was to be stopped and was not is still running, and its host says so.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from teig.operations.guest_create import define, ready, start
from teig.operations.work import Sequence, Step, Work
from teig.store import guests
from teig.store.guests import Phase


def _stop(work: Work) -> None:
    work.host.guest_stop(work.claim, grace_s=float(work.params["grace_s"]))


def _reboot(work: Work) -> None:
    work.host.guest_reboot(work.claim, grace_s=float(work.params["grace_s"]))


def _phase(phase: Phase) -> Callable[[sa.Connection, Work], None]:
    return lambda connection, work: guests.settle(connection, work.guest_id, phase)


def _as_before(connection: sa.Connection, work: Work) -> None:
    guests.settle(connection, work.guest_id, work.guest.phase)


START = Sequence(
    "guest_start",
    (Step("define", define), Step("start", start), Step("ready", ready)),
    done=_phase(Phase.RUNNING),
    undone=_as_before,
)
STOP = Sequence("guest_stop", (Step("stop", _stop),), done=_phase(Phase.STOPPED), undone=_as_before)
REBOOT = Sequence(
    "guest_reboot", (Step("reboot", _reboot), Step("ready", ready)), done=_phase(Phase.RUNNING), undone=_as_before
)
