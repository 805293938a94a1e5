"""A TCP connection to a host that has several addresses, some of which may lead nowhere or to what does not speak."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence


async def reached(addresses: Sequence[str], port: int, apart_s: float) -> socket.socket:
    """Return a TCP connection to a host's only address, or to the one of several at which its server greets first.

    They are tried `apart_s` seconds apart, or as soon as one fails, and an earlier one goes on meanwhile: a busy host
    takes its time (RFC 8305). An SSH server speaks first (RFC 4253, 4.2). Raises OSError where none does; the caller
    limits the time.
    """
    if len(addresses) == 1:
        return await _connected(addresses[0], port)
    left, running = list(addresses), set[asyncio.Task[socket.socket]]()
    try:
        while True:
            running |= {asyncio.create_task(_greeted(left.pop(0), port))} if left else set()
            done, _ = await asyncio.wait(
                running, timeout=apart_s if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            first = next((attempt for attempt in done if attempt.exception() is None), None)
            running -= {first} if first else done
            if first or not (left or running):
                return (first or done.pop()).result()
    finally:
        for attempt in running:
            attempt.add_done_callback(_close)
            attempt.cancel()


def _close(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _greeted(address: str, port: int) -> socket.socket:
    made = await _connected(address, port)
    loop = asyncio.get_running_loop()
    spoken = asyncio.Event()
    try:
        loop.add_reader(made, spoken.set)
        try:
            await spoken.wait()
        finally:
            loop.remove_reader(made)
        _refuse_ended(made)
    except BaseException:
        made.close()
        raise
    return made


def _refuse_ended(made: socket.socket) -> None:
    if not made.recv(1, socket.MSG_PEEK):
        raise ConnectionResetError("The host takes connections and ends them at once.")


async def _connected(address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made
