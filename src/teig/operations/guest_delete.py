"""Remove a guest and all its bytes: stop, volumes, undefine.

There is no undo: what is deleted stays deleted. An operation that fails leaves the guest in the phase `deleting`, and
deleting it again carries on. On a host that knows nothing of the guest every step succeeds.
"""

from __future__ import annotations

from teig.operations import closing
from teig.operations.work import Sequence, Step, Work
from teig.policy.guest_life import Phase, Verb
from teig.store import guests


def _stop(work: Work) -> None:
    work.write(lambda connection: guests.mark(connection, work.guest_id, Phase.DELETING))
    work.carry(lambda: work.host.guest_stop(work.claim, grace_s=0))


def _volumes(work: Work) -> None:
    for disk in reversed(work.guest.spec.disks):
        work.carry(lambda disk=disk: work.host.volume_delete(work.claim, disk.index))  # type: ignore[misc]


def _undefine(work: Work) -> None:
    closing.observe(work)  # what it has transferred is forgotten there
    work.unhindered(lambda: work.host.guest_undefine(work.claim))


SEQUENCE = Sequence(
    Verb.DELETE,
    steps=(Step("stop", _stop), Step("volumes", _volumes), Step("undefine", _undefine)),
    done=closing.done,
    undone=closing.undone,
    irrevocable=True,
)
