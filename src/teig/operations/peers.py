"""Servers that share a database watch each other: who has stopped beating is declared lost, and its work taken over.

A server counts its beats in its row. Another one has died, or hangs, when its number stayed the same in `MISSES` looks
in a row. Looks are counted, not seconds: no clock is compared with another's or trusted to go forwards, and a server
that was stopped itself has not looked meanwhile. Being wrong is safe: fencing keeps a lost server from acting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa
import structlog

from teig.model.errors import Conflict
from teig.store import servers
from teig.store.database import Database
from teig.store.servers import Server

EVERY_S: Final = 2.0
MISSES: Final = 4
"""With `EVERY_S`: a dead server is declared lost after 8 to 10 seconds."""

log = structlog.get_logger()


def join(db: Database, server: Server) -> None:
    """Let a server join; Conflict where a living one has another SSH key.

    Whether it lives is looked at for as long as a silent server is waited for: there may be nobody to declare it lost.
    """
    try:
        db.update(lambda connection: servers.join(connection, server, alone=not db.shared))
    except Conflict:
        seen = db.read(lambda connection: servers.beats(connection, but=server.id))
        time.sleep(EVERY_S * MISSES)
        db.update(lambda connection: _declare(connection, seen))
        db.update(lambda connection: servers.join(connection, server, alone=False))


@contextmanager
def watched(db: Database, server: str, on_change: Callable[[], None], on_lost: Callable[[], None]) -> Iterator[None]:
    """Beat and watch the others in a thread of its own for as long as the block runs; alone in a database, do nothing.

    `on_change` is called when another was declared lost, `on_lost` once when this one was.
    """
    stop = threading.Event()
    thread = threading.Thread(
        target=_watch, args=(db, server, stop, on_change, on_lost), name="teig-peers", daemon=True
    )
    if db.shared:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if db.shared:
            thread.join(EVERY_S)


def _watch(
    db: Database, server: str, stop: threading.Event, on_change: Callable[[], None], on_lost: Callable[[], None]
) -> None:
    seen: dict[str, tuple[int, int]] = {}
    while not stop.wait(EVERY_S):
        try:
            beats = db.update(lambda connection: _beat(connection, server))
            if beats is None:
                log.error("this server was declared lost")
                on_lost()
                return
            seen = {ident: _misses(seen.get(ident), number) for ident, number in beats.items()}
            silent = {ident: number for ident, (number, misses) in seen.items() if misses >= MISSES}
            if db.update(lambda connection: _declare(connection, silent)):  # noqa: B023 - called at once
                on_change()
        except Exception as error:  # noqa: BLE001 - whatever fails now, it must be said again
            log.warning("this server cannot say that it lives", error=str(error))


def _misses(before: tuple[int, int] | None, beats: int) -> tuple[int, int]:
    """Return a peer's beats and in how many looks in a row they have not changed."""
    return (beats, before[1] + 1 if before is not None and before[0] == beats else 0)


def _beat(connection: sa.Connection, server: str) -> dict[str, int] | None:
    """Say that this server lives and return the others' beats; None where it has been declared lost."""
    return servers.beats(connection, but=server) if servers.beat(connection, server) else None


def _declare(connection: sa.Connection, silent: dict[str, int]) -> bool:
    """Declare those lost that have still not beaten, and forget those that were and left nothing undone."""
    servers.forget_lost(connection)
    lost = [ident for ident, beats in silent.items() if servers.declare_lost(connection, ident, beats)]
    for ident in lost:
        log.warning("a server does not answer; its operations are taken over", server=ident)
    return bool(lost)
