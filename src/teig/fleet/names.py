"""Addresses of hosts that are known by name. A name server that does not answer holds up nobody but who needs it.

asyncio resolves names, and does much else, in one pool of a few threads, which a look-up that was given up keeps
(asyncio, loop.getaddrinfo); six such names would leave none for any host.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

_POOL: Final = ThreadPoolExecutor(64, "teig-names")


class Name:
    """A host's name or address; one look-up is under way at a time, whoever gave up waiting for it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked: asyncio.Future[list[str]] | None = None

    async def addresses(self) -> list[str]:
        """Return its IP addresses, in the order in which to try them; OSError where it has none."""
        with suppress(ValueError):
            ipaddress.ip_address(self._name)
            return [self._name]
        if self._asked is None or self._asked.done():
            self._asked = asyncio.get_running_loop().run_in_executor(_POOL, _look_up, self._name)
            self._asked.add_done_callback(lambda asked: asked.cancelled() or asked.exception())
        return await asyncio.shield(self._asked)


def _look_up(name: str) -> list[str]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
