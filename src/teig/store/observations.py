"""What was last seen of each host and guest, as rows.

Living servers observe hosts, and an operation reads its own guest at its end. An older observation never replaces a
newer one, by the host's own clock: the id of its boot and the time since. Two boots cannot be compared; there the one
that arrives later counts. Nothing here lowers a reservation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from teig.model.errors import TeigError, from_record
from teig.model.host import GuestOnHost, HostFacts, Inventory
from teig.model.names import GuestId, HostId
from teig.policy.admission import Capacity
from teig.policy.drift import Drift
from teig.record import dump, recall
from teig.store.at_once import AtOnce
from teig.store.schema import addresses, hosts, nics, observations, observed_addresses, observed_guests

_SAME_START_S: Final = 60.0
FRESH_S: Final = 90.0
"""A host that was not seen for so many seconds gets no new guest."""


@dataclass(frozen=True)
class Observation:
    """What a host was when it last answered, and when that was (seconds since 1970).

    `error` is why it did not answer when it was last asked, None where it did; it is silent since `silent_since`.
    """

    facts: HostFacts
    capacity: Capacity
    seen_at: float
    error: dict[str, Any] | None
    silent_since: float | None

    def fresh(self, now: float) -> bool:
        """Return whether it is young enough to promise something on; one from the future is a wrong clock's."""
        return is_fresh(self.seen_at, now)


NEVER: Final = 0.0
"""When a host was seen that has never answered."""
UNREADABLE: Final = "0.0.0.0"  # noqa: S104 - it stands in a column, and nothing listens there
"""Stands for the addresses of a guest that runs and of which no description can be read. No site has it to give."""


def is_fresh(seen_at: float | None, now: float) -> bool:
    """Return whether what was seen then is young enough to rely on; what is from the future is a wrong clock's."""
    return seen_at is not None and -FRESH_S < now - seen_at <= FRESH_S


@dataclass(frozen=True)
class Seen:
    """One observation of a host, as it arrives."""

    facts: HostFacts
    inventory: Inventory
    seen_at: float


class Listed(NamedTuple):
    """A guest as lists show it; `started_s` is in seconds after its host's boot, None where it does not run."""

    state: str
    domid: int | None
    answers: bool | None
    started_s: float | None

    @classmethod
    def of(cls, guest: GuestOnHost) -> Self:
        """Return what was seen of a guest."""
        started_s = None if guest.ran_s is None else guest.uptime_ns / 1e9 - guest.ran_s
        return cls(str(guest.state), guest.domid, guest.answers, started_s)

    def is_as(self, other: Listed) -> bool:
        """Return whether two say the same; when it started is counted anew each time."""
        if self[:3] != other[:3] or (self.started_s is None) != (other.started_s is None):
            return False
        return abs((self.started_s or 0) - (other.started_s or 0)) < _SAME_START_S


@dataclass(frozen=True)
class GuestRow:
    """What was last seen of a guest, by its host's clock, and the fence of the operation that has read it (0: none)."""

    record: dict[str, Any]
    boot: str
    uptime_ns: int
    fence: int
    listed: Listed
    """What stands beside the record, for lists."""

    @classmethod
    def of(cls, row: Any, record: dict[str, Any]) -> Self:
        """Return a row of `observed_guests` with the record that it holds."""
        answers = None if row.answers is None else bool(row.answers)
        # SQLite keeps in a column whatever is written there.
        started_s = row.started_s if isinstance(row.started_s, float | int) else None
        listed = Listed(row.state, row.domid, answers, started_s)
        return cls(record, row.boot, row.uptime_ns, row.fence, listed)

    @property
    def guest(self) -> GuestOnHost:
        """What was seen."""
        return recall(GuestOnHost, self.record)

    def newer_than(self, other: Inventory | GuestOnHost) -> bool:
        """Return whether it was read after something else of the same boot."""
        return self.boot == other.boot != "" and self.uptime_ns > other.uptime_ns


def of_host(connection: sa.Connection, host: HostId) -> Observation | None:
    """Return what was last seen of a host; None where it was never seen."""
    row = connection.execute(observations.select().where(observations.c.host == host)).first()
    return _observation(row) if row and row.facts is not None else None


