"""Guests: what people ask of them.

A request that changes something checks it, writes the promise, the reservation and the operation in one transaction,
and hands the operation to the engine. Lists read what was observed; only `view` asks a host, and not for long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from teig.control import asking, observing, placing, plans, sites
from teig.control.guest_making import Wish, check_boots, demand_for, disks_of, fitted, nics_for, resized, spec_for
from teig.control.services import Services
from teig.control.submitting import claimed, new_operation_id, new_uuid, queued, submitted
from teig.fleet.driver import HostAddress
from teig.model.errors import Conflict, NotFound, Refused, TeigError
from teig.model.guest import GuestState
from teig.model.host import GuestOnHost
from teig.model.image import Image
from teig.model.names import GuestId, check_name
from teig.model.operation import Operation
from teig.model.plan import Plan
from teig.model.site import Site
from teig.model.transfer import MonthOfTransfer, TransferAmount, month_of
from teig.operations.work import address_of
from teig.policy.admission import amounts, refusal
from teig.policy.drift import figures
from teig.policy.guest_life import Phase, Verb, way_out
from teig.policy.guest_state import state_of
from teig.policy.placement import decide
from teig.record import dump
from teig.store import (
    events,
    guest_lines,
    guests,
    hosts,
    images,
    observations,
    operations,
    reservations,
    transfer_amounts,
    transfers,
)
from teig.store.guest_lines import GuestLine
from teig.store.guests import StoredGuest
from teig.store.hosts import StoredHost
from teig.store.observations import GuestRow

__all__ = ["GuestLine", "GuestView", "Wish"]
LIVE_S: Final = 3.0
"""How long a host may take to say what a guest is at this moment."""
ROUNDS: Final = 5


@dataclass(frozen=True)
class GuestView:
    """A guest, where it is, and what its host said of it (None: nothing).

    `live`: the host was asked and has answered just now; else it was last seen at `seen_at` (seconds since 1970; None:
    never). `todo` is the command that leads out of its state, where one is needed.
    """

    guest: StoredGuest
    host: StoredHost
    on_host: GuestOnHost | None
    state: GuestState
    live: bool
    seen_at: float | None
    todo: str | None


def create(services: Services, wish: Wish) -> Operation:
    """Promise a guest and begin to make it. Raises what stands against it: bad values, names taken, no room."""
    check_name("guest", wish.name)

    def look(connection: sa.Connection) -> tuple[Plan, Image, Site, list[StoredHost]]:
        guests.check_free(connection, wish.name)
        plan, image = plans.named(connection, wish.plan), images.named(connection, wish.image).image
        site = sites.chosen(connection, wish.site, wish.host)
        return plan, image, site, placing.unseen(connection, services.now(), site)

    plan, image, site, unseen = services.db.read(look)
    fit = fitted(wish, plan, image)
    guest_id, operation_id = GuestId(new_uuid(services)), new_operation_id(services)
    disks = disks_of(fit, plan)
    demand = demand_for(plan, disks, fit.type)
    there: list[StoredHost] = []

    def reserve(connection: sa.Connection) -> Operation:
        images.check_there(connection, image)
        candidates = list(hosts.candidates(connection, there).values())
        decision = decide(guest_id, demand, site.name, candidates, fit.host)
        [room] = [candidate.capacity for candidate in candidates if candidate.id == decision.host]
        nics = nics_for(connection, services, site, fit.nics or plan.addresses)
        spec = spec_for(guest_id, fit, plan, site, image, disks, nics)
        guests.add(connection, StoredGuest(decision.host, spec, Phase.CREATING, 1, None, services.now()))
        transfer_amounts.put(connection, guest_id, TransferAmount.of(plan))
        reservations.keep(connection, guest_id, decision.host, room.pool, amounts(demand, room.extent_bytes))
        operation = queued(operation_id, Verb.CREATE, fit.name, decision.host, services.now())
        operations.add(connection, operation, guest_id, {})
        return operation

    placing.see_all(services, site, unseen)
    for last in (*[False] * (ROUNDS - 1), True):
        there[:] = placing.fitting(services, site, fit.host, demand)
        try:
            return submitted(services, operation_id, reserve)
        except Refused as error:
            if last or error.reason != "no_room":  # else others were faster: there may be room elsewhere
                raise
    raise AssertionError("the last round returns or raises")


def start(services: Services, name: str) -> Operation:
    """Begin to start a guest; on one that runs already this does nothing."""
    return _begin(services, name, Verb.START, {})


def start_again(services: Services, name: str) -> Operation:
    """Begin to start a guest that is meant to run; Conflict where it was stopped meanwhile."""

    def check(_: sa.Connection, guest: StoredGuest) -> None:
        if guest.phase is Phase.STOPPED:
            raise Conflict(f"Guest {name} was stopped meanwhile.", f"If it should run: teig guest start {name}")

    return _begin(services, name, Verb.START, {}, check)


def stop(services: Services, name: str, grace_s: float) -> Operation:
    """Begin to stop a guest: asked to shut down, and destroyed after `grace_s` seconds (0: at once)."""
    return _begin(services, name, Verb.STOP, {"grace_s": grace_s})


def reboot(services: Services, name: str, grace_s: float) -> Operation:
    """Begin to reboot a guest, with the same grace."""
    return _begin(services, name, Verb.REBOOT, {"grace_s": grace_s})


def mend(services: Services, name: str) -> Operation:
    """Begin to make a guest on its host what it is entitled to again."""
    return _begin(services, name, Verb.MEND, {})


def resize(services: Services, name: str, plan_name: str) -> Operation:
    """Begin to give a guest another plan on its host.

    Weight, cap and disk rates hold at once; memory, vCPUs, cores of its own and a larger first disk from the next
    start, until which what the domain was started with stays reserved. A disk is never made smaller. Refused where the
    host has no room for the difference.
    """
    plan = services.db.read(lambda connection: plans.named(connection, plan_name))
    operation_id = new_operation_id(services)
    _see_host(services, name)

    def work(connection: sa.Connection) -> Operation:
        guest = guests.named(connection, name)
        image = images.by_id(connection, guest.spec.image)
        if image is not None:
            check_boots(plan, image)
        params = _promised_before(connection, guest)
        operation = claimed(connection, services, guest, operation_id, Verb.RESIZE, params)
        host = hosts.by_id(connection, guest.host)
        there = reservations.of_guest(connection, guest.id, host.id)
        pool = next(iter(there), "")
        candidate = hosts.candidate(connection, host, pool)
        spec = resized(guest.spec, plan, _first_disk(observations.of_guest(connection, guest.id, host.id)))
        demand = demand_for(plan, spec.disks, spec.type)
        if candidate is None:
            raise Refused(
                f"Nobody knows what room host {host.name} has for guest {name} in its volume group {pool}.",
                f"Look at: teig host show {host.name}",
                code="unobserved",
            )
        why = refusal(candidate, demand, there[pool])
        if why is not None:
            raise Refused(f"Host {host.name} has no room for plan {plan.name}. {host.name}: {why}.", code="no_room")
        wanted = amounts(demand, candidate.capacity.extent_bytes)
        reservations.keep(connection, guest.id, host.id, pool, wanted)
        guests.respecify(connection, spec)
        transfer_amounts.put(connection, guest.id, TransferAmount.of(plan))
        return operation

    return submitted(services, operation_id, work)


def _promised_before(connection: sa.Connection, guest: StoredGuest) -> dict[str, Any]:
    """Return what a resize that fails gives back."""
    amount = transfer_amounts.of_guest(connection, guest.id)
    return {"before": dump(guest.spec), "amount": dump(amount) if amount else None}


def limit(services: Services, guest_id: GuestId, month: str) -> Operation:
    """Begin to hold a guest to what its plan says of those that are past their amount of a month, or to free it.

    Conflict where it is as it should be already: another server was faster.
    """
    operation_id = new_operation_id(services)

    def work(connection: sa.Connection) -> Operation:
        guest, amount = guests.by_id(connection, guest_id), transfer_amounts.of_guest(connection, guest_id)
        past = transfer_amounts.is_past(connection, guest_id, month)
        if guest is None or amount is None or amount.limited == past:
            raise Conflict(f"Guest {guest_id} is held to its amount of transfer already.")
        operation = claimed(connection, services, guest, operation_id, Verb.LIMIT, {"limited": past})
        amount = replace(amount, limited=past)
        transfer_amounts.put(connection, guest_id, amount)
        guests.respecify(connection, amount.applied(guest.spec))
        return operation

    return submitted(services, operation_id, work)


def _see_host(services: Services, name: str) -> None:
    """Observe a guest's host if nobody has since an upgrade or a restored backup; Busy where many ask it already."""
    _, host = _with_host(services, name)
    if services.db.read(lambda connection: observations.seen_at(connection, host.id)) is None:
        with asking.needed(host.id, host.name):
            observing.observe(services, host)


