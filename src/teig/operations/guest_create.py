"""Make a guest and run it: reserve, image, volume, write, define, start, observe.

The reservation is a row that the request's own transaction has written (see `teig.control.guests`), so that a
refusal is immediate; here it is only checked and, when something fails, given back. A guest is made when its domain
runs; whether its network answers is observed afterwards.
"""

from __future__ import annotations

import sqlalchemy as sa

from teig.operations import closing
from teig.operations.closing import OBSERVE
from teig.operations.work import Sequence, Step, Work
from teig.policy.guest_life import Verb
from teig.store import guests


def _reserve(work: Work) -> None:
    work.decision()


def image(work: Work) -> None:
    """Send the guest's image to its host, unless it is there whole: what is registered is not asked for then."""
    if not work.host.image_present(work.guest.spec.image):
        wanted = work.image
        work.host.image_put(work.decision(), wanted, work.parts.image_dir / wanted.id, work.check_wanted)


def _volume(work: Work) -> None:
    for disk in work.guest.spec.disks:
        work.carry(lambda disk=disk: work.host.volume_create(work.claim, work.decision(), disk, work.pool))  # type: ignore[misc]


def _no_volume(work: Work) -> None:
    for disk in reversed(work.guest.spec.disks):
        work.carry(lambda disk=disk: work.host.volume_delete(work.claim, disk.index))  # type: ignore[misc]


def _write(work: Work) -> None:
    spec = work.guest.spec
    work.carry(lambda: work.host.volume_write_image(work.claim, work.decision(), spec.disks[0], spec.image))


def define(work: Work) -> None:
    """Write the guest's files on its host."""
    work.unhindered(lambda: work.host.guest_define(work.claim, work.decision(), work.guest.spec))


def _undefine(work: Work) -> None:
    work.unhindered(lambda: work.host.guest_undefine(work.claim))


def start(work: Work) -> None:
    """Let Xen start the guest."""
    work.carry(lambda: work.host.guest_start(work.claim))


def _destroy(work: Work) -> None:
    work.carry(lambda: work.host.guest_stop(work.claim, grace_s=0))


def _undone(connection: sa.Connection, work: Work, reason: str | None) -> None:  # noqa: ARG001 - all are alike
    ran = work.run.may_have_begun("start")  # nobody has seen the addresses of a guest that never ran
    guests.remove(connection, work.guest, work.parts.now() if ran else None)


SEQUENCE = Sequence(
    Verb.CREATE,
    steps=(
        Step("reserve", _reserve),
        Step("image", image),
        Step("volume", _volume, undo=_no_volume),
        Step("write", _write),
        Step("define", define, undo=_undefine),
        Step("start", start, undo=_destroy),
        OBSERVE,
    ),
    done=closing.done,
    undone=_undone,
)
