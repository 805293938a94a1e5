"""Operations, as rows: what people see of the work, and which server works on it.

An operation that has not ended is the lock of its guest: an index of the database lets a guest have one. A server works
on an operation under a *lease*, from `claim_next` or `take_over` until it ends. Both raise its fencing number, which is
the guest's too, and every change that the work makes goes through `check_lease`, which compares it: a server that has
lost an operation cannot write as if it had it. That the steps go on after a crash is the engine's business.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from teig.model.errors import Fenced, InternalFault, InvalidRequest, NotFound
from teig.model.names import GuestId, HostId, OperationId
from teig.model.operation import Operation, OperationState, StepRecord
from teig.policy.guest_life import Verb, kind_of
from teig.record import dump, recall
from teig.store import servers as server_rows
from teig.store.schema import guests, observations, operations, servers

MOST_ON_A_HOST: Final = 8
"""Operations that are worked on at a host at the same time, so that one host cannot fill a server's places. What only
waits, for a guest to shut down or for the host to answer, is not counted."""
MOST_WAITING_ON_A_HOST: Final = 64
"""With those that wait: each is a process in Domain-0."""
_FAILED = (OperationState.FAILED.value, OperationState.STUCK.value)
_CREATE = kind_of(Verb.CREATE)
_TAKEN_BACK = (OperationState.FAILED.value, OperationState.CANCELLED.value)
LEAST_PREFIX: Final = 4
"""How many characters of an operation's id are enough to look for it."""
_LONGEST_S = 3600.0
"""Creates and deletes that last longer are not looked for: operations are found by when they were begun."""
_NOT_SHOWN = frozenset({"guest", "params", "server", "fence", "cancelled", "waits"})
_OTHER = operations.alias()
_THERE = (
    sa.select(sa.func.count())
    .select_from(_OTHER)
    .where(
        _OTHER.c.host == operations.c.host,
        _OTHER.c.server.is_not(None),
        _OTHER.c.ended.is_(None),
    )
)
_HAS_PLACE = sa.and_(
    _THERE.where(~_OTHER.c.waits).scalar_subquery() < MOST_ON_A_HOST,
    _THERE.scalar_subquery() < MOST_WAITING_ON_A_HOST,
)
_SILENT = sa.exists().where(observations.c.host == operations.c.host, observations.c.silent_since.is_not(None))
_TO_TAKE = (operations.c.server.is_(None), operations.c.ended.is_(None), _HAS_PLACE)
_NEXT = (
    operations.select()
    .where(*_TO_TAKE)
    .order_by(operations.c.created, operations.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_AT = {False: ~_SILENT, True: _SILENT}
_NEXT_AT = {silent: _NEXT.where(there) for silent, there in _AT.items()}
_NEXT_OF = _NEXT.where(operations.c.id == sa.bindparam("ident"), ~_SILENT)
_ANY_AT = {silent: sa.select(operations.c.id).where(*_TO_TAKE, there).limit(1) for silent, there in _AT.items()}
_RAISE = (
    guests.update()
    .where(guests.c.id == sa.bindparam("ident"))
    .values(fence=guests.c.fence + 1)
    .returning(guests.c.fence)
)
_ITS_LEASE = sa.and_(
    operations.c.id == sa.bindparam("ident"),
    operations.c.fence == sa.bindparam("its_fence"),
    operations.c.ended.is_(None),
)
_CHECK = sa.select(operations.c.id).where(_ITS_LEASE).with_for_update()
_ADVANCE = (
    operations.update()
    .where(_ITS_LEASE)
    .values(state=sa.bindparam("its_state"), steps=sa.bindparam("its_steps", type_=sa.JSON), waits=sa.false())
    .returning(operations.c.id)
)
_ADVANCE_UNLESS_CANCELLED = _ADVANCE.where(~operations.c.cancelled)
_TAKE = (
    operations.update()
    .where(operations.c.id == sa.bindparam("ident"))
    .values(server=sa.bindparam("its_server"), fence=sa.bindparam("its_fence"), waits=sa.false())
)
_WORKED_ON = sa.and_(operations.c.server.is_not(None), operations.c.ended.is_(None))


@dataclass(frozen=True)
class Lease:
    """A server's right to work on an operation, as long as nobody has raised `fence` since.

    `taken_over`: another lease was before this one, and has come some way. `fresh`: it was given as soon as the
    operation was asked for. `operation` has an error only where its row cannot be read: it can only be ended.
    """

    operation: Operation
    guest: GuestId
    params: dict[str, Any]
    fence: int
    taken_over: bool
    fresh: bool = False


@dataclass(frozen=True)
class Left:
    """An operation whose server may not work on it, and the version of that server's steps where it is known.

    `silent`: its host did not answer when it was last asked.
    """

    operation: str
    fence: int
    server: str
    version: str | None
    silent: bool = False


def add(connection: sa.Connection, operation: Operation, guest: str, params: dict[str, Any]) -> None:
    """Store a new operation on a guest (by its UUID) with its parameters."""
    values = dump(operation)
    ours = {"guest": guest, "params": params, "server": None, "fence": 0, "cancelled": False, "waits": False}
    connection.execute(operations.insert(), {**values, **ours})


def find(connection: sa.Connection, operation: str) -> Operation | None:
    """Return one operation, or None."""
    row = connection.execute(operations.select().where(operations.c.id == operation)).first()
    return _operation(row) if row else None


def by_id(connection: sa.Connection, operation: str) -> Operation:
    """Return one operation, by its id or the first characters of that; NotFound where there is none."""
    return _operation(_row(connection, operation))


def listed(connection: sa.Connection, limit: int) -> list[Operation]:
    """Return the newest operations first."""
    rows = connection.execute(operations.select().order_by(operations.c.created.desc()).limit(limit))
    return [_operation(row) for row in rows]


def is_any_waiting(connection: sa.Connection, *, silent: bool = False) -> bool:
    """Return whether there is something for `claim_next`, which has to keep all other writers waiting to ask."""
    return connection.execute(_ANY_AT[silent]).first() is not None


def claim_next(connection: sa.Connection, server: str, *, silent: bool = False) -> Lease | None:
    """Give the oldest operation that nobody works on to a server, None where there is none.

    Hosts at which enough is being worked on already are left out; and so are those that do not answer, or with `silent`
    all others: work there waits, and must not take the places of work that goes on.
    """
    row = connection.execute(_NEXT_AT[silent]).first()
    return _give(connection, row, server) if row else None


def claim(connection: sa.Connection, operation: str, server: str) -> Lease | None:
    """Give a new operation to a server; None where enough is worked on at its host, or where that does not answer."""
    row = connection.execute(_NEXT_OF, {"ident": operation}).first()
    return replace(_give(connection, row, server), fresh=True) if row else None


def failing_hosts(connection: sa.Connection, since: float) -> set[HostId]:
    """Return the hosts on which a create has failed `since` some time (seconds since 1970)."""
    given = {"created": since - _LONGEST_S, "since": since}
    return {HostId(host) for host in connection.execute(_FAILING, given).scalars()}


_FAILING = sa.select(operations.c.host).where(
    operations.c.created >= sa.bindparam("created"),
    operations.c.ended >= sa.bindparam("since"),
    operations.c.kind == _CREATE,
    operations.c.state.in_(_FAILED),
)


def full_hosts(connection: sa.Connection) -> set[HostId]:
    """Return the hosts at which nothing more is begun until something there has ended: it might wait for an hour."""
    return {HostId(host) for host in connection.execute(_FULL, {"most": MOST_WAITING_ON_A_HOST}).scalars()}


_FULL = (
    sa.select(operations.c.host)
    .where(_WORKED_ON)
    .group_by(operations.c.host)
    .having(sa.func.count() >= sa.bindparam("most"))
)


def changed_since(connection: sa.Connection, guests: Collection[GuestId], since: float) -> set[GuestId]:
    """Return which of some guests were worked on `since` some time (seconds since 1970): what was seen may be over.

    There is no index for that: asked once for all, the history is read once.
    """
    given = {"since": since, "those": sorted(guests)}
    return {GuestId(guest) for guest in connection.execute(_CHANGED, given).scalars()} if guests else set()


_CHANGED = sa.select(operations.c.guest).where(
    sa.or_(operations.c.ended.is_(None), operations.c.ended >= sa.bindparam("since")),
    operations.c.guest.in_(sa.bindparam("those", expanding=True)),
)


def gone_since(connection: sa.Connection, guests: Collection[GuestId], since: float) -> set[GuestId]:
    """Return which of some guests were deleted, or their making taken back, `since` some time (seconds since 1970).

    A making that nobody had begun is none of these: no server of this database has asked its host for anything.
    """
    given = {"created": since - _LONGEST_S, "since": since, "those": sorted(guests)}
    return {GuestId(guest) for guest in connection.execute(_GONE, given).scalars()} if guests else set()


_GONE = sa.select(operations.c.guest).where(
    operations.c.created >= sa.bindparam("created"),
    operations.c.ended >= sa.bindparam("since"),
    operations.c.guest.in_(sa.bindparam("those", expanding=True)),
    sa.or_(
        sa.and_(operations.c.kind == kind_of(Verb.DELETE), operations.c.state == OperationState.DONE.value),
        sa.and_(
            operations.c.kind == _CREATE,
            operations.c.state.in_(_TAKEN_BACK),
            sa.cast(operations.c.steps, sa.Text) != "[]",
        ),
    ),
)


def left_behind(connection: sa.Connection, server: str) -> list[Left]:
    """Return the operations of lost servers, and those that `server` has."""
    rows = connection.execute(
        sa.select(operations.c.id, operations.c.fence, operations.c.server, servers.c.version, _SILENT.label("silent"))
        .outerjoin(servers, servers.c.id == operations.c.server)
        .where(_WORKED_ON, sa.or_(servers.c.id.is_(None), servers.c.lost, servers.c.id == server))
        .order_by(operations.c.created)
    )
    return [Left(row.id, row.fence, row.server, row.version, bool(row.silent)) for row in rows]


def take_over(connection: sa.Connection, left: Left, server: str) -> Lease | None:
    """Give an operation that was left behind to a server, None where another was faster or it has ended."""
    row = connection.execute(
        operations.select()
        .where(operations.c.id == left.operation, operations.c.server == left.server, operations.c.fence == left.fence)
        .where(operations.c.ended.is_(None))
        .with_for_update()
    ).first()
    return _give(connection, row, server) if row else None


def check_lease(connection: sa.Connection, lease: Lease) -> None:
    """Keep an operation from changing hands until this transaction ends; Fenced where it has, or has ended, already."""
    if connection.execute(_CHECK, _its(lease)).first() is None:
        raise Fenced(f"Another server has taken over operation {lease.operation.id}.", "It goes on there.")


def advance(
    connection: sa.Connection, lease: Lease, state: OperationState, steps: tuple[StepRecord, ...], *, heeds: bool
) -> bool:
    """Check the lease and write down how far the operation is; False where it was cancelled, and that is heeded."""
    values = {**_its(lease), "its_state": state.value, "its_steps": dump(steps)}
    if connection.execute(_ADVANCE_UNLESS_CANCELLED if heeds else _ADVANCE, values).first() is not None:
        return True
    check_lease(connection, lease)
    return False


def wait(connection: sa.Connection, lease: Lease, waits: bool) -> None:
    """Check the lease and write down whether an operation only waits; `advance` writes that it does not."""
    changed = operations.update().where(_ITS_LEASE).values(waits=waits).returning(operations.c.id)
    if connection.execute(changed, _its(lease)).first() is None:
        check_lease(connection, lease)


def is_cancelled(connection: sa.Connection, operation: str) -> bool:
    """Return whether an operation is not wanted any more."""
    row = connection.execute(_CANCELLED, {"ident": operation}).first()
    return row is not None and bool(row.cancelled)


_CANCELLED = sa.select(operations.c.cancelled).where(operations.c.id == sa.bindparam("ident"))


def cancel(connection: sa.Connection, operation: str) -> Lease | None:
    """Note that an operation is not wanted any more.

    One that nobody has begun is given to the caller to end, in this transaction; of another its server takes note.
    """
    row = connection.execute(operations.select().where(operations.c.id == operation).with_for_update()).one()
    _update(connection, operation, cancelled=True)
    if row.server is not None or row.ended is not None:
        return None
    return Lease(_operation(row), GuestId(row.guest), row.params, row.fence, taken_over=False)


def end(
    connection: sa.Connection,
    lease: Lease,
    state: OperationState,
    steps: tuple[StepRecord, ...],
    error: dict[str, Any] | None,
    now: float,
) -> None:
    """Write down how an operation ended. Nobody can work on it any more, and its guest is free for the next."""
    advance(connection, lease, state, steps, heeds=False)
    _update(connection, lease.operation.id, error=error, ended=now)


def _give(connection: sa.Connection, row: sa.Row[Any], server: str) -> Lease:
    """Give an operation to a server under a new fencing number, which is higher than any that its guest has seen."""
    server_rows.confirm(connection, server)
    fence = connection.execute(_RAISE, {"ident": row.guest}).scalar() or row.fence + 1
    connection.execute(_TAKE, {"ident": row.id, "its_server": server, "its_fence": fence})
    return Lease(_operation(row), GuestId(row.guest), row.params, fence, taken_over=row.fence > 0)


def _its(lease: Lease) -> dict[str, Any]:
    return {"ident": lease.operation.id, "its_fence": lease.fence}


def _update(connection: sa.Connection, operation: str, **values: object) -> None:
    connection.execute(operations.update().where(operations.c.id == operation).values(values))


def _row(connection: sa.Connection, operation: str) -> sa.Row[Any]:
    rows = connection.execute(operations.select().where(operations.c.id == operation)).all()
    if not rows and len(operation) >= LEAST_PREFIX:
        begins = operations.c.id.startswith(operation, autoescape=True)
        rows = connection.execute(operations.select().where(begins).limit(2)).all()
    if len(rows) > 1:
        raise InvalidRequest(
            f"Several operations begin with {operation}.", "Write more of its id: teig op list -o json"
        )
    if not rows:
        raise NotFound(f"There is no operation {operation}.", "Look at: teig op list", code="no_operation")
    return rows[0]


def _operation(row: sa.Row[Any]) -> Operation:
    """Return the operation of a row; one that cannot be read as far as it can, with why as its error."""
    values = {column.name: getattr(row, column.name) for column in operations.columns}
    if row.waits and row.state == OperationState.RUNNING:
        values["state"] = OperationState.WAITING.value
    try:
        return recall(Operation, {key: value for key, value in values.items() if key not in _NOT_SHOWN})
    except InternalFault as error:
        state = OperationState.RUNNING if row.server else OperationState.QUEUED
        state = state if row.ended is None else OperationState.STUCK
        ident, why = OperationId(row.id), error.as_record()
        return Operation(ident, row.kind, row.subject, row.host, state, (), why, row.created, row.ended)