def delete(services: Services, name: str, force: bool) -> Operation:
    """Begin to delete a guest and its disks; Conflict while it is meant to run, unless `force`."""

    def check(connection: sa.Connection, guest: StoredGuest) -> None:
        seen = observations.of_guest(connection, guest.id, guest.host)
        runs = guest.phase is Phase.RUNNING or (guest.phase is Phase.STOPPED and seen and seen.guest.has_domain)
        if runs and not force:
            raise Conflict(
                f"Guest {name} is running.",
                f"Stop it first (teig guest stop {name}), or use --force.",
                code="guest_running",
            )

    return _begin(services, name, Verb.DELETE, {}, check)


def lines(services: Services, after: str = "", limit: int | None = None) -> list[GuestLine]:
    """Return what lists show of guests, by name, as last observed: at most `limit` whose names follow `after`."""
    return services.db.read(lambda connection: guest_lines.listed(connection, services.now(), after, limit))


def view(services: Services, name: str) -> GuestView:
    """Return one guest as its host has it now; as it was last seen where the host does not answer at once."""
    guest, host = _with_host(services, name)
    seen_at: float | None = services.now()
    on_host: GuestOnHost | None = None
    with asking.place(host.id) as free:
        try:
            live = free
            if free:
                on_host = services.fleet.host(address_of(host)).guest(guest.id, LIVE_S)
        except NotFound:
            pass  # there is nothing of it
        except TeigError:
            live = False
    if not live:
        return services.db.read(lambda connection: _observed(connection, services.now(), guest, host))
    state = state_of(guest.phase, on_host, fresh=True)
    return GuestView(guest, host, on_host, state, True, seen_at, _todo(guest, state, on_host))


