"""The database: opening it, bringing its schema up to date, transactions.

SQLite in WAL mode; a writing transaction begins with BEGIN IMMEDIATE, so that what it read is still so when it writes.
Writers are functions, not blocks: a database that can fail a serializable transaction must be able to call them again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

T = TypeVar("T")
BUSY_TIMEOUT_S = 30


class Database:
    """A database with Teig's schema. Close it when done."""

    def __init__(self, path: Path) -> None:
        """Open the SQLite file at `path`, made where it is missing, and bring its schema up to date."""
        self._engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S})
        sa.event.listen(self._engine, "connect", _prepare)
        sa.event.listen(self._engine, "begin", _begin)
        self._writer = self._engine.execution_options(teig_writes=True)
        _migrate(self._engine)

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` on one consistent view of the database and return what it returns."""
        with self._engine.begin() as connection:
            return work(connection)

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction that nothing else interferes with: all of it happens, or none where it raises.

        `work` may be called more than once and so must not act on anything but the connection.
        """
        with self._writer.begin() as connection:
            return work(connection)

    def close(self) -> None:
        """End all connections."""
        self._engine.dispose()


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the begin event says BEGIN; the driver must not
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("teig_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.execution_options(teig_writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
