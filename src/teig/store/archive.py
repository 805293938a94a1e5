"""All that the database holds as one plain value, and back: for backups, and for moving from SQLite to PostgreSQL.

A backup is loaded into the schema that it was made with, and migrated from there: a newer release takes an old one.
Servers are left out, and what was seen of hosts, which is asked anew; so is DBOS's record, which says how far
operations are that are not under way any more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa

from teig.model.errors import Conflict, InvalidRequest
from teig.model.operation import OperationState
from teig.policy.guest_life import Phase, Verb, kind_of
from teig.store.database import RESTORING, Database, fault_of, revisions, take_time
from teig.store.schema import addresses, guests, metadata, operations, reverse_names

FORM: Final = 1
LEFT_OUT: Final = frozenset({"servers", "observations", "observed_guests", "observed_addresses"})
_ERROR: Final = {
    "kind": "conflict",
    "code": "restored",
    "message": "It was under way when the backup was made that this database was restored from.",
    "todo": "Look what came of it: teig guest list, teig drift",
}
_ELSEWHERE: Final = "Restore into a new one. Without --database: move the server's directory out of the way."


def dump_all(connection: sa.Connection, now: float) -> dict[str, Any]:
    """Return everything as plain values, as one view of the database."""
    take_time(connection)
    revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one()
    rows = {
        table.name: [dict(row._mapping) for row in connection.execute(table.select())]  # noqa: SLF001 - its public name
        for table in metadata.sorted_tables
        if table.name not in LEFT_OUT
    }
    return {"teig_backup": FORM, "revision": revision, "made": now, "tables": rows}


def load_all(url: sa.URL, untrusted: Any, now: float, beside: Callable[[], None] = lambda: None) -> dict[str, int]:
    """Make a database from a backup and return how many rows each table got; Conflict where it is not empty.

    Nobody may be at work in it. What was under way when the backup was made is not: it ends as stuck. `beside` restores
    what is kept outside of the database, before this can be taken for whole.
    """
    revision, tables = _checked(untrusted)
    with Database(url, revision, restoring=True) as db:
        db.update(lambda connection: _fill(connection, revision, tables))
        db.migrate()
        beside()
        db.update(lambda connection: _settle(connection, now))
    return {name: len(rows) for name, rows in tables.items()}


def _checked(untrusted: Any) -> tuple[str, dict[str, list[dict[str, Any]]]]:
    if not isinstance(untrusted, dict) or untrusted.get("teig_backup") != FORM:
        raise InvalidRequest("That is not a backup of Teig's state.", "Make one with: teig state backup FILE")
    revision, tables = untrusted.get("revision"), untrusted.get("tables")
    if not isinstance(revision, str) or not isinstance(tables, dict) or not all(map(_are_rows, tables.values())):
        raise _damaged("it has not the form of one")
    if revision not in revisions():
        raise InvalidRequest(
            "That backup was made by a newer release of Teig than this one.", "Restore it with that release."
        )
    return revision, tables


def _are_rows(untrusted: object) -> bool:
    return isinstance(untrusted, list) and all(isinstance(row, dict) for row in untrusted)


def _damaged(why: str) -> InvalidRequest:
    return InvalidRequest(f"That backup of Teig's state is damaged: {why}.", "Restore another one.")


def _fill(connection: sa.Connection, revision: str, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Load the rows. Until `_settle` has ended, the database is marked as half restored, and no server opens it."""
    take_time(connection)
    there = sa.MetaData()
    there.reflect(connection)
    for table in there.sorted_tables:
        if table.name in tables and connection.execute(sa.select(sa.literal(1)).select_from(table)).first():
            raise Conflict(
                f"The database is not empty: there are {table.name} in it.",
                _ELSEWHERE,
                code="not_empty",
            )
    if connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one() != revision:
        raise Conflict(
            "The backup was made by an earlier release of Teig than the one that has opened this database already.",
            _ELSEWHERE,
            code="not_empty",
        )
    for table in there.sorted_tables:
        if tables.get(table.name):
            _insert(connection, table, tables[table.name])
    connection.exec_driver_sql(f"CREATE TABLE {RESTORING} (made INTEGER)")


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    try:
        connection.execute(table.insert(), rows)
    except (sa.exc.SQLAlchemyError, OverflowError, TypeError, ValueError) as error:
        if isinstance(error, sa.exc.SQLAlchemyError) and fault_of(error) is not None:
            raise  # the database's own
        raise _damaged(f"its {table.name} cannot be stored") from error


def _settle_addresses(connection: sa.Connection) -> None:
    """Let what was on its way to or from a guest stay where its row says that it is; specs say the same then."""
    connection.execute(addresses.update().values(next=None))
    moving = (operations.c.ended.is_(None), operations.c.kind == kind_of(Verb.READDRESS))
    open_ones = sa.select(operations.c.guest, operations.c.params, guests.c.spec).join(
        guests, guests.c.id == operations.c.guest
    )
    for row in connection.execute(open_ones.where(*moving)).all():
        own = set(connection.execute(sa.select(addresses.c.address).where(addresses.c.guest == row.guest)).scalars())
        nics = [{**nic, "also": [one for one in nic.get("also", ()) if one in own]} for nic in row.spec["nics"]]
        there = {one for nic in nics for one in nic["also"]}
        nics[0]["also"] += [one for one in row.params["before"] if one in own - there]
        connection.execute(guests.update().where(guests.c.id == row.guest).values(spec={**row.spec, "nics": nics}))


def _settle(connection: sa.Connection, now: float) -> None:
    # Hosts may have seen higher fencing numbers since the backup was made, or since it was restored before; on no guest
    # are there as many operations as milliseconds.
    connection.execute(guests.update().values(fence=guests.c.fence + int(1000 * now)))
    half_made = guests.update().where(guests.c.phase == Phase.CREATING)
    connection.execute(half_made.values(phase=Phase.DELETING, attention=_ERROR["message"]))
    under_way = sa.select(operations.c.guest).where(operations.c.ended.is_(None))
    connection.execute(guests.update().where(guests.c.id.in_(under_way)).values(attention=_ERROR["message"]))
    _settle_addresses(connection)
    stuck = {"state": OperationState.STUCK.value, "error": _ERROR, "ended": now}
    connection.execute(operations.update().where(operations.c.ended.is_(None)).values(stuck))
    connection.execute(reverse_names.update().values(sent=False, next_try=0.0))  # the name server may know later ones
    connection.exec_driver_sql(f"DROP TABLE {RESTORING}")
