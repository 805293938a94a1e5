"""Streams of simulated hosts: what is written is read back, after a greeting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from teig.fleet.driver import ByteStream


class _Echo:
    def __init__(self, greeting: str) -> None:
        self._waiting = [greeting.encode()]

    async def read(self, most: int) -> bytes:
        return self._waiting.pop(0)[:most] if self._waiting else b""

    async def write(self, data: bytes) -> None:
        self._waiting.append(data)

    def write_eof(self) -> None:
        return


@asynccontextmanager
async def echo(greeting: str) -> AsyncIterator[ByteStream]:
    """Open a stream that says `greeting`."""
    yield _Echo(greeting)
