"""The schema goes forwards with what is in it; a database that fails is told as what it is, and waited for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from teig.model.errors import DatabaseFault, InvalidRequest
from teig.model.names import HostId
from teig.model.units import MIB
from teig.policy.admission import entitled_to
from teig.record import dump
from teig.store import archive, guests, operations, reservations, schema
from teig.store import database as databases
from teig.store.database import Database, shared_url, sqlite_url
from tests.model.test_model import SPEC
from tests.postgres import Postgres, cluster
from tests.simulated import SITE


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> sa.URL:
    """The address of a database with nothing in it."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "teig.sqlite")
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.database()


def fill_the_first(connection: sa.Connection) -> None:
    """Put a host, a guest and an operation into the first schema that was released."""
    there = sa.MetaData()
    there.reflect(connection)

    def add(table: str, **values: object) -> None:
        connection.execute(there.tables[table].insert().values(values))

    add("sites", name=SITE.name, record=dump(SITE))
    add(
        "hosts", id="h1", name="sim1", machine_id="m", address="a", port=22, host_key="k", site=SITE.name,
        draining=False, facts={}, facts_at=1.0,
    )  # fmt: skip
    add(
        "guests", id=SPEC.id, name=SPEC.name, host="h1", spec=dump(SPEC), phase="running", fence=7, operation=None,
        created=1.0,
    )  # fmt: skip
    add("nics", mac="00:16:3e:00:00:05", guest=SPEC.id, site=SITE.name, address="10.77.16.5")
    add(
        "operations", id="o1", kind="guest_create", subject="web", guest=SPEC.id, host="h1", params={}, state="running",
        steps=[], error=None, created=1.0, ended=None,
    )  # fmt: skip


def test_the_first_schema_goes_forwards_with_what_is_in_it(empty: sa.URL) -> None:
    with Database(empty, "0001") as db:
        db.update(fill_the_first)
    with Database(empty) as db:
        assert list(db.read(lambda it: reservations.of_guest(it, SPEC.id, HostId("h1"))).values()) == [
            entitled_to(SPEC, 4 * MIB)
        ]
        guest = db.read(lambda connection: guests.by_id(connection, SPEC.id))
        assert guest is not None
        assert (guest.spec, guest.fence) == (SPEC, 7)
        assert db.read(lambda connection: operations.by_id(connection, "o1")).steps == ()


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


def test_servers_that_start_at_once_migrate_once(postgres: Postgres) -> None:
    url = postgres.database()
    with Database(url, "0001") as db:
        db.update(fill_the_first)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: Database(url), range(4)))
    for db in opened:
        assert len(db.read(guests.listed)) == 1
        db.close()


def test_a_backup_is_restored_into_either_database(empty: sa.URL, tmp_path: Path, postgres: Postgres) -> None:
    with Database(empty, "0001") as db:
        db.update(fill_the_first)
        db.migrate()
        backup = db.read(lambda connection: archive.dump_all(connection, 2.0))
    for url in (sqlite_url(tmp_path / "restored.sqlite"), postgres.database()):
        assert archive.load_all(url, backup, 3.0)["guests"] == 1
        with Database(url) as db:
            guest = db.read(lambda connection: guests.by_id(connection, SPEC.id))
            assert guest is not None
            assert (guest.spec, guest.operation) == (SPEC, None)
            assert guest.fence > 1000, "hosts may have seen higher fences since the backup"
            operation = db.read(lambda connection: operations.by_id(connection, "o1"))
            assert operation.state.ended
        with pytest.raises(Exception, match="not empty"):
            archive.load_all(url, backup, 3.0)


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
    assert "secret" not in str(caught.value)


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
