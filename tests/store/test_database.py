"""The schema goes forwards with what is in it; a database that fails is told as what it is, and waited for."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from teig.model.errors import DatabaseFault, InvalidRequest
from teig.store import archive, guests, schema
from teig.store import database as databases
from teig.store.database import Database, shared_url, sqlite_url
from tests.postgres import Postgres, cluster
from tests.simulated import SITE


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> sa.URL:
    """The address of a database with nothing in it."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "teig.sqlite")
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.database()


def test_the_migrated_schema_is_the_one_that_the_tables_say(empty: sa.URL) -> None:
    with Database(empty) as db:
        there = sa.MetaData()
        db.read(there.reflect)
    for table in schema.metadata.sorted_tables:
        found = there.tables[table.name]
        assert {(column.name, column.nullable) for column in found.columns} == {
            (column.name, column.nullable) for column in table.columns
        }
        assert {index.name for index in found.indexes} >= {index.name for index in table.indexes}


@pytest.mark.parametrize("untrusted", [[], {}, {"teig_backup": 1, "revision": "9999", "tables": {}}])
def test_what_is_no_backup_is_refused(tmp_path: Path, untrusted: object) -> None:
    with pytest.raises(InvalidRequest, match="backup"):
        archive.load_all(sqlite_url(tmp_path / "teig.sqlite"), untrusted, 1.0)


@pytest.mark.parametrize("url", ["mysql://root@db/teig", "nonsense", "sqlite:///here"])
def test_what_is_no_address_of_postgresql_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="not the address of a PostgreSQL"):
        shared_url(url)


def test_a_full_disk_is_said_and_nothing_is_half_written(tmp_path: Path) -> None:
    with Database(sqlite_url(tmp_path / "teig.sqlite")) as db:

        def fill(connection: sa.Connection) -> None:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
            connection.execute(schema.sites.insert().values(name=SITE.name, record={"text": "x" * 100_000}))

        with pytest.raises(DatabaseFault, match="disk under the database is full") as caught:
            db.write(fill)
        assert caught.value.reason == "disk_full"
        assert db.read(lambda connection: connection.execute(schema.sites.select()).all()) == []


def test_a_database_that_does_not_answer_is_said_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "PATIENCE_S", 0.1)
    with pytest.raises(DatabaseFault, match="does not answer") as caught:
        Database(shared_url(f"postgresql://teig:secret@/teig?host={tmp_path}"))
    assert caught.value.reason == "database_down"
    assert caught.value.exit_code == 3
    assert "secret" not in str(caught.value)
    assert "?" not in str(caught.value)


def test_a_service_that_is_not_defined_is_no_silence() -> None:
    with pytest.raises(DatabaseFault, match=r'definition of service "nobody" not found') as caught:
        Database(shared_url("postgresql:///?service=nobody"))
    assert "~/.pg_service.conf" in caught.value.todo


def test_a_restart_of_postgresql_is_waited_for() -> None:
    with cluster() as postgres, Database(postgres.database()) as db:
        db.read(guests.listed)
        postgres.stop()
        starting = threading.Timer(1.0, postgres.start)
        starting.start()
        try:
            assert db.read(guests.listed) == []
            assert db.write(guests.listed) == []
        finally:
            starting.join()


@pytest.mark.parametrize("lasting", [True, False])
def test_what_has_read_in_a_savepoint_waits_for_who_else_writes(empty: sa.URL, lasting: bool) -> None:
    def insert(connection: sa.Connection, name: str) -> None:
        connection.execute(schema.sites.insert().values(name=name, record={}))

    with Database(empty) as db, ThreadPoolExecutor() as pool:
        others: list[Future[None]] = []

        def work(connection: sa.Connection) -> None:
            with connection.begin_nested():
                connection.execute(sa.select(schema.sites.c.name)).all()
                others.append(pool.submit(db.update, lambda other: insert(other, "other")))
                time.sleep(0.5)
                insert(connection, "own")

        db.update(work, lasting=lasting)
        others[0].result()
        assert set(db.read(lambda read: read.execute(sa.select(schema.sites.c.name)).scalars())) == {"own", "other"}


def test_a_file_that_another_program_writes_just_now_is_opened_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "teig.sqlite"
    with sqlite3.connect(file, isolation_level=None, check_same_thread=False) as other:
        other.execute("CREATE TABLE own (n)")
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO own VALUES (1)")
        timer = threading.Timer(1.0, other.rollback)
        timer.start()
        try:
            with Database(sqlite_url(file)) as db:
                assert db.read(lambda read: read.exec_driver_sql("PRAGMA journal_mode").scalar()) == "wal"
        finally:
            timer.join()
    other.close()
