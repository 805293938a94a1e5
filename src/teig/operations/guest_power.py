"""Start, stop and reboot a guest.

None of these has an undo: a guest that was to be stopped and was not is still running, and its host says so.
"""

from __future__ import annotations

from teig.operations import closing
from teig.operations.closing import OBSERVE
from teig.operations.guest_create import define, image, start
from teig.operations.work import Sequence, Step, Work
from teig.policy.guest_life import Verb


def _stop(work: Work) -> None:
    grace_s = float(work.params["grace_s"])
    work.carry(lambda: work.host.guest_stop(work.claim, grace_s), patient=grace_s > 0)


def _reboot(work: Work) -> None:
    grace_s = float(work.params["grace_s"])
    work.carry(lambda: work.host.guest_reboot(work.claim, grace_s), patient=grace_s > 0)


START = Sequence(
    Verb.START,
    (Step("image", image), Step("define", define), Step("start", start), OBSERVE),
    done=closing.done,
    undone=closing.undone,
)
STOP = Sequence(Verb.STOP, (Step("stop", _stop), OBSERVE), done=closing.done, undone=closing.undone)
REBOOT = Sequence(Verb.REBOOT, (Step("reboot", _reboot), OBSERVE), done=closing.done, undone=closing.undone)
