"""Names of addresses, as rows: what a name server is to be told, and whether it was."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from teig.store.schema import reverse_names

PAUSE_S = 5.0
MOST_PAUSE_S = 3600.0
CLAIM_S = 60.0
"""How long one server has to tell what it took before another one tells it too."""


@dataclass(frozen=True)
class NameLine:
    """The name of an address, None where it is to have none any more; `sent`: the name server was told.

    `error` is why it was not, when that was tried last.
    """

    address: str
    name: str | None
    sent: bool
    error: str | None


@dataclass(frozen=True)
class Due:
    """A name that is to be told now; `version` changes with each name that the address gets."""

    address: str
    name: str | None
    version: int
    tries: int


def put(connection: sa.Connection, site: str, leads: str, address: str, name: str | None, now: float) -> None:
    """Let an address have a name, or none, which is to be told at once. `leads` is what leads to its guest with it.

    Versions begin with the time, so that none is used twice after an address had no name for a while.
    """
    mine = reverse_names.c.address == address
    anew = {"site": site, "leads": leads, "name": name, "sent": False, "tries": 0, "next_try": 0.0, "error": None}
    changed = reverse_names.update().where(mine).values(version=reverse_names.c.version + 1, **anew)
    if connection.execute(changed).rowcount == 0 and name is not None:
        connection.execute(reverse_names.insert().values(address=address, version=int(1000 * now), **anew))


def forget(connection: sa.Connection, site: str, leads: str) -> None:
    """Let all addresses that one row of addresses stands for have no name any more: it leads to its guest no longer."""
    its = sa.and_(reverse_names.c.site == site, reverse_names.c.leads == leads, reverse_names.c.name.is_not(None))
    none = {"name": None, "sent": False, "tries": 0, "next_try": 0.0, "error": None}
    connection.execute(reverse_names.update().where(its).values(version=reverse_names.c.version + 1, **none))


def listed(connection: sa.Connection) -> list[NameLine]:
    """Return all names, and what is still to be told to have none, by address."""
    rows = connection.execute(reverse_names.select().order_by(reverse_names.c.address))
    return [NameLine(row.address, row.name, bool(row.sent), row.error) for row in rows]


def by_leads(connection: sa.Connection) -> dict[tuple[str, str], tuple[NameLine, ...]]:
    """Return the names that addresses have, by their site and what leads to their guest."""
    found: dict[tuple[str, str], tuple[NameLine, ...]] = {}
    named = reverse_names.select().where(reverse_names.c.name.is_not(None)).order_by(reverse_names.c.address)
    for row in connection.execute(named):
        key = (row.site, row.leads)
        found[key] = (*found.get(key, ()), NameLine(row.address, row.name, bool(row.sent), row.error))
    return found


def due(connection: sa.Connection, now: float, most: int) -> list[Due]:
    """Return what is to be told at a time, the longest due first."""
    query = (
        reverse_names.select()
        .where(~reverse_names.c.sent, reverse_names.c.next_try <= now)
        .order_by(reverse_names.c.next_try, reverse_names.c.address)
        .limit(most)
    )
    return [Due(row.address, row.name, row.version, row.tries) for row in connection.execute(query)]


def claim(connection: sa.Connection, one: Due, now: float) -> bool:
    """Let no other server tell a name for a while; False where another one does, or the name is another by now."""
    mine = (*_same(one), reverse_names.c.next_try <= now)
    return connection.execute(reverse_names.update().where(*mine).values(next_try=now + CLAIM_S)).rowcount > 0


def told(connection: sa.Connection, one: Due) -> None:
    """Note that the name server was told; where the name is another by now, that is told once more.

    It may have been told before, by another server, and then be the older one there.
    """
    if one.name is None and connection.execute(reverse_names.delete().where(*_same(one))).rowcount:
        return
    if connection.execute(reverse_names.update().where(*_same(one)).values(sent=True, error=None)).rowcount == 0:
        again = reverse_names.update().where(reverse_names.c.address == one.address)
        connection.execute(again.values(sent=False, next_try=0.0))


def failed(connection: sa.Connection, one: Due, error: str, now: float, *, away: bool) -> None:
    """Note why the name server was not told; what it refuses is tried again after growing pauses.

    `away`: it did not answer at all, which is no fault of the name: how long it is left alone says who asks it.
    """
    pause_s = 0.0 if away else min(MOST_PAUSE_S, PAUSE_S * 2 ** min(one.tries, 20))
    values = {"error": error, "next_try": now + pause_s, "tries": one.tries + (not away)}
    connection.execute(reverse_names.update().where(*_same(one)).values(values))


def _same(one: Due) -> tuple[sa.ColumnElement[bool], ...]:
    return (reverse_names.c.address == one.address, reverse_names.c.version == one.version)
