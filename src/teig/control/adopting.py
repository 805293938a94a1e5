"""Taking over the guests that a host has and the database has not: after it was lost, or a backup restored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from teig.control import asking, observing
from teig.control.services import Services
from teig.model.errors import Conflict, TeigError
from teig.model.guest import GuestSpec
from teig.model.host import GuestOnHost
from teig.model.names import GuestId
from teig.model.pool import DiskRate, PoolRating
from teig.policy.admission import NOTHING, Amounts, Capacity, demand_of, entitled_to, in_pool, observed_of, refusal
from teig.policy.guest_life import Phase
from teig.store import guests, hosts, operations, reservations, transfers
from teig.store.guests import StoredGuest
from teig.store.hosts import StoredHost
from teig.store.observations import FRESH_S, Seen

Counted = dict[str, Amounts]
"""What of guests counts as nobody's, by pool; memory and cores with the pool where new guests are made."""
_NO_BOUND: Final = PoolRating(DiskRate(10**9, 10**9, 10**15, 10**15), together=True)


@dataclass(frozen=True)
class Adopted:
    """What taking over a host's guests came to: names taken over, names known before, and what stood in the way."""

    adopted: tuple[str, ...]
    known: tuple[str, ...]
    problems: tuple[str, ...]


def adopt(services: Services, name: str) -> Adopted:
    """Take the guests that a host has and the database has not into the database, as the host knows them.

    One for which there is no room beside what is reserved already stays what it was: counted, and nobody's.
    """
    host = services.db.read(lambda connection: hosts.named(connection, name))
    before = services.db.read(lambda connection: guests.ids_on(connection, host.id))
    with asking.needed(host.id, host.name):
        seen = observing.observe(services, host)
    adopted: list[str] = []
    known: list[str] = []
    problems: list[str] = []

    def work(connection: sa.Connection) -> None:
        for names in (adopted, known, problems):
            names.clear()
        taken: Counted = {}
        changed = _changed(connection, before, seen)
        for found in seen.inventory.guests:
            name = found.spec.name if found.spec else found.id
            try:
                with connection.begin_nested():
                    if found.id in changed:
                        raise Conflict(f"it was worked on meanwhile. Look at it again: teig host adopt {host.name}")
                    has = _adopt_one(connection, services.now(), host, found, seen, taken)
            except TeigError as error:
                problems.append(f"{name}: {error.message}")
                continue
            except sa.exc.IntegrityError:
                problems.append(f"{name}: its files name an address or a network card twice.")
                continue
            for pool, amounts in (has or {}).items():
                taken[pool] = taken.get(pool, NOTHING) + amounts
            (known if has is None else adopted).append(name)
        observing.store(connection, host, seen, services.looks)

    services.db.write(work)
    return Adopted(tuple(adopted), tuple(known), tuple(problems))


def _adopt_one(
    connection: sa.Connection, now: float, host: StoredHost, found: GuestOnHost, seen: Seen, taken: Counted
) -> Counted | None:
    """Store a guest that the database does not know; return what of it counted as nobody's, None where it is known.

    `taken` is what did so of those that were stored since the host was observed.
    """
    spec = _checked(found)
    there = guests.by_id(connection, found.id)
    if there is not None and there.host != host.id:
        other = hosts.by_id(connection, there.host).name
        raise Conflict(
            f"it is known as a guest of host {other}. If {host.name} is that machine, set up anew, enrol it under that "
            f"name: teig host add … --name {other} --reinstalled"
        )
    if there is not None:
        guests.raise_fence(connection, found.id, found.fence)
        return None
    if spec.site != host.site:
        raise Conflict(f"it was promised the site {spec.site}, and {host.name} is at {host.site}.")
    capacity, has = _room_for(connection, host, found, seen, taken)
    runs = found.has_domain  # one that is just rebooting too
    phase = Phase.RUNNING if runs else Phase.STOPPED
    # Nobody knows of its amount any more, and it would stay cut off for ever.
    freed = f"It was cut off for its transfer. Free it: teig guest mend {spec.name}" if spec.cut else None
    spec = replace(spec, cut=False)
    guests.add(connection, StoredGuest(host.id, spec, phase, found.fence, None, now, attention=freed))
    transfers.begin(connection, found)
    wanted = entitled_to(spec, capacity.extent_bytes)
    wanted = wanted.largest(observed_of(found, capacity.extent_bytes, capacity.pool))
    reservations.keep(connection, found.id, host.id, capacity.pool, wanted)
    return has


def _changed(connection: sa.Connection, before: set[GuestId], seen: Seen) -> set[GuestId]:
    """Return which guests of nobody may have gone since they were seen; the database had those in `before` then."""
    there = {found.id for found in seen.inventory.guests}
    nobodys = there - guests.known(connection, there)
    deleted = operations.gone_since(connection, nobodys, seen.seen_at - FRESH_S)  # servers' clocks may differ
    return nobodys & (before | deleted | operations.changed_since(connection, nobodys, seen.seen_at))


def _room_for(
    connection: sa.Connection, host: StoredHost, found: GuestOnHost, seen: Seen, taken: Counted
) -> tuple[Capacity, Counted]:
    """Return a host's capacity where a guest lies, and what of the guest counted as nobody's; Conflict without room."""
    ranked = hosts.candidate(connection, host)
    pool = found.disks[0].pool if found.disks else None
    candidate = hosts.candidate(connection, host, pool, (found,))
    if ranked is None or candidate is None:
        raise Conflict(f"nobody knows what {host.name} has.")
    capacity = candidate.capacity
    # As `capacity_of` has counted it: memory and cores with the host's own pool, rates with each.
    has = {group.name: in_pool([found], group) for group in seen.facts.volume_groups}
    has[ranked.capacity.pool] = observed_of(found, ranked.capacity.extent_bytes, ranked.capacity.pool)
    both = [taken.get(name, NOTHING) + has.get(name, NOTHING) for name in (ranked.capacity.pool, capacity.pool)]
    nobodys = replace(both[1], memory_mib=both[0].memory_mib, millicores=both[0].millicores)
    nobodys = nobodys.limited_to(capacity.unclaimed)
    # What keeps a host from taking new guests is nothing to those that are there.
    free = replace(capacity, unclaimed=capacity.unclaimed - nobodys, refuses="", problem="")
    without = replace(candidate, capacity=free)
    if without.rating is None:  # what a pool was rated at may be gone with the database
        without = replace(without, rating=_NO_BOUND)
    why = refusal(without, demand_of(_checked(found)))
    if why is not None:
        raise Conflict(f"{host.name} has no room for it beside what is reserved already: {why}.", code="no_room")
    return capacity, has


def _checked(found: GuestOnHost) -> GuestSpec:
    """Return the spec of a guest that a host tells of; Conflict where it cannot be taken over as it is."""
    if found.spec is None:
        raise Conflict(f"the files of guest {found.id} cannot be read.")
    if found.spec.id != found.id:
        raise Conflict(f"its files on the host are those of guest {found.spec.id}.")
    if found.fence > guests.MOST_FENCE:
        raise Conflict(
            f"its fencing number on the host cannot be: {found.fence}. Where no other server works on it, remove there "
            f"/var/lib/teig/guests/{found.id}/fence.",
            code="bad_fence",
        )
    return found.spec
