"""Give a guest another plan on the host where it is: define.

The new promise is admitted and written in the request's own transaction (see `teig.control.guests`). Here the host's
files follow. The keeper then holds the running guest to the new weight, cap and disk rates within seconds; memory and
vCPUs are the domain's own and change when the guest is next started, never under a running one.

The undo is the earlier spec. Until the operation has ended, the larger of both counts in admission, so there is room.
"""

from __future__ import annotations

import sqlalchemy as sa

from teig.model.guest import GuestSpec
from teig.operations.guest_create import define
from teig.operations.work import Sequence, Step, Work
from teig.record import load
from teig.store import guests


def _define_before(work: Work) -> None:
    work.host.guest_define(work.claim, work.decision(), load(GuestSpec, work.params["before"]))


def _done(connection: sa.Connection, work: Work) -> None:
    guest = work.guest
    guests.respecify(connection, guest.spec)
    guests.settle(connection, work.guest_id, guest.phase)


def _undone(connection: sa.Connection, work: Work) -> None:
    phase = work.guest.phase
    guests.respecify(connection, load(GuestSpec, work.params["before"]))
    guests.settle(connection, work.guest_id, phase)


SEQUENCE = Sequence(
    kind="guest_resize",
    steps=(Step("define", define, undo=_define_before),),
    done=_done,
    undone=_undone,
)
