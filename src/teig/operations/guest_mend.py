"""Make a guest on its host what it is entitled to again: image, define, enforce, observe.

For what somebody changed by hand: files, weight, cap, maxmem, disk limits. A running guest is not disturbed.

A guest that is past its plan's amount of transfer, or is so no more, is entitled to other rates from then on; what must
be done on its host is the same (LIMIT). Where that fails, mending it does the rest.
"""

from __future__ import annotations

from teig.operations import closing
from teig.operations.closing import OBSERVE
from teig.operations.guest_create import define, image
from teig.operations.work import Sequence, Step, Work
from teig.policy.guest_life import Verb


def enforce(work: Work) -> None:
    """Hold the guest to what its files on its host say."""
    work.unhindered(lambda: work.host.guest_enforce(work.claim))


_STEPS = (Step("image", image), Step("define", define), Step("enforce", enforce), OBSERVE)
SEQUENCE = Sequence(Verb.MEND, _STEPS, done=closing.done, undone=closing.undone)
LIMIT = Sequence(Verb.LIMIT, _STEPS, done=closing.done, undone=closing.undone)
