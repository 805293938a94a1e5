"""Rows that come in one piece are the rows that come one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from teig.model.errors import InternalFault
from teig.store import schema
from teig.store.at_once import AtOnce
from teig.store.database import Database, open_engine, sqlite_url

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), nullable=True),
    sa.Column("flag", sa.Boolean, nullable=True),
    sa.Column("whole", sa.BigInteger, nullable=True),
    sa.Column("part", sa.Float, nullable=True),
    sa.Column("record", sa.JSON, nullable=True),
)
ROWS: list[dict[str, Any]] = [
    {"id": 1, "name": "plain", "flag": True, "whole": 2**62 + 1, "part": 0.25, "record": {"a": [1, {"b": None}]}},
    {
        "id": 2,
        "name": "\"quoted\" 'twice' \\ and\nmore\t",
        "flag": False,
        "whole": -(2**63),
        "part": -1e300,
        "record": [],
    },
    {
        "id": 3,
        "name": "ünïcode 💾 \u2028",
        "flag": None,
        "whole": 2**63 - 1,
        "part": 1764328107.12345,
        "record": "text",
    },
    {"id": 4, "name": "", "flag": True, "whole": 0, "part": 0.0, "record": {"é": "\\u0041 \" ' 💾", "n": 2**53 + 1}},
    {"id": 5, "name": None, "flag": None, "whole": None, "part": None, "record": {"deep": [[[[]]]], "f": 1.5}},
    {"id": 6, "name": "x" * 200, "flag": False, "whole": 7, "part": 1e-9, "record": 3},
]
ALL = things.select().order_by(things.c.id.desc())


@pytest.fixture
def connection(tmp_path: Path, database: sa.URL | None) -> Iterator[sa.Connection]:
    engine = open_engine(database or sqlite_url(tmp_path / "things.sqlite"))
    with engine.connect() as connection:
        metadata.create_all(connection)
        connection.execute(things.insert(), ROWS)
        yield connection
        connection.rollback()
    engine.dispose()


def test_values_are_what_they_are_one_by_one(connection: sa.Connection) -> None:
    [found] = AtOnce(ALL).fetch(connection, {})
    assert [row._asdict() for row in found.rows()] == [dict(row) for row in connection.execute(ALL).mappings()]
    assert [type(row.flag) for row in found.rows()] == [type(row["flag"]) for row in reversed(ROWS)]


def test_several_queries_and_what_they_are_given(connection: sa.Connection) -> None:
    after = things.select().where(things.c.id > sa.bindparam("after")).order_by(things.c.id).limit(sa.bindparam("most"))
    count = sa.select(sa.func.count().label("things")).select_from(things)
    page, counted = AtOnce(after, count).fetch(connection, {"after": 2, "most": 3})
    assert [row.id for row in page.rows()] == [3, 4, 5]
    assert [row.things for row in counted.rows()] == [len(ROWS)]


def test_nothing_is_no_row(connection: sa.Connection) -> None:
    [found] = AtOnce(things.select().where(things.c.id == 99)).fetch(connection, {})
    assert found.rows() == []


def test_a_row_that_is_damaged_does_not_stand_for_the_whole_file(tmp_path: Path) -> None:
    with Database(sqlite_url(tmp_path / "teig.sqlite")) as db:
        cut = sa.text("INSERT INTO plans (name, record) VALUES ('tiny', '{\"name\": ')")
        db.write(lambda connection: connection.execute(cut))
        with pytest.raises(InternalFault, match="A row of the database is damaged"):
            db.read(lambda connection: AtOnce(schema.plans.select()).fetch(connection, {}))
