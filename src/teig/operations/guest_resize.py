"""Give a guest another plan on the host where it is: image, define, observe.

The new promise is admitted and written in the request's own transaction (see `teig.control.guests`). Here the
host's files follow. The keeper then holds the running guest to the new weight, cap and disk rates within seconds;
memory and vCPUs are the domain's own and change when the guest is next started, never under a running one. Until then
what its domain was started with stays reserved.

The undo is the earlier spec. Until the operation has ended, the larger of both is reserved, so there is room.
"""

from __future__ import annotations

import sqlalchemy as sa

from teig.model.guest import GuestSpec
from teig.model.transfer import TransferAmount
from teig.operations import closing
from teig.operations.closing import OBSERVE, observe_if_it_answers, settle_reservation
from teig.operations.guest_create import define, image
from teig.operations.work import Sequence, Step, Work
from teig.policy.guest_life import Verb
from teig.record import recall
from teig.store import guests, transfer_amounts


def _define_before(work: Work) -> None:
    work.unhindered(lambda: work.host.guest_define(work.claim, work.decision(), _before(work)))
    observe_if_it_answers(work)


def _undone(connection: sa.Connection, work: Work, reason: str | None) -> None:
    _promise_before(connection, work)
    settle_reservation(connection, work, _before(work))
    closing.undone(connection, work, reason)


def _stuck(connection: sa.Connection, work: Work, reason: str) -> None:
    """Keep the earlier promise where the host could not be told of it: mending the guest tells it again."""
    _promise_before(connection, work)
    closing.stuck(connection, work, reason)


def _promise_before(connection: sa.Connection, work: Work) -> None:
    guests.respecify(connection, _before(work))
    if "amount" in work.params:  # a server of the release before says nothing of it, and has changed nothing
        amount = work.params["amount"]
        transfer_amounts.forget(connection, work.guest_id)
        if amount is not None:
            transfer_amounts.put(connection, work.guest_id, recall(TransferAmount, amount))


def _before(work: Work) -> GuestSpec:
    return recall(GuestSpec, work.params["before"])


SEQUENCE = Sequence(
    Verb.RESIZE,
    steps=(Step("image", image, undo=observe_if_it_answers), Step("define", define, undo=_define_before), OBSERVE),
    done=closing.done,
    undone=_undone,
    stuck=_stuck,
)
