"""Events, as rows: what has happened to guests by itself. They stay when their guest is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from teig.model.names import GuestId
from teig.store.schema import events


@dataclass(frozen=True)
class Event:
    """Something that happened to a guest: `kind` is one word, `at` in seconds since 1970, `text` a sentence."""

    guest: GuestId
    name: str
    kind: str
    at: float
    text: str


def add_once(connection: sa.Connection, event: Event, period: str) -> bool:
    """Store an event, unless there is one of its kind for its guest in that period; return whether it is new."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"guest": event.guest, "kind": event.kind, "period": period, "name": event.name, "at": event.at}
    insert = dialect.insert(events).values(**values, text=event.text)
    return bool(connection.execute(insert.on_conflict_do_nothing()).rowcount)


def of_guest(connection: sa.Connection, guest: GuestId, period: str) -> list[Event]:
    """Return what has happened to a guest in a period, the oldest first."""
    mine = (events.c.guest == guest, events.c.period == period)
    return [
        _event(row)
        for row in connection.execute(events.select().where(*mine).order_by(events.c.at, events.c.kind.desc()))
    ]


def newest(connection: sa.Connection, limit: int, name: str | None = None) -> list[Event]:
    """Return the newest events first, those of guests with a name alone where one is given."""
    query = events.select().order_by(events.c.at.desc(), events.c.guest, events.c.kind).limit(limit)
    rows = connection.execute(query if name is None else query.where(events.c.name == name))
    return [_event(row) for row in rows]


def _event(row: Any) -> Event:
    return Event(GuestId(row.guest), row.name, row.kind, row.at, row.text)
