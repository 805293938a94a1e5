"""The way to one host: the lanes in which it is asked, and the agents that answer.

All of this runs in the fleet's own event loop. Calls have a connection of their own; people's streams and bulk share
another one, which is made when they first need it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncssh

from teig.fleet.driver import HostAddress
from teig.fleet.ssh_agents import Agents
from teig.fleet.ssh_channel import AgentChannel, AgentEnded
from teig.fleet.ssh_connection import Connection, Silence
from teig.fleet.ssh_errors import FOREIGN, translated
from teig.fleet.ssh_lanes import Lane, Lanes, Use
from teig.model.errors import Unreachable

T = TypeVar("T")


class Link:
    """One host: its lanes, its two connections, and the agents behind them."""

    def __init__(self, host: HostAddress, key: asyncssh.SSHKey) -> None:
        self.host = host
        self._lanes = Lanes(host.name)
        silence = Silence()
        self._calls = Agents(host, Connection(host, key, silence, compressed=False), kept=1)
        self._bytes = Agents(host, Connection(host, key, silence, compressed=True), kept=0)

    @property
    def version(self) -> str:
        """The version of the agent that was greeted last, empty before the first."""
        return self._calls.version

    async def call(
        self, verb: str, args: dict[str, Any], timeout_s: float, use: Use, *, needs: str = ""
    ) -> dict[str, Any]:
        """Ask an agent for something; Unreachable after `timeout_s` seconds without an answer, the way there included.

        AgentTooOld where it lacks the capability `needs`. Busy where the lane has no place.
        """

        async def ask(channel: AgentChannel) -> dict[str, Any]:
            channel.require(needs)
            return await channel.request(verb, args)

        return await self._lent(use, timeout_s, ask)

    async def upload(
        self,
        verb: str,
        args: dict[str, Any],
        chunks: Callable[[], AsyncIterator[bytes]],
        timeout_s: float,
        use: Use,
    ) -> dict[str, Any]:
        """Send bytes to an agent, from their beginning where it is to be done again. They may not stand still."""

        async def send(channel: AgentChannel) -> dict[str, Any]:
            return await channel.upload(verb, args, chunks())

        return await self._lent(use, timeout_s, send)

    @asynccontextmanager
    async def stream(self, verb: str, args: dict[str, Any], timeout_s: float, use: Use) -> AsyncIterator[AgentChannel]:
        """Open a raw stream; `timeout_s` is for its beginning only. The agent in it serves nothing else after."""
        agents = self._agents(use.lane)

        async def begun() -> AgentChannel:
            channel = await agents.take()
            try:
                await channel.request(verb, args)
            except BaseException:
                agents.give_back(channel)
                raise
            return channel

        deadline = asyncio.get_running_loop().time() + timeout_s
        async with self._lanes.place(use, timeout_s):
            async with self._translating(deadline, timeout_s):
                channel = await _twice(agents, begun)
            try:
                yield channel
            finally:
                channel.close()

    async def close(self) -> None:
        """End the connections and with them all agents, for good."""
        await self._calls.close()
        await self._bytes.close()

    def _agents(self, lane: Lane) -> Agents:
        return self._calls if lane is Lane.CALLS else self._bytes

    async def _lent(self, use: Use, timeout_s: float, work: Callable[[AgentChannel], Awaitable[T]]) -> T:
        """Do something with an agent, in a place of its lane and within a time."""
        agents = self._agents(use.lane)

        async def once() -> T:
            channel = await agents.take()
            try:
                return await work(channel)
            finally:
                agents.give_back(channel)

        deadline = asyncio.get_running_loop().time() + timeout_s
        async with self._lanes.place(use, timeout_s), self._translating(deadline, timeout_s):
            return await _twice(agents, once)

    @asynccontextmanager
    async def _translating(self, deadline: float, timeout_s: float) -> AsyncIterator[None]:
        """Bound the time, and turn what asyncssh raises into errors of ours."""
        limit = asyncio.timeout_at(deadline)
        try:
            async with limit:
                yield
        except FOREIGN as error:
            if limit.expired() and isinstance(error, TimeoutError):
                raise Unreachable(
                    f"Host {self.host.name} did not answer within {timeout_s:g} seconds.", "Look at it, or try again."
                ) from error
            raise translated(self.host, error) from error


async def _twice(agents: Agents, work: Callable[[], Awaitable[T]]) -> T:
    """Do something again where the agent ended instead of answering: every verb may be asked twice.

    It may have been killed or replaced since it was last asked, and the idle ones with it: nothing tells that before.
    """
    try:
        return await work()
    except AgentEnded:
        agents.forget_idle()
        return await work()
