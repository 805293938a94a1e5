"""Make a guest and run it: reserve, image, volume, write, define, start, ready.

The reservation is a row that the request's own transaction has written (see `teig.control.guests`), so that a refusal
is immediate; here it is only checked and, when something fails, given back.
"""

from __future__ import annotations

import sqlalchemy as sa

from teig.operations.work import Sequence, Step, Work
from teig.store import guests
from teig.store.guests import Phase

READY_TIMEOUT_S = 180


def _reserve(work: Work) -> None:
    work.decision()


def _image(work: Work) -> None:
    image = work.image
    if not work.host.image_present(image.id):
        work.host.image_put(work.decision(), image, work.parts.image_dir / image.id)


def _volume(work: Work) -> None:
    for disk in work.guest.spec.disks:
        work.host.volume_create(work.claim, work.decision(), disk)


def _no_volume(work: Work) -> None:
    for disk in reversed(work.guest.spec.disks):
        work.host.volume_delete(work.claim, disk.index)


def _write(work: Work) -> None:
    spec = work.guest.spec
    work.host.volume_write_image(work.claim, work.decision(), spec.disks[0], spec.image)


def define(work: Work) -> None:
    """Write the guest's files on its host."""
    work.host.guest_define(work.claim, work.decision(), work.guest.spec)


def _undefine(work: Work) -> None:
    work.host.guest_undefine(work.claim)


def start(work: Work) -> None:
    """Let Xen start the guest."""
    work.host.guest_start(work.claim)


def _destroy(work: Work) -> None:
    work.host.guest_stop(work.claim, grace_s=0)


def ready(work: Work) -> None:
    """Wait until the guest's network answers."""
    work.host.guest_wait_ready(work.guest_id, work.image.manifest.ready_port, READY_TIMEOUT_S)


def _done(connection: sa.Connection, work: Work) -> None:
    guests.settle(connection, work.guest_id, Phase.RUNNING)


def _undone(connection: sa.Connection, work: Work) -> None:
    guests.remove(connection, work.guest_id)


SEQUENCE = Sequence(
    kind="guest_create",
    steps=(
        Step("reserve", _reserve),
        Step("image", _image),
        Step("volume", _volume, undo=_no_volume),
        Step("write", _write),
        Step("define", define, undo=_undefine),
        Step("start", start, undo=_destroy),
        Step("ready", ready),
    ),
    done=_done,
    undone=_undone,
)
