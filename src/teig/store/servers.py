"""The servers that work in this database, as rows.

A server that lives counts its beats up. Whoever sees that one no longer does declares it lost, and that is for good:
its operations go to others, and should it wake, it ends. No clock is compared with another.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from teig.model.errors import Conflict, Fenced
from teig.store.schema import operations, servers


@dataclass(frozen=True)
class Server:
    """A server: its id (new at each start), a name for people, the version of its steps and its SSH key for hosts."""

    id: str
    name: str
    version: str
    ssh_public_key: str


def join(connection: sa.Connection, server: Server, *, alone: bool) -> None:
    """Let a server join; `alone`: nobody else can be at work, so all others are lost.

    Conflict where a living one has another SSH key: hosts know one.
    """
    if alone:
        connection.execute(servers.update().values(lost=True))
    other = connection.execute(
        servers.select().where(~servers.c.lost, servers.c.ssh_public_key != server.ssh_public_key)
    ).first()
    if other:
        raise Conflict(
            f"Server {other.name} works in this database with another SSH key, and hosts know only one.",
            "Copy its id_ed25519 into this server's directory: see docs/several-servers.md",
            code="other_key",
        )
    connection.execute(servers.insert().values(**vars(server), beats=0, lost=False))


def beat(connection: sa.Connection, server: str) -> bool:
    """Say that a server lives; False where it has been declared lost."""
    alive = servers.update().where(servers.c.id == server, ~servers.c.lost).values(beats=servers.c.beats + 1)
    return connection.execute(alive).rowcount == 1


def beats(connection: sa.Connection, but: str) -> dict[str, int]:
    """Return how often each of the living has beaten, `but` one."""
    rows = connection.execute(sa.select(servers.c.id, servers.c.beats).where(~servers.c.lost, servers.c.id != but))
    return {row.id: row.beats for row in rows}


def declare_lost(connection: sa.Connection, server: str, beats: int | None = None) -> bool:
    """Declare a server lost for good; not where it has beaten since it was seen with `beats`."""
    change = servers.update().where(servers.c.id == server, ~servers.c.lost)
    if beats is not None:
        change = change.where(servers.c.beats == beats)
    return connection.execute(change.values(lost=True)).rowcount == 1


def confirm(connection: sa.Connection, server: str) -> None:
    """Make sure that a server is not lost before this transaction ends; Fenced where it is already."""
    if connection.execute(_LIVING, {"ident": server}).first() is None:
        raise Fenced("This server was thought dead, and others have taken over its work.", "Start it again.")


_LIVING = (
    sa.select(servers.c.id).where(servers.c.id == sa.bindparam("ident"), ~servers.c.lost).with_for_update(read=True)
)


def has_version(connection: sa.Connection, version: str) -> bool:
    """Return whether a living server knows the steps of that version."""
    query = sa.select(servers.c.id).where(servers.c.version == version, ~servers.c.lost)
    return connection.execute(query).first() is not None


def forget_lost(connection: sa.Connection) -> None:
    """Remove the rows of lost servers that have left nothing undone."""
    left = sa.exists().where(operations.c.server == servers.c.id, operations.c.ended.is_(None))
    connection.execute(servers.delete().where(servers.c.lost, ~left))
