"""Make a guest on its host what it is entitled to again: define, enforce.

For what somebody changed by hand: files, weight, cap, maxmem, disk limits. A running guest is not disturbed.
"""

from __future__ import annotations

import sqlalchemy as sa

from teig.operations.guest_create import define
from teig.operations.work import Sequence, Step, Work
from teig.store import guests


def _enforce(work: Work) -> None:
    work.host.guest_enforce(work.claim)


def _close(connection: sa.Connection, work: Work) -> None:
    guests.settle(connection, work.guest_id, work.guest.phase)


SEQUENCE = Sequence(
    kind="guest_mend",
    steps=(Step("define", define), Step("enforce", _enforce)),
    done=_close,
    undone=_close,
)