def _observed(connection: sa.Connection, now: float, guest: StoredGuest, host: StoredHost) -> GuestView:
    """Return a guest as it was last seen; its host does not answer at this moment."""
    seen = observations.of_host(connection, host.id)
    row = observations.of_guest(connection, guest.id, host.id)
    on_host = row.guest if row else None
    known = on_host is not None or (seen is not None and guest.created <= seen.seen_at)
    state = state_of(guest.phase, on_host, fresh=known and seen is not None and seen.fresh(now))
    return GuestView(guest, host, on_host, state, False, seen.seen_at if seen else None, _todo(guest, state, on_host))


def _todo(guest: StoredGuest, state: GuestState, on_host: GuestOnHost | None) -> str | None:
    if guest.operation is not None:
        return f"teig op wait {guest.operation}"
    lies = {disk.index for disk in guest.spec.disks}
    if guest.phase in {Phase.RUNNING, Phase.STOPPED} and on_host and not on_host.runs and lies - set(on_host.volumes):
        return f"teig guest start {guest.name}; if that tells of a volume that is gone: teig guest delete {guest.name}"
    if state is GuestState.MISSING or state is GuestState.CRASHED:
        return f"teig guest start {guest.name}"
    if guest.phase is Phase.STOPPED and state in {GuestState.RUNNING, GuestState.PAUSED, GuestState.NOT_ANSWERING}:
        return f"teig guest stop {guest.name}"  # somebody started it without Teig
    if state is GuestState.PAUSED and on_host is not None and not on_host.held:
        return f"teig guest start {guest.name}"
    return way_out(guest.name, guest.phase, attention=guest.attention is not None)


def transfer(services: Services, guest: GuestView) -> dict[str, Any]:
    """Return what a guest has transferred in this month, as far as that is stored, what it may, and what it was told.

    As `transfer`, `transfer_amount` and `events`.
    """
    month, spec = month_of(services.now()), guest.guest.spec

    def work(connection: sa.Connection) -> dict[str, Any]:
        return {
            "transfer": MonthOfTransfer(spec.id, spec.name, month, *transfers.in_month(connection, spec.id, month)),
            "transfer_amount": transfer_amounts.of_guest(connection, spec.id),
            "events": events.of_guest(connection, spec.id, month),
        }

    return services.db.read(work)


def drift(guest: GuestView) -> list[dict[str, Any]]:
    """Return the figures in which plan, host and hypervisor differ: field, entitled, set, live."""
    return figures(asdict(guest.guest.spec.entitled), guest.on_host)


def _first_disk(seen: GuestRow | None) -> int | None:
    """Return the size in bytes of a guest's first volume as it was last seen."""
    disks = seen.guest.disks if seen else ()
    return next((disk.size_bytes for disk in disks if disk.index == 0), None)


def endpoint(services: Services, name: str) -> tuple[HostAddress, GuestId]:
    """Return where a guest's ports and console are reached."""
    guest, host = _with_host(services, name)
    return address_of(host), guest.id


def _with_host(services: Services, name: str) -> tuple[StoredGuest, StoredHost]:
    def work(connection: sa.Connection) -> tuple[StoredGuest, StoredHost]:
        guest = guests.named(connection, name)
        return guest, hosts.by_id(connection, guest.host)

    return services.db.read(work)


def _begin(
    services: Services,
    name: str,
    verb: Verb,
    params: dict[str, Any],
    check: Callable[[sa.Connection, StoredGuest], None] = lambda *_: None,
) -> Operation:
    operation_id = new_operation_id(services)

    def work(connection: sa.Connection) -> Operation:
        guest = guests.named(connection, name)
        check(connection, guest)
        return claimed(connection, services, guest, operation_id, verb, params)

    return submitted(services, operation_id, work)
