"""WebSockets to a guest's TCP ports and its console: binary frames both ways, an empty one from the client means EOF.

The other end of such a stream is on the guest's host (see `teig.fleet.driver.ByteStream`). A stream that cannot be
opened is closed with status 4000 and what fits there of the reason; who asks with `?reason=text` is told it whole
before, in the only text frame, as the error's record.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from teig.api.given import Given
from teig.control import guests
from teig.fleet.driver import ByteStream
from teig.model.errors import InvalidRequest, TeigError

router = APIRouter()
CHUNK = 32768
DONE = 1000
FAILED = 4000
LONGEST_REASON = 120
"""A close frame's reason holds 123 bytes (RFC 6455, 5.5)."""


@router.websocket("/guests/{name}/ports/{port}")
async def guest_port(services: Given, socket: WebSocket, name: str, port: int) -> None:
    """Relay bytes to and from a guest's TCP port."""

    async def opened() -> AbstractAsyncContextManager[ByteStream]:
        if not 1 <= port <= 65535:
            raise InvalidRequest(f"{port} is not a TCP port.")
        address, guest = await asyncio.to_thread(guests.endpoint, services, name)
        return services.fleet.host(address).open_port(guest, port)

    await _relay(socket, opened)


@router.websocket("/guests/{name}/console")
async def guest_console(services: Given, socket: WebSocket, name: str) -> None:
    """Relay bytes to and from a guest's console."""

    async def opened() -> AbstractAsyncContextManager[ByteStream]:
        address, guest = await asyncio.to_thread(guests.endpoint, services, name)
        return services.fleet.host(address).open_console(guest)

    await _relay(socket, opened)


async def _relay(socket: WebSocket, opened: Callable[[], Awaitable[AbstractAsyncContextManager[ByteStream]]]) -> None:
    await socket.accept()
    try:
        async with await opened() as stream, asyncio.TaskGroup() as tasks:
            down = tasks.create_task(_down(stream, socket))
            up = tasks.create_task(_up(socket, stream))
            await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
            up.cancel()
            if up.done() and not down.done():
                down.cancel()
    except* TeigError as errors:
        error = errors.exceptions[0]
        if isinstance(error, TeigError) and socket.query_params.get("reason") == "text":
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.send_text(json.dumps(error.as_record()))
        await _close(socket, FAILED, str(error))
    else:
        await _close(socket, DONE, "")


async def _down(stream: ByteStream, socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while data := await stream.read(CHUNK):
            await socket.send_bytes(data)


async def _up(socket: WebSocket, stream: ByteStream) -> None:
    while True:
        try:
            data = await socket.receive_bytes()
        except (WebSocketDisconnect, KeyError):
            return
        if not data:
            stream.write_eof()
            continue
        await stream.write(data)


async def _close(socket: WebSocket, status: int, reason: str) -> None:
    try:
        await socket.close(status, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
    except (RuntimeError, WebSocketDisconnect):
        return  # the client has closed it already, or has gone
