"""Addresses of guests beside those of their cards: given, taken away, and moved from one guest to another."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from teig.agent.contract.spec import MOST_ALSO
from teig.control.services import Services
from teig.control.submitting import claimed, new_operation_id, submitted
from teig.model.address_range import AddressRange, canonical, shown
from teig.model.errors import Conflict, InternalFault, InvalidRequest, NotFound, Refused
from teig.model.operation import Operation
from teig.operations.guest_readdress import Readdress, also_of, params, with_also
from teig.policy.guest_life import Verb
from teig.store import addresses, guests, hosts, observations, ranges
from teig.store.addresses import AddressLine, Held
from teig.store.guests import StoredGuest

__all__ = ["AddressLine"]


@dataclass(frozen=True)
class Begun:
    """An operation that lets an address lead to a guest, or no longer, and that address."""

    operation: Operation
    address: str


def listed(services: Services, site: str | None, guest: str | None) -> list[AddressLine]:
    """Return what guests have and what rests, of a site or a guest alone if that is named; NotFound for no guest."""

    def work(connection: sa.Connection) -> list[AddressLine]:
        if guest is not None:
            guests.named(connection, guest)
        return addresses.listed(connection, services.now(), site, guest)

    return services.db.read(work)


def add(services: Services, name: str, network: str | None, untrusted_address: str | None) -> Begun:
    """Begin to let another address lead to a guest: one of a range, or just that one.

    Neither: one of its site's only range. Refused where none is free, and where the one that is wanted rests.
    """
    wanted = None if untrusted_address is None else canonical(untrusted_address)
    operation_id = new_operation_id(services)
    given: list[str] = []

    def work(connection: sa.Connection) -> Operation:
        guest = guests.named(connection, name)
        guests.check_unlocked(guest)
        _check_room(guest)
        known = _range(connection, guest.spec.site, network, wanted)
        address = addresses.take(connection, known, guest.id, services.now(), wanted)
        given[:] = [address]
        asked = Readdress(address, also_of(guest.spec))
        operation = claimed(connection, services, guest, operation_id, Verb.READDRESS, params(asked))
        guests.respecify(connection, with_also(guest.spec, (*asked.before, address)))
        return operation

    return Begun(submitted(services, operation_id, work), given[0])


def remove(services: Services, untrusted_address: str) -> Begun:
    """Begin to take an address from its guest; it rests as soon as the guest's host was seen to have let go."""
    address = canonical(untrusted_address)
    operation_id = new_operation_id(services)

    def work(connection: sa.Connection) -> Operation:
        held, guest = _held(connection, address)
        if held.next is not None:
            raise Conflict(
                f"{shown(address)} was to move to another guest.",
                f"Let that end, or begin it again: teig address move {shown(address)} GUEST",
                code="moving",
            )
        asked = Readdress(address, also_of(guest.spec), loses=True)
        operation = claimed(connection, services, guest, operation_id, Verb.READDRESS, params(asked))
        _take_from(connection, guest, address)
        return operation

    return Begun(submitted(services, operation_id, work), address)


def move(services: Services, untrusted_address: str, name: str, *, force: bool) -> Begun:
    """Begin to move an address to another guest of the same site; its operation waits until the one has let go.

    Where the host of the one that has it does not answer, Refused but with `force`: then it is the other's at once, and
    both answer for it if the first still runs, until that is mended.
    """
    address = canonical(untrusted_address)
    operation_id, first_id = new_operation_id(services), new_operation_id(services)

    def work(connection: sa.Connection) -> Operation:
        held, guest = _held(connection, address)
        to = guests.named(connection, name)
        _check_may_move(held, guest, to)
        silent = observations.is_silent(connection, guest.host)
        if silent and not force:
            raise _not_let_go(connection, guest, address, name)
        if silent:
            _wrest(connection, held, guest, to)
        else:
            lets = Readdress(address, also_of(guest.spec), loses=True)
            claimed(connection, services, guest, first_id, Verb.READDRESS, params(lets))
            addresses.keep_for(connection, held.site, address, to.id)
            _take_from(connection, guest, address)
        before = tuple(one for one in also_of(to.spec) if one != address)
        asked = Readdress(address, before, moved=True, after=None if silent else first_id)
        operation = claimed(connection, services, to, operation_id, Verb.READDRESS, params(asked))
        guests.respecify(connection, with_also(to.spec, (*before, address)))
        return operation

    operation = submitted(services, operation_id, work)
    services.engine.begin(None)  # the first of the two: somebody begins it now
    return Begun(operation, address)