def of_hosts(connection: sa.Connection) -> dict[HostId, Observation]:
    """Return what was last seen of all hosts."""
    rows = connection.execute(observations.select())
    return {HostId(row.host): _observation(row) for row in rows if row.facts is not None}


def times(connection: sa.Connection) -> dict[HostId, float]:
    """Return when each host was last seen, of those that ever were."""
    query = sa.select(observations.c.host, observations.c.seen_at).where(observations.c.seen_at > NEVER)
    return {HostId(row.host): row.seen_at for row in connection.execute(query)}


@dataclass(frozen=True)
class Stamp:
    """When a host was seen last: at the server that asked it, by the host's own clock, and when its facts were."""

    seen_at: float
    boot: str
    uptime_ns: int
    facts_boot: str
    facts_uptime_ns: int

    @classmethod
    def of(cls, seen: Seen) -> Stamp:
        """Return the stamp of an observation."""
        at, facts = seen.inventory, seen.facts
        return cls(seen.seen_at, at.boot, at.uptime_ns, facts.boot, facts.uptime_ns)

    def older_than(self, seen: Seen) -> bool:
        """Return whether all of an observation was read after this; two boots cannot be compared."""
        facts = seen.facts
        return self.before(seen.inventory) and not _is_older(
            facts.boot, facts.uptime_ns, self.facts_boot, self.facts_uptime_ns
        )

    def before(self, seen: Inventory | GuestOnHost) -> bool:
        """Return whether something was read after what is stored of its host, its facts excepted."""
        return not _is_older(seen.boot, seen.uptime_ns, self.boot, self.uptime_ns)


def lock(connection: sa.Connection, host: HostId) -> Stamp | None:
    """Return when a host was seen last, which stays so until the transaction ends; None where it never was asked.

    On SQLite a transaction begins with its first change, so one is made that changes nothing.
    """
    locked = _TOUCH if connection.dialect.name == "sqlite" else _LOCK
    row = connection.execute(locked, {"mine": host}).first()
    if row is None:
        return None
    return Stamp(row.seen_at, row.boot, row.uptime_ns, row.facts_boot or "", int(row.facts_uptime_ns or 0))


_STAMP = (
    observations.c.seen_at,
    observations.c.boot,
    observations.c.uptime_ns,
    observations.c.facts["boot"].as_string().label("facts_boot"),
    observations.c.facts["uptime_ns"].as_string().label("facts_uptime_ns"),
)
"""Without reading all of the facts: every observation asks for it."""
_MINE = observations.c.host == sa.bindparam("mine")
_LOCK = sa.select(*_STAMP).where(_MINE).with_for_update()
_TOUCH = observations.update().where(_MINE).values(host=sa.bindparam("mine")).returning(*_STAMP)
_ANSWERED = ("seen_at", "boot", "uptime_ns", "facts", "error", "silent_since")
_PUT_STAMP = observations.update().where(_MINE).values({name: sa.bindparam(f"its_{name}") for name in _ANSWERED})
_SEEN_AT = sa.select(observations.c.seen_at).where(_MINE)


def _is_older(boot: str, uptime_ns: int, known_boot: str, known_uptime_ns: int) -> bool:
    """Return whether one moment was before another one that is known; two boots cannot be compared."""
    return boot == known_boot != "" and uptime_ns < known_uptime_ns


def put(
    connection: sa.Connection, host: HostId, seen: Seen, capacity: Capacity, drift: list[Drift], addresses: set[str]
) -> None:
    """Store what was seen of a host, its guests excepted. `addresses` are those of guests that nobody claims."""
    values = {
        **_answered(seen),
        "capacity": dump(capacity),
        "memory_mib": capacity.memory_mib - capacity.unclaimed.memory_mib,
        "drift": dump(tuple(drift)),
        "differs": bool(drift),
    }
    mine = observations.c.host == host
    if connection.execute(observations.update().where(mine).values(values)).rowcount == 0:
        connection.execute(observations.insert().values(host=host, **values))
    connection.execute(observed_addresses.delete().where(observed_addresses.c.host == host))
    if addresses:
        rows = [{"host": host, "address": address} for address in sorted(addresses)]
        connection.execute(observed_addresses.insert(), rows)


