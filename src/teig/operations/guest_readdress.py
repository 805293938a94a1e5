"""Let an address lead to a guest, or no longer, while it runs: free, image, define, enforce, observe.

The row of the address and the new spec are written in the request's own transaction (see `teig.control.addresses`).
Here the host follows, and is then read: only an operation that has read that its host has let go gives an address on.

An address that moves has two operations, one on each guest. The one that gets it waits, in its first step, for the end
of the one that lets go. Where that fails, nothing has moved. Where it is done, and the guest that gets the address then
fails to, it has it all the same: its spec says so, and mending the guest tells its host.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from teig.model.address_range import shown
from teig.model.errors import Conflict, HostFault
from teig.model.guest import GuestSpec
from teig.operations import closing
from teig.operations.closing import observe_if_it_answers
from teig.operations.guest_create import define, image
from teig.operations.guest_mend import enforce
from teig.operations.work import Sequence, Step, Work
from teig.policy.guest_life import Verb
from teig.record import load
from teig.store import addresses, guests, observations, operations

LOOK_S: Final = 0.2
"""How often it is looked whether another guest has let go."""


@dataclass(frozen=True)
class Readdress:
    """The parameters: the address, and what led to the guest `before`.

    `loses`: the guest is to let go of it. `moved`: it was another guest's, and `after` is the operation that has it let
    go, None where it was taken by force.
    """

    address: str
    before: tuple[str, ...]
    loses: bool = False
    moved: bool = False
    after: str | None = None


def with_also(spec: GuestSpec, also: tuple[str, ...]) -> GuestSpec:
    """Return a guest's spec with just these further addresses; those that are new lead to its first card."""
    kept = [replace(nic, also=tuple(one for one in nic.also if one in also)) for nic in spec.nics]
    there = {one for nic in kept for one in nic.also}
    first = replace(kept[0], also=(*kept[0].also, *(one for one in also if one not in there)))
    return replace(spec, nics=(first, *kept[1:]))


def also_of(spec: GuestSpec) -> tuple[str, ...]:
    """Return the further addresses of a guest."""
    return tuple(address for nic in spec.nics for address in nic.also)


def _asked(work: Work) -> Readdress:
    return load(Readdress, work.params)


def _before(work: Work) -> GuestSpec:
    return with_also(work.guest.spec, _asked(work).before)


def _free(work: Work) -> None:
    """Wait until the guest that had the address was seen to have let go."""
    asked = _asked(work)
    while asked.after is not None:
        other = work.parts.db.read(partial(operations.find, operation=asked.after))
        if other is None or other.state.ended:
            break
        work.run.wait(True)
        work.parts.pause(LOOK_S)
        work.check_wanted()
    mine = work.parts.db.read(lambda connection: addresses.has(connection, work.guest_id, asked.address))
    if not mine:
        raise Conflict(
            f"{shown(asked.address)} did not move: the guest that has it did not let go.",
            f"See why: teig op show {asked.after}",
            code="not_let_go",
        )


def _before_again(work: Work) -> None:
    work.unhindered(lambda: work.host.guest_define(work.claim, work.decision(), _before(work)))
    enforce(work)
    observe_if_it_answers(work)


def _observe(work: Work) -> None:
    """Read the guest back; HostFault where its host does not let through just what its spec says."""
    closing.observe(work)
    row = work.parts.db.read(lambda connection: observations.of_guest(connection, work.guest_id, work.stored_host.id))
    there = row.guest.spec if row is not None and row.fence == work.claim.fence else None
    if there is None or there.also != work.guest.spec.also:
        raise HostFault(
            f"Host {work.stored_host.name} does not show that just the right addresses lead to {work.guest.name}.",
            f"Look at its files there, or try again: teig guest mend {work.guest.name}",
            code="not_seen",
        )


def _done(connection: sa.Connection, work: Work) -> None:
    asked = _asked(work)
    if asked.loses:
        addresses.let_go(connection, work.guest.spec, asked.address, work.parts.now())
    closing.done(connection, work)


def _undone(connection: sa.Connection, work: Work, reason: str | None) -> None:
    asked, spec = _asked(work), work.guest.spec
    if asked.loses:
        addresses.stays(connection, spec, asked.address)
        guests.respecify(connection, _before(work))
    elif not asked.moved:
        used = work.run.may_have_begun("define")
        addresses.rest(connection, spec, asked.address, work.parts.now() if used else None)
        guests.respecify(connection, _before(work))
    elif _has_not_got(connection, spec, asked):
        guests.respecify(connection, _before(work))
    else:
        reason = f"{shown(asked.address)} is its own, and its host was not told. {reason or ''}".strip()
    closing.undone(connection, work, reason)


def _has_not_got(connection: sa.Connection, spec: GuestSpec, asked: Readdress) -> bool:
    """Return whether what was to move has not; it will not any more then."""
    return addresses.wait_no_more(connection, spec, asked.address) or not addresses.has(
        connection, spec.id, asked.address
    )


def _stuck(connection: sa.Connection, work: Work, reason: str) -> None:
    """Keep what the guest has had, and what it was to get if that is its own: mending it tells its host so."""
    asked, spec = _asked(work), work.guest.spec
    if asked.loses:
        addresses.stays(connection, spec, asked.address)
        guests.respecify(connection, _before(work))
    elif asked.moved and _has_not_got(connection, spec, asked):
        guests.respecify(connection, _before(work))
    closing.stuck(connection, work, reason)


def params(asked: Readdress) -> dict[str, Any]:
    """Return the parameters as they are stored."""
    return {**vars(asked), "before": list(asked.before)}


SEQUENCE = Sequence(
    Verb.READDRESS,
    steps=(
        Step("free", _free),
        Step("image", image),
        Step("define", define, undo=_before_again),
        Step("enforce", enforce),
        Step("observe", _observe),
    ),
    done=_done,
    undone=_undone,
    stuck=_stuck,
)
