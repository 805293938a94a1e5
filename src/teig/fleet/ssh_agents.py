"""The agents that run on one host behind one connection: those that wait for a request are lent again.

All of this runs in the fleet's own event loop.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import asyncssh

from teig.fleet.agent_bundle import bundle
from teig.fleet.driver import HostAddress
from teig.fleet.ssh_channel import AgentChannel
from teig.fleet.ssh_connection import Connection
from teig.model.errors import Busy

OTHER_VERSION_S: Final = 15.0
"""How long an agent of another version than this server's is lent: the first ones do not notice that their file was
replaced by `teig host upgrade`."""
IDLE_S: Final = 60.0
"""How long an agent that nobody needs waits for a request; each takes some 11 MB of Domain-0's memory."""
REFUSED_S: Final = 5.0
_PAUSE_S: Final = 0.25


class Agents:
    """Agents behind one connection, started when none waits. `ssh_lanes` limits how many are lent at once.

    `kept` of them are kept waiting however long nobody needs them.
    """

    def __init__(self, host: HostAddress, connection: Connection, kept: int) -> None:
        self._host = host
        self._connection = connection
        self._kept = kept
        self._idle: list[AgentChannel] = []
        """Those that wait, the one that was lent last at the end; it is lent first."""
        self._trimming: asyncio.TimerHandle | None = None
        self.version = ""

    async def take(self) -> AgentChannel:
        """Return an agent that waits and lives, or a new one."""
        while self._idle:
            channel = self._idle.pop()
            if channel.ready and (channel.version == bundle().version or channel.age_s < OTHER_VERSION_S):
                return channel
            channel.close()
        channel = await self._started()
        self.version = channel.version
        if any(other.version != channel.version for other in self._idle):
            self.forget_idle()
        return channel

    def give_back(self, channel: AgentChannel) -> None:
        """Keep an agent for the next request, or end it where its last one did not come to its end."""
        if channel.ready:
            channel.idle_since = time.monotonic()
            self._idle.append(channel)
            self._trim_later()
        else:
            channel.close()

    def forget_idle(self) -> None:
        """End all agents that wait."""
        for channel in self._idle:
            channel.close()
        self._idle.clear()

    async def close(self) -> None:
        """End the connection and with it all agents, for good."""
        self._idle.clear()
        if self._trimming:
            self._trimming.cancel()
        await self._connection.close()

    def _trim_later(self) -> None:
        if self._trimming is None and len(self._idle) > self._kept:
            self._trimming = asyncio.get_running_loop().call_later(IDLE_S, self._trim)

    def _trim(self) -> None:
        """End the agents that have waited long, but for those that are kept."""
        self._trimming = None
        spare = self._idle[: max(0, len(self._idle) - self._kept)]
        for channel in spare:
            if channel.idle_since <= time.monotonic() - IDLE_S:
                self._idle.remove(channel)
                channel.close()
        self._trim_later()

    async def _started(self) -> AgentChannel:
        """Start an agent, on a new connection where the one that is there turns out to be lost."""
        began = time.monotonic()
        lost = False
        while True:
            connection = await self._connection.get()
            try:
                return await AgentChannel.open(self._host, connection)
            except asyncssh.ChannelOpenError as error:
                gone = connection.is_closed() or error.reason == _LOST
                if gone and lost:
                    raise
                if not gone and time.monotonic() > began + REFUSED_S:
                    raise self._refused() from error
                lost = lost or gone
                if gone:
                    self._connection.drop(connection)
                else:
                    await asyncio.sleep(_PAUSE_S)

    def _refused(self) -> Busy:
        """Return the error of an sshd that counts an agent until it ends, which may be after its channel was closed."""
        return Busy(
            f"Host {self._host.name} starts no further agent: those there still finish what they were asked for.",
            "Try again later. Its sshd must allow 10 sessions (sshd_config, MaxSessions).",
            code="host_busy",
        )


_LOST: Final = "SSH connection closed"
"""What asyncssh says where a channel cannot be opened because its connection is lost (asyncssh/channel.py)."""
