"""Queries whose rows come in one piece, made into JSON by the database.

SQLite's driver lets go of the interpreter at every row, and on a busy server waits for its turn to get it back, up to
5 ms each time (sys.getswitchinterval): a page of 100 guests took half a second.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from teig.model.errors import InternalFault


class AtOnce:
    """Some queries in one statement, to be asked often. Their columns have JSON, text, numbers or booleans.

    SQLite rounds numbers that are no whole ones to 15 digits.
    """

    def __init__(self, *queries: sa.Select[Any]) -> None:
        """Prepare them."""
        found = [query.subquery() for query in queries]
        self._columns = [inner.c for inner in found]
        self._on_sqlite = sa.select(*(_sqlite(inner).scalar_subquery() for inner in found))
        self._on_postgresql = sa.select(*(_postgresql(inner).scalar_subquery() for inner in found))

    def fetch(self, connection: sa.Connection, given: dict[str, Any]) -> list[Fetched]:
        """Return all rows of each; InternalFault where a row has damaged JSON, which PostgreSQL lets nobody store."""
        query = self._on_sqlite if connection.dialect.name == "sqlite" else self._on_postgresql
        try:
            texts = connection.execute(query, given).one()
        except sa.exc.OperationalError as error:
            if "malformed JSON" not in str(error.orig):
                raise
            raise InternalFault("A row of the database is damaged.", "Restore a backup: teig state restore") from error
        return [Fetched(text, columns) for text, columns in zip(texts, self._columns, strict=True)]


def _sqlite(inner: sa.Subquery) -> sa.Select[Any]:
    nested = [sa.func.json(column) if isinstance(column.type, sa.JSON) else column for column in inner.c]
    return sa.select(sa.func.json_group_array(sa.func.json_array(*nested), type_=sa.Text)).select_from(inner)


def _postgresql(inner: sa.Subquery) -> sa.Select[Any]:
    rows = sa.func.json_agg(sa.func.json_build_array(*inner.c))
    return sa.select(sa.func.coalesce(sa.cast(rows, sa.Text), "[]")).select_from(inner)


@dataclass(frozen=True)
class Fetched:
    """The rows of a query, as the JSON `text` that they came as."""

    text: str
    columns: Any

    def rows(self) -> list[Any]:
        """Return them with their columns as attributes."""
        row = _row_of(tuple(column.name for column in self.columns))
        flags = [place for place, column in enumerate(self.columns) if isinstance(column.type, sa.Boolean)]
        found = json.loads(self.text)
        for place in flags:
            for values in found:
                values[place] = None if values[place] is None else bool(values[place])
        return [row(*values) for values in found]


@cache
def _row_of(names: tuple[str, ...]) -> Callable[..., Any]:
    return namedtuple("Row", names)
