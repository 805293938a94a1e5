"""How much a host is asked at once: lanes with limits of their own, so that one kind of use cannot keep another out.

Calls are short and change or tell something. People's streams (consoles, ports) last as long as people like. Bulk is
what takes long or carries many bytes. `teig.fleet.ssh_link` gives calls one SSH connection and the other two a second
one: sshd allows 10 sessions on each (sshd_config(5), MaxSessions), and bytes that wait to be sent delay no call.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final

from teig.model.errors import Busy


class Lane(Enum):
    """A kind of use: how many at once, how many of them for one guest, and how long one waits for its place, in s."""

    CALLS = (4, 2, 20.0)
    STREAMS = (6, 3, 3.0)
    BULK = (2, 2, 30.0)

    def __init__(self, most: int, most_a_guest: int, wait_s: float) -> None:
        self.most = most
        self.most_a_guest = most_a_guest
        self.wait_s = wait_s


@dataclass(frozen=True, eq=False)
class Use:
    """What a place is wanted for: its lane, the guest if it is for one, and what people call it."""

    lane: Lane
    what: str
    guest: str = ""
    wait_s: float | None = None
    """How long it waits for its place, where that is not as long as its lane says."""


class Lanes:
    """The places of one host. All of this runs in the fleet's event loop."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._used: dict[Lane, list[Use]] = {lane: [] for lane in Lane}
        self._waiting: dict[Lane, deque[tuple[Use, asyncio.Future[None]]]] = {lane: deque() for lane in Lane}

    @asynccontextmanager
    async def place(self, use: Use, most_wait_s: float) -> AsyncIterator[None]:
        """Have a place for a use. Busy where none was free for as long as it waits, and for `most_wait_s` at most."""
        wait_s = use.lane.wait_s if use.wait_s is None else use.wait_s
        await self._enter(use, min(wait_s, most_wait_s))
        try:
            yield
        finally:
            self._leave(use)

    async def _enter(self, use: Use, wait_s: float) -> None:
        if self._fits(use):
            self._used[use.lane].append(use)
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (use, granted)
        self._waiting[use.lane].append(waiting)
        try:
            async with asyncio.timeout(wait_s):
                await granted
        except TimeoutError as error:
            self._give_up(waiting)
            raise self._busy(use) from error
        except BaseException:
            self._give_up(waiting)
            raise

    def _give_up(self, waiting: tuple[Use, asyncio.Future[None]]) -> None:
        use, granted = waiting
        if granted.done() and not granted.cancelled():
            self._leave(use)  # the place came in the very moment
        else:
            self._waiting[use.lane].remove(waiting)

    def _leave(self, use: Use) -> None:
        self._used[use.lane].remove(use)
        for waiting in list(self._waiting[use.lane]):
            if not waiting[1].done() and self._fits(waiting[0]):
                self._waiting[use.lane].remove(waiting)
                self._used[use.lane].append(waiting[0])
                waiting[1].set_result(None)

    def _fits(self, use: Use) -> bool:
        used = self._used[use.lane]
        return len(used) < use.lane.most and not self._guest_is_full(use)

    def _guest_is_full(self, use: Use) -> bool:
        same = [other for other in self._used[use.lane] if other.guest == use.guest]
        return bool(use.guest) and len(same) >= use.lane.most_a_guest

    def _busy(self, use: Use) -> Busy:
        used, lane = self._used[use.lane], use.lane
        own = [other for other in used if other.guest == use.guest] if self._guest_is_full(use) else used
        whose = "for this guest " if own is not used else ""
        what = ", ".join(f"{count} {what}" for what, count in Counter(other.what for other in own).items())
        return Busy(
            f"Host {self._host} has all {len(own)} {_NOUNS[lane]} {whose}in use: {what}.", _TODO[lane], code="host_busy"
        )


_NOUNS: Final = {Lane.CALLS: "calls at once", Lane.STREAMS: "streams", Lane.BULK: "transfers"}
_TODO: Final = {
    Lane.CALLS: "Try again.",
    Lane.STREAMS: "Close a console or a connection, or try again later.",
    Lane.BULK: "Try again when one has ended.",
}
