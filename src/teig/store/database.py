"""The database: opening it, bringing its schema up to date, transactions, and what its failures are called.

SQLite is one server's own file; PostgreSQL may be shared by several. There are two ways to change it:

- `write` is alone: what it read is still so when it writes, whoever else is at work. On SQLite that is BEGIN IMMEDIATE,
  on PostgreSQL a serializable transaction behind a lock that keeps writers in line, so that they wait and do not fail.
- `update` is for rows that the caller holds already by a lock or a condition in its statements: it stands in no line.

All three take functions, not blocks: a transaction that failed, or whose connection broke, is run again.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from teig.model.errors import DatabaseDown, DatabaseFault, InvalidRequest

T = TypeVar("T")
BUSY_TIMEOUT_S = 30
PATIENCE_S = 10.0
"""How long a database that does not answer is waited for, each time."""
PAUSE_S = 0.2
MIGRATION_LOCK: Final = 0x7E16
RESTORING: Final = "restore_under_way"
"""A table that is there as long as a backup is being loaded."""
_AGAIN: Final = frozenset({"40001", "40P01", "23505"})
"""SQLSTATEs of what another transaction brought about: serialization failure, deadlock, a row of ours that it made."""
_TRIES = 8
_ROOM: Final = "Make room there; operations go on by themselves."
_OWNER: Final = "See to its owner, its mode and the programs that use it."
_RESTORE: Final = "Move it away, with teig.sqlite-wal beside it, and restore a backup: teig state restore FILE"
_WAIT: Final = "Let it run, and be reached from here; operations go on by themselves when a server reaches it."
_FAULTS: Final = (
    ("disk is full", "disk_full", "The disk under the database is full", _ROOM),
    ("No space left", "disk_full", "The disk under the database is full", _ROOM),
    ("disk I/O error", "disk_full", "The database cannot write to its disk, which is full or broken", _ROOM),
    ("readonly database", "database", "The database's file cannot be written to", _OWNER),
    ("unable to open database", "database", "The database's file cannot be opened", _OWNER),
    ("is locked", "database", "Something else holds the database's file", _OWNER),
    ("not a database", "database", "The database's file is damaged or is something else", _RESTORE),
    ("disk image is malformed", "database", "The database's file is damaged", _RESTORE),
    ("malformed database schema", "database", "The database's file is damaged", _RESTORE),
)
"""What a database says in its own words, and then: code, message, what to do."""


class Database:
    """A database with Teig's schema. Close it when done."""

    def __init__(self, url: sa.URL, revision: str = "head", *, restoring: bool = False) -> None:
        """Open it (`sqlite_url` or `shared_url`) and bring its schema up to date; DatabaseFault where that fails.

        Another `revision` of the schema is for `restoring` what was dumped with it.
        """
        self.url = url
        self.shared = url.get_backend_name() == "postgresql"
        """Whether other servers may be at work in it too."""
        self._engine = open_engine(url)
        sa.event.listen(self._engine, "begin", _begin)
        alone: dict[str, Any] = {"isolation_level": "SERIALIZABLE"} if self.shared else {}
        one_view: dict[str, Any] = {"isolation_level": "REPEATABLE READ"} if self.shared else {}
        self._alone = self._engine.execution_options(teig_writes=True, teig_in_line=True, **alone)
        self._updating = self._engine.execution_options(teig_writes=True)
        self._forgetful = open_engine(url, durable=False)
        self._reader = self._engine.execution_options(**one_view)
        if not restoring:
            self.read(_check_whole)
        self.migrate(revision)

    def migrate(self, revision: str = "head") -> None:
        """Bring the schema forwards to a revision, all of it or nothing; DatabaseFault where that fails.

        SQLite alters a table by making it anew, which foreign keys would forbid: they are off meanwhile, and all are
        checked before the end (sqlite.org/lang_altertable, "Making Other Kinds Of Table Schema Changes").
        """
        engine: sa.Engine = self._updating
        if not self.shared:
            engine = open_engine(self.url)
            sa.event.listen(engine, "connect", _without_foreign_keys)
            sa.event.listen(engine, "begin", _begin)
            engine = engine.execution_options(teig_writes=True)
        try:
            self._again(lambda: _transaction(engine, lambda connection: migrate(connection, revision)))
        finally:
            if not self.shared:
                engine.dispose()

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` on one consistent view of the database and return what it returns."""
        return self._again(lambda: _transaction(self._reader, work))

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction that nothing else interferes with: all of it happens, or none where it raises.

        `work` may be called more than once and so must not act on anything but the connection; where a connection broke
        while it was committed, it may find its own rows.
        """
        return self._again(lambda: _transaction(self._alone, work))

    def update(self, work: Callable[[sa.Connection], T], *, lasting: bool = True) -> T:
        """Run `work`, which changes only rows that its own statements make sure of; else like `write`.

        What need not be `lasting` is not waited for until it is on the disk: a power cut may undo it.
        """
        return self._again(lambda: _transaction(self._updating if lasting else self._forgetful, work))

    def close(self) -> None:
        """End all connections."""
        self._engine.dispose()
        self._forgetful.dispose()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _again(self, attempt: Callable[[], T]) -> T:
        """Attempt it until it is not another's doing that it fails; DatabaseFault where the database is at fault."""
        deadline = time.monotonic() + PATIENCE_S
        tries = 0
        while True:
            try:
                return attempt()
            except sa.exc.SQLAlchemyError as error:
                tries += 1
                state = getattr(getattr(error, "orig", None), "sqlstate", None)
                if state in _AGAIN and tries < _TRIES:
                    continue
                fault = fault_of(error, None if self.shared else self.url.database)
                if fault is None:
                    raise
                if fault.reason != "database_down" or time.monotonic() > deadline:
                    raise fault from error
                time.sleep(PAUSE_S)


def sqlite_url(path: Path) -> sa.URL:
    """Return the address of one server's own database in a file, made where it is missing."""
    return sa.URL.create("sqlite", database=str(path))


def shared_url(untrusted: str) -> sa.URL:
    """Return the address of a PostgreSQL database, in libpq's form; InvalidRequest where it is none."""
    try:
        url = sa.make_url(untrusted)
    except (sa.exc.ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() not in {"postgresql", "postgres"}:
        raise InvalidRequest(
            "That is not the address of a PostgreSQL database.",
            "It has the form postgresql://USER@HOST/DATABASE or postgresql:///?service=NAME",
            code="bad_database",
        )
    return url.set(drivername="postgresql+psycopg")


def open_engine(url: sa.URL, *, durable: bool = True) -> sa.Engine:
    """Return connections to a database. Not `durable`: a power cut may take the last commits, but damages nothing."""
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, json_deserializer=_read_json)
        sa.event.listen(engine, "connect", _prepare_durable if durable else _prepare_fast)
        sa.event.listen(engine, "savepoint", _begin_for_savepoint)
        return engine
    # A server that is stopped in the middle of a transaction must not keep its locks from the others.
    settings = "-c idle_in_transaction_session_timeout=5s -c TimeZone=UTC"
    if not durable:
        settings += " -c synchronous_commit=off"
    arguments = {
        "options": settings, "connect_timeout": 5, "application_name": "teig",
        "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
    }  # fmt: skip
    return sa.create_engine(url, connect_args=arguments, pool_size=5, max_overflow=10)


def _read_json(text: str) -> Any:
    """Return what JSON stands for, and what is damaged as it is: `recall` refuses that, and the other rows are read."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def fault_of(error: sa.exc.SQLAlchemyError, file: str | None = None) -> DatabaseFault | None:
    """Return what a database's own failure is for us, None for an error in what was asked of it.

    A fault of SQLite's names the `file`.
    """
    if not isinstance(error, sa.exc.DBAPIError | sa.exc.TimeoutError):
        return None
    said = str(getattr(error, "orig", None) or error)
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    if state == "53100":
        said = "No space left"
    for words, code, message, todo in _FAULTS:
        if words in said and (state is None or state == "53100"):
            return DatabaseFault(f"{message} ({file})." if file else f"{message}.", todo, code=code)
    if "definition of service" in said:
        todo = "Write the service into ~/.pg_service.conf, or correct its name."
        return DatabaseFault(f"There is no such database: {said.strip()}.", todo, code="bad_database")
    gone = getattr(error, "connection_invalidated", False) or str(state)[:2] in {"08", "57", "53"}
    never_there = isinstance(error, sa.exc.OperationalError) and state is None and "psycopg" in str(type(error.orig))
    if gone or never_there or isinstance(error, sa.exc.TimeoutError):
        lines = [line.strip() for line in said.splitlines() if not line.startswith("\t")]  # libpq asks questions there
        return DatabaseDown(f"The database does not answer: {' '.join(lines).rstrip('.')}.", _WAIT)
    return None


def take_time(connection: sa.Connection) -> None:
    """Let this transaction last: PostgreSQL ends one in which nothing is asked for some seconds (see `open_engine`)."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


def _check_whole(connection: sa.Connection) -> None:
    if sa.inspect(connection).has_table(RESTORING):
        raise DatabaseFault(
            "A restore into this database was cut short: what is in it is not whole.",
            "Restore the backup again, into a new database or an empty server's directory.",
            code="half_restored",
        )


def _transaction(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    with engine.begin() as connection:
        return work(connection)


def _prepare_durable(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the begin event says BEGIN; the driver must not
    _use_wal(connection)
    connection.execute("PRAGMA foreign_keys=ON")


def _prepare_fast(connection: Any, _record: object) -> None:
    connection.isolation_level = "IMMEDIATE"  # before the first change, and as DBOS does with its own connections
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")
    _use_wal(connection)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _use_wal(connection: Any) -> None:
    """Have SQLite write ahead of its file; to begin with that, it does not wait by itself for one who writes."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(PAUSE_S)


def _begin_for_savepoint(connection: sa.Connection, _name: str) -> None:
    """Begin a transaction that is to write before its first savepoint, which would begin one that only reads.

    SQLite refuses at once to write in one that has read when another writes (sqlite.org/lang_transaction).
    """
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _without_foreign_keys(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys=OFF")


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("teig_writes", False) else "BEGIN")
    elif options.get("teig_in_line", False):
        # Before the first read: the view of a serializable transaction begins with that, not with a lock.
        connection.exec_driver_sql("LOCK TABLE hosts IN SHARE ROW EXCLUSIVE MODE")


def migrate(connection: sa.Connection, revision: str = "head") -> None:
    """Bring the schema forwards to a revision; of several servers that start at once, one does and the others wait."""
    take_time(connection)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    config = _alembic()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise DatabaseFault(
                f"The database cannot be brought up to date: a row of {broken[0]} refers to one of {broken[2]} that is "
                "not there.",
                "Nothing was changed. Restore a backup, or run the release that it is from and look there.",
                code="database",
            )


def revisions() -> set[str]:
    """Return all revisions of the schema that this release knows."""
    return {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
