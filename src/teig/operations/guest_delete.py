"""Remove a guest and all its bytes: stop, volumes, undefine.

There is no undo: what is deleted stays deleted. An operation that fails leaves the guest in the phase `deleting`, and
deleting it again carries on. On a host that knows nothing of the guest every step succeeds.
"""

from __future__ import annotations

import sqlalchemy as sa

from teig.operations.work import Sequence, Step, Work
from teig.store import guests
from teig.store.guests import Phase


def _stop(work: Work) -> None:
    work.write(lambda connection: guests.mark(connection, work.guest_id, Phase.DELETING))
    work.host.guest_stop(work.claim, grace_s=0)


def _volumes(work: Work) -> None:
    for disk in reversed(work.guest.spec.disks):
        work.host.volume_delete(work.claim, disk.index)


def _undefine(work: Work) -> None:
    work.host.guest_undefine(work.claim)


def _done(connection: sa.Connection, work: Work) -> None:
    guests.remove(connection, work.guest_id)


def _undone(connection: sa.Connection, work: Work) -> None:
    phase = Phase.DELETING if work.run.turn.operation.steps else work.guest.phase
    guests.settle(connection, work.guest_id, phase)


SEQUENCE = Sequence(
    kind="guest_delete",
    steps=(Step("stop", _stop), Step("volumes", _volumes), Step("undefine", _undefine)),
    done=_done,
    undone=_undone,
    irrevocable=True,
)