def put_stamp(connection: sa.Connection, host: HostId, seen: Seen) -> None:
    """Store that a host was seen, and nothing of it is new but its facts' passing figures."""
    values = {f"its_{name}": value for name, value in _answered(seen).items()}
    connection.execute(_PUT_STAMP, {"mine": host, **values})


def _answered(seen: Seen) -> dict[str, Any]:
    return {
        "seen_at": seen.seen_at,
        "boot": seen.inventory.boot,
        "uptime_ns": seen.inventory.uptime_ns,
        "facts": dump(seen.facts),
        "error": None,
        "silent_since": None,
    }


def put_silence(
    connection: sa.Connection, host: HostId, error: dict[str, Any], seen_at: float | None, now: float
) -> None:
    """Store that a host was asked and did not answer; what was seen of it before stays.

    `seen_at` is when it had answered last as the asking began: one that has answered since is not silent. Of one that
    never has (None), a row without facts keeps that.
    """
    since = sa.func.coalesce(observations.c.silent_since, now)
    mine = (observations.c.host == host, observations.c.seen_at == (seen_at or NEVER))
    silent = {"error": error, "silent_since": since}
    if connection.execute(observations.update().where(*mine).values(silent)).rowcount or seen_at is not None:
        return
    nothing = {
        "boot": "",
        "uptime_ns": 0,
        "facts": None,
        "capacity": None,
        "memory_mib": 0,
        "drift": [],
        "differs": False,
    }
    values = {"host": host, "seen_at": NEVER, **nothing, "error": error, "silent_since": now}
    connection.execute(_insert(connection, observations).values(values).on_conflict_do_nothing())


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    """Return an insert that can say what is to be done where the row is there: each database has a class for it."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def seen_at(connection: sa.Connection, host: HostId) -> float | None:
    """Return when a host has last answered; None where it never has."""
    return connection.execute(_SEEN_AT, {"mine": host}).scalar() or None


def forget(connection: sa.Connection, host: HostId) -> None:
    """Forget what was seen of a host."""
    for table in (observed_guests, observed_addresses):
        connection.execute(table.delete().where(table.c.host == host))
    connection.execute(observations.delete().where(observations.c.host == host))


def forget_before(connection: sa.Connection, host: HostId, when: float) -> None:
    """Forget what was seen of a host, unless that was after some time (seconds since 1970)."""
    at = seen_at(connection, host)
    if at is None or at <= when:
        forget(connection, host)


def hosts_with_unreadable(connection: sa.Connection, site: str) -> list[str]:
    """Return the names of a site's hosts where a guest runs that nobody claims and whose addresses cannot be read."""
    return list(connection.execute(_UNREADABLE_AT, {"at": site}).scalars())


_UNREADABLE_AT = (
    sa.select(hosts.c.name)
    .join(observed_addresses, observed_addresses.c.host == hosts.c.id)
    .where(hosts.c.site == sa.bindparam("at"), observed_addresses.c.address == UNREADABLE)
    .order_by(hosts.c.name)
)


def addresses_in_use(connection: sa.Connection) -> set[str]:
    """Return what leads to guests that run somewhere and that nobody claims: addresses, and networks with a prefix."""
    return set(connection.execute(sa.select(observed_addresses.c.address)).scalars())


def addresses_on(connection: sa.Connection, host: HostId, site: str) -> list[str]:
    """Return the addresses of guests that run on a host at a site and that no guest in the database has."""
    kept = sa.select(nics.c.address).where(nics.c.site == site)
    led = sa.select(addresses.c.address).where(addresses.c.site == site, addresses.c.guest.is_not(None))
    mine = (observed_addresses.c.host == host, observed_addresses.c.address.not_in(kept.union_all(led)))
    return sorted(connection.execute(sa.select(observed_addresses.c.address).where(*mine)).scalars())


def drift_of(connection: sa.Connection, host: HostId) -> list[Drift]:
    """Return the drift of a host as it was found when it was last seen."""
    row = connection.execute(sa.select(observations.c.drift).where(observations.c.host == host)).first()
    return [recall(Drift, one) for one in row.drift] if row else []


def drift_of_all(connection: sa.Connection) -> list[tuple[HostId, list[Drift]]]:
    """Return the drift of the hosts that have some, as it was found when they were last seen."""
    [found] = _DIFFERING.fetch(connection, {})
    return [(HostId(row.host), [recall(Drift, one) for one in row.drift]) for row in found.rows()]


