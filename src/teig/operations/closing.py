"""How the books are closed when an operation ends: the guest's phase, its mark *attention*, what is reserved for it.

All of it happens in the transaction that ends the operation. What is reserved is lowered here and nowhere else, and
only where a step of this operation has read the host; else it stays as it is.
"""

from __future__ import annotations

from contextlib import suppress

import sqlalchemy as sa

from teig.model.errors import NotFound, TeigError
from teig.model.guest import GuestSpec
from teig.model.job import Job
from teig.model.transfer import month_of
from teig.operations.work import Step, Work
from teig.policy.admission import entitled_to, observed_of
from teig.policy.guest_life import LIFE, verb_of
from teig.store import addresses, guests, observations, reservations, transfers


def observe(work: Work) -> None:
    """Read the guest from its host and write down what was seen, for lists, and for what is reserved.

    Where somebody has seen it later than this was read, what was seen then stays, and counts as read by this operation.
    """
    host, fence = work.stored_host.id, work.claim.fence
    before = work.parts.db.read(lambda connection: observations.of_guest(connection, work.guest_id, host))
    try:
        seen = work.host.guest(work.guest_id)
    except NotFound:
        if before is not None:
            work.write(lambda connection: observations.forget_unchanged(connection, work.guest_id, host, before))
        return

    def write(connection: sa.Connection) -> None:
        last = observations.lock(connection, host)
        transfers.add(connection, host, [seen], month_of(work.parts.now()))
        known = observations.of_guest(connection, work.guest_id, host)
        if (last is None or last.before(seen)) and not (known and known.newer_than(seen)):
            observations.put_guest(connection, host, seen, known, fence)
        elif known is not None:
            observations.put_guest(connection, host, known.guest, known, fence)

    work.write(write)


OBSERVE = Step("observe", observe, optional=True)
"""The last step of what changes a guest. Where the host does not answer, the work is done all the same."""


def done(connection: sa.Connection, work: Work) -> None:
    """Close the books after success."""
    change = LIFE[verb_of(work.kind)]
    if change.gone:
        guests.remove(connection, work.guest, work.parts.now())
        return
    attention = None if change.clears else work.guest.attention
    settle_reservation(connection, work, work.guest.spec)
    settle_addresses(connection, work)
    guests.settle(connection, work.guest_id, change.done or work.guest.phase, attention)


def undone(connection: sa.Connection, work: Work, reason: str | None) -> None:
    """Close the books after a failure whose traces are gone; `reason` None: a cancellation, and nobody need look."""
    if reason is not None:
        stuck(connection, work, reason)


def stuck(connection: sa.Connection, work: Work, reason: str) -> None:
    """Close the books after a failure: the phase that it leaves, and why a person should look at the guest."""
    guests.settle(connection, work.guest_id, LIFE[verb_of(work.kind)].failed or work.guest.phase, reason)


def settle_reservation(connection: sa.Connection, work: Work, spec: GuestSpec) -> None:
    """Reserve what a spec says or, where that is more, what the host has; not where this operation has not read it."""
    host = work.stored_host.id
    row = observations.of_guest(connection, work.guest_id, host)
    if row is None or not row.fence or row.fence != work.claim.fence:
        return  # 0: no operation has ever read it
    seen = observations.of_host(connection, host)
    extents = {group.name: group.extent_bytes for group in seen.facts.volume_groups} if seen else {}
    for pool, kept in reservations.of_guest(connection, work.guest_id, host).items():
        if pool not in extents:
            continue  # the pool is not to be seen: what lies there is not known to be less
        wanted = entitled_to(spec, extents[pool]).largest(observed_of(row.guest, extents[pool], pool))
        if wanted != kept:
            reservations.settle(connection, work.guest_id, host, pool, wanted)


def settle_addresses(connection: sa.Connection, work: Work) -> None:
    """Free what the guest has lost by force, where this operation has read that its host lets it use that no more."""
    row = observations.of_guest(connection, work.guest_id, work.stored_host.id)
    if row is not None and row.fence and row.fence == work.claim.fence:
        there = row.guest.spec.also if row.guest.spec else frozenset()
        addresses.seen_off(connection, work.guest.spec, there, work.parts.now())


def observe_if_it_answers(work: Work) -> None:
    """Read the guest from its host, in an undo, where that can be done."""
    try:
        observe(work)
    except TeigError:
        return


def nothing(_work: Work) -> None:
    """Do nothing, or take nothing back."""


def called_off(work: Work) -> Job | None:
    """End what an operation has begun at its host, and read what it has left; return its own job, None without one.

    A run that was taken over has not ended its job. What may still come from a lost server is refused from now on.
    """
    job = None
    with suppress(NotFound):
        job = work.end_job()
    observe(work)
    return job if job is not None and job.operation == work.run.operation else None