def _held(connection: sa.Connection, address: str) -> tuple[Held, StoredGuest]:
    held = addresses.held(connection, address)
    guest = guests.by_id(connection, held.guest)
    if guest is None:
        raise InternalFault(f"The guest {held.guest} that has {shown(address)} is not there.")
    return held, guest


def _check_room(guest: StoredGuest) -> None:
    if len(guest.spec.nics[0].also) >= MOST_ALSO:
        raise Refused(
            f"Guest {guest.name} has {MOST_ALSO} further addresses already, which is as many as a card can have.",
            "Give it a network instead: a range with --prefix.",
            code="too_many",
        )


def _range(connection: sa.Connection, site: str, network: str | None, wanted: str | None) -> AddressRange:
    """Return the range that is meant."""
    if network is not None:
        known = ranges.named(connection, network)
        if known.site != site:
            raise Refused(
                f"Range {network} is of site {known.site}, and the guest is at {site}.",
                f"Look at: teig range list --site {site}",
                code="wrong_site",
            )
        return known
    if wanted is not None:
        return addresses.range_of(connection, site, wanted)
    there = ranges.listed(connection, site)
    if not there:
        raise NotFound(
            f"Site {site} has no addresses but those of network cards.",
            f"Add some: teig range add {site} NETWORK",
            code="no_range",
        )
    if len(there) > 1:
        names = ", ".join(one.network for one in there)
        raise InvalidRequest("Which range?", f"Name one with --range. Ranges: {names}.", code="which_range")
    return there[0]


def _check_may_move(held: Held, guest: StoredGuest, to: StoredGuest) -> None:
    guests.check_unlocked(guest)
    guests.check_unlocked(to)
    if guest.id == to.id:
        raise Conflict(f"{shown(held.address)} is guest {to.name}'s already.", code="address_taken")
    if to.spec.site != held.site:
        raise Refused(
            f"{shown(held.address)} is an address of site {held.site}, and guest {to.name} is at {to.spec.site}.",
            code="wrong_site",
        )
    if held.next not in {None, to.id}:
        raise Conflict(
            f"{shown(held.address)} is to move to another guest.", "Look at: teig address list", code="moving"
        )
    _check_room(to)


def _not_let_go(connection: sa.Connection, guest: StoredGuest, address: str, name: str) -> Refused:
    host = hosts.by_id(connection, guest.host).name
    return Refused(
        f"Host {host} does not answer, so nobody can see guest {guest.name} let go of {shown(address)}.",
        f"teig address move {shown(address)} {name} --force gives it away at once. If {guest.name} still runs, both "
        f"answer for the address then, until its host is back and: teig guest mend {guest.name}",
        code="host_silent",
    )


def _wrest(connection: sa.Connection, held: Held, guest: StoredGuest, to: StoredGuest) -> None:
    """Give an address to another guest at once, and remember that the one that has it may use it still."""
    if held.left_on not in {None, guest.id, to.id}:
        raise Conflict(
            f"{shown(held.address)} was taken by force from yet another guest, whose host was not read since.",
            "Mend that one first, which teig address list names; if its machine is lost: teig host remove NAME --force",
            code="left_on",
        )
    addresses.wrest(connection, held.site, held.address, to.id)
    _take_from(connection, guest, held.address)
    guests.call_attention(
        connection,
        guest.id,
        f"{shown(held.address)} was moved by force to guest {to.name}, and its host does not know that yet.",
    )


def _take_from(connection: sa.Connection, guest: StoredGuest, address: str) -> None:
    left = tuple(one for one in also_of(guest.spec) if one != address)
    guests.respecify(connection, with_also(guest.spec, left))