_DIFFERING = AtOnce(sa.select(observations.c.host, observations.c.drift).where(observations.c.differs))


def silent(connection: sa.Connection) -> dict[HostId, TeigError]:
    """Return the hosts that did not answer when they were last asked, and why."""
    query = sa.select(observations.c.host, observations.c.error).where(observations.c.silent_since.is_not(None))
    return {HostId(row.host): from_record(row.error or {}) for row in connection.execute(query)}


def is_silent(connection: sa.Connection, host: HostId) -> bool:
    """Return whether a host did not answer when it was last asked."""
    mine = (observations.c.host == host, observations.c.silent_since.is_not(None))
    return connection.execute(sa.select(observations.c.host).where(*mine)).first() is not None


def rows_of(connection: sa.Connection, host: HostId) -> dict[GuestId, GuestRow]:
    """Return what was last seen of the guests on a host."""
    rows = connection.execute(_ROWS, {"on": host})
    return {GuestId(row.guest): GuestRow.of(row, row.record) for row in rows}


def of_guest(connection: sa.Connection, guest: GuestId, host: HostId) -> GuestRow | None:
    """Return what was last seen of a guest on a host; None where it was not seen there."""
    mine = sa.and_(observed_guests.c.guest == guest, observed_guests.c.host == host)
    row = connection.execute(observed_guests.select().where(mine)).first()
    return GuestRow.of(row, row.record) if row else None


_ROWS = observed_guests.select().where(observed_guests.c.host == sa.bindparam("on"))


def put_guest(
    connection: sa.Connection, host: HostId, guest: GuestOnHost, known: GuestRow | None, fence: int | None = None
) -> None:
    """Store what was seen of a guest, in the place of what is `known`; where nothing is new, nothing is written.

    `fence` is that of the operation that has read it; what is seen later keeps it. What an operation has read while
    somebody else was observing the host stays: it is newer.
    """
    record, listed = dump(guest), Listed.of(guest)
    if known and fence is None and listed.is_as(known.listed) and _lasting(known.record) == _lasting(record):
        return
    values = {
        "boot": guest.boot,
        "uptime_ns": guest.uptime_ns,
        "fence": (known.fence if known else 0) if fence is None else fence,
        **listed._asdict(),
        "record": record,
    }
    if known is not None and fence is None:
        unchanged = observed_guests.c.uptime_ns == known.uptime_ns
        mine = (observed_guests.c.guest == guest.id, observed_guests.c.host == host)
        connection.execute(observed_guests.update().where(*mine, unchanged).values(values))
        return
    insert = _insert(connection, observed_guests).values(guest=guest.id, host=host, **values)
    if fence is None:
        connection.execute(insert.on_conflict_do_nothing())
    else:
        connection.execute(insert.on_conflict_do_update(index_elements=["guest", "host"], set_=values))


def _lasting(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in PASSING}


PASSING: Final = frozenset({"cpu_time_ns", "dom0_time", "uptime_ns", "ran_s", "transfer"})


def forget_guests(connection: sa.Connection, host: HostId, gone: Iterable[GuestId]) -> None:
    """Forget guests that a host no longer has."""
    for guest in gone:
        mine = (observed_guests.c.guest == guest, observed_guests.c.host == host)
        connection.execute(observed_guests.delete().where(*mine))


def forget_unchanged(connection: sa.Connection, guest: GuestId, host: HostId, known: GuestRow) -> None:
    """Forget what was seen of a guest on a host, unless it was seen anew since."""
    mine = (observed_guests.c.guest == guest, observed_guests.c.host == host)
    unchanged = (observed_guests.c.boot == known.boot, observed_guests.c.uptime_ns == known.uptime_ns)
    connection.execute(observed_guests.delete().where(*mine, *unchanged))


def forget_guest(connection: sa.Connection, guest: GuestId) -> None:
    """Forget what was seen of a guest anywhere."""
    connection.execute(observed_guests.delete().where(observed_guests.c.guest == guest))


def _observation(row: Any) -> Observation:
    return Observation(
        recall(HostFacts, row.facts), recall(Capacity, row.capacity), row.seen_at, row.error, row.silent_since
    )
