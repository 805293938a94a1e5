"""Addresses of hosts that are known by name. A name server that does not answer holds up nobody but who needs it.

asyncio resolves names, and does much else, in one pool of a few threads, which a look-up that was given up keeps
(asyncio, loop.getaddrinfo); six such names would leave none for any host. Here each look-up has a thread of its own.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

KEPT_S: Final = 60.0
"""How long an answer is used: a slow one comes when nobody waits for it any more, and serves who asks next."""


class Name:
    """A host's name or address; one look-up is under way at a time, whoever gave up waiting for it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked: asyncio.Future[list[str]] | None = None
        self._answered = float("-inf")

    async def addresses(self) -> list[str]:
        """Return its IP addresses, in the order in which to try them; OSError where it has none."""
        with suppress(ValueError):
            ipaddress.ip_address(self._name)
            return [self._name]
        if self._asked is None or (self._asked.done() and time.monotonic() > self._answered + KEPT_S):
            self._asked = _beside(lambda: _look_up(self._name))
            self._asked.add_done_callback(self._note)
        return await asyncio.shield(self._asked)

    def _note(self, asked: asyncio.Future[list[str]]) -> None:
        if not asked.cancelled() and asked.exception() is None:
            self._answered = time.monotonic()


def _beside(work: Callable[[], list[str]]) -> asyncio.Future[list[str]]:
    """Do something in a thread of its own, which keeps no program from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str]] = loop.create_future()

    def tell(found: list[str] | None, error: Exception | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(found or [])

    def run() -> None:
        found, error = None, None
        try:
            found = work()
        except Exception as raised:  # noqa: BLE001 - it is raised to whoever asked
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, found, error)

    threading.Thread(target=run, name="teig-name", daemon=True).start()
    return future


def _look_up(name: str) -> list[str]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
