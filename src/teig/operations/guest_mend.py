"""Make a guest on its host what it is entitled to again: image, define, enforce, observe.

For what somebody changed by hand: files, weight, cap, maxmem, disk limits. A running guest is not disturbed.

A guest that is past its plan's amount of transfer, or is so no more, is entitled to other rates from then on; what must
be done on its host is the same (LIMIT). Where that fails or is cancelled it is entitled to what it was before, so that
whoever looks next tries again (`teig.control.transfer_amounts`).
"""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from teig.operations import closing
from teig.operations.closing import OBSERVE
from teig.operations.guest_create import define, image
from teig.operations.work import Sequence, Step, Work
from teig.policy.guest_life import Verb
from teig.store import guests, transfer_amounts


def enforce(work: Work) -> None:
    """Hold the guest to what its files on its host say."""
    work.unhindered(lambda: work.host.guest_enforce(work.claim))


_STEPS = (Step("image", image), Step("define", define), Step("enforce", enforce), OBSERVE)
SEQUENCE = Sequence(Verb.MEND, _STEPS, done=closing.done, undone=closing.undone)


def _as_before(connection: sa.Connection, work: Work, _reason: str | None) -> None:
    amount = transfer_amounts.of_guest(connection, work.guest_id)
    if amount is not None and amount.limited == work.params["limited"]:
        before = replace(amount, limited=not amount.limited)
        transfer_amounts.put(connection, work.guest_id, before)
        guests.respecify(connection, before.applied(work.guest.spec))


LIMIT = Sequence(Verb.LIMIT, _STEPS, done=closing.done, undone=_as_before, stuck=_as_before)
