"""The way to one host: a persistent SSH connection and the agents that run in its channels.

All of this runs in the fleet's own event loop. sshd allows 10 sessions a connection (sshd_config(5), MaxSessions): at
most 4 for short requests and 4 for those that wait long or carry a stream, so that nothing that waits keeps the host
from answering.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncssh

from teig.fleet.driver import HostAddress
from teig.fleet.ssh_channel import AgentChannel, AgentEnded
from teig.fleet.ssh_errors import FOREIGN, translated
from teig.model.errors import HostUntrusted, TeigError, Unreachable

CONNECT_TIMEOUT_S: Final = 20
SHORT_AT_ONCE: Final = 4
LONG_AT_ONCE: Final = 4
KEEPALIVE_S: Final = 15
CHANNEL_WAIT_S: Final = 120


class _Pinned(asyncssh.SSHClient):
    """Accepts the one host key that was pinned, and remembers which other one was shown."""

    def __init__(self, pinned: asyncssh.SSHKey) -> None:
        self._pinned = pinned
        self.shown: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Compare the key's own bytes."""
        self.shown = key
        return key.public_data == self._pinned.public_data


class Link:
    """One host's connection, made when it is first needed and again when it was lost."""

    def __init__(self, host: HostAddress, key: asyncssh.SSHKey) -> None:
        self.host = host
        self._key = key
        self._connection: asyncssh.SSHClientConnection | None = None
        self._connecting = asyncio.Lock()
        self._closed = False
        self._idle: list[AgentChannel] = []
        self._short = asyncio.Semaphore(SHORT_AT_ONCE)
        self._long = asyncio.Semaphore(LONG_AT_ONCE)

    async def call(self, verb: str, args: dict[str, Any], timeout_s: float, *, long: bool = False) -> dict[str, Any]:
        """Ask an agent for something; Unreachable after `timeout_s` seconds without an answer.

        An agent that ended instead of answering is replaced by a new one once: every verb may be asked again.
        """
        try:
            async with self._channel(long=long, timeout_s=timeout_s) as channel:
                return await channel.request(verb, args)
        except AgentEnded:
            # The idle ones may have ended with it, and nothing tells that before they are asked.
            self._forget_idle()
            async with self._channel(long=long, timeout_s=timeout_s) as channel:
                return await channel.request(verb, args)

    async def upload(
        self, verb: str, args: dict[str, Any], chunks: AsyncIterator[bytes], timeout_s: float
    ) -> dict[str, Any]:
        """Send a stream of bytes to an agent."""
        async with self._channel(long=True, timeout_s=timeout_s) as channel:
            return await channel.upload(verb, args, chunks)

    @asynccontextmanager
    async def stream(self, verb: str, args: dict[str, Any], timeout_s: float) -> AsyncIterator[AgentChannel]:
        """Open a raw stream; `timeout_s` is for its beginning only. The agent in it serves nothing else after."""
        await self._enter(self._long)
        channel: AgentChannel | None = None
        try:
            async with self._translating(timeout_s):
                channel = await self._take()
                await channel.request(verb, args)
            yield channel
        finally:
            if channel:
                channel.close()
            self._long.release()

    async def close(self) -> None:
        """End the connection and with it all agents, for good."""
        self._closed = True
        self._idle.clear()
        connection, self._connection = self._connection, None
        if connection:
            connection.close()
            with suppress(*FOREIGN):
                async with asyncio.timeout(5):
                    await connection.wait_closed()

    @asynccontextmanager
    async def _channel(self, *, long: bool, timeout_s: float) -> AsyncIterator[AgentChannel]:
        """Lend an agent for one request. One whose request did not come to its end is not lent again."""
        turn = self._long if long else self._short
        await self._enter(turn)
        channel: AgentChannel | None = None
        whole = False
        try:
            async with self._translating(timeout_s):
                channel = await self._take()
                try:
                    yield channel
                except TeigError as error:
                    # The agent told of a failure: it is as good as before.
                    whole = not isinstance(error, Unreachable)
                    raise
                whole = True
        finally:
            if channel and whole and channel.alive:
                self._idle.append(channel)
            elif channel:
                channel.close()
            turn.release()

    async def _enter(self, turn: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(CHANNEL_WAIT_S):
                await turn.acquire()
        except TimeoutError as error:
            raise Unreachable(
                f"Host {self.host.name} is busy with other requests for more than {CHANNEL_WAIT_S} seconds.",
                "Try again later.",
            ) from error

    @asynccontextmanager
    async def _translating(self, timeout_s: float) -> AsyncIterator[None]:
        began = time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except TimeoutError as error:
            if time.monotonic() - began < timeout_s:
                raise translated(self.host, error) from error
            raise Unreachable(
                f"Host {self.host.name} did not answer within {timeout_s:g} seconds.", "Look at it, or try again."
            ) from error
        except FOREIGN as error:
            raise translated(self.host, error) from error

    def _forget_idle(self) -> None:
        for channel in self._idle:
            channel.close()
        self._idle.clear()

    async def _take(self) -> AgentChannel:
        """Return an idle agent that lives, or a new one."""
        while self._idle:
            channel = self._idle.pop()
            if channel.alive:
                return channel
        connection = await self._connected()
        try:
            return await AgentChannel.open(self.host, connection)
        except asyncssh.ChannelOpenError:
            if self._connection is connection:
                # The connection was lost without a word; the next one is made anew.
                self._connection = None
                connection.abort()
            return await AgentChannel.open(self.host, await self._connected())

    async def _connected(self) -> asyncssh.SSHClientConnection:
        async with self._connecting:
            if self._closed:
                raise Unreachable(f"The connection to host {self.host.name} was ended.", "Try again.")
            if self._connection is None or self._connection.is_closed():
                self._idle.clear()
                self._connection = await self._connect()
            return self._connection

    async def _connect(self) -> asyncssh.SSHClientConnection:
        pinned = asyncssh.import_public_key(self.host.host_key)
        first = [name.decode() for name in pinned.sig_algorithms]
        client = _Pinned(pinned)
        try:
            connection, _ = await asyncssh.create_connection(
                lambda: client,
                self.host.address,
                self.host.port,
                username="root",
                client_keys=[self._key],
                known_hosts=([], [], []),
                server_host_key_algs=[*first, *(name for name in _HOST_KEY_ALGORITHMS if name not in first)],
                preferred_auth="publickey",
                encryption_algs=_CIPHERS,
                compression_algs=["zlib@openssh.com", "none"],
                agent_path=None,
                config=[],
                connect_timeout=CONNECT_TIMEOUT_S,
                login_timeout=CONNECT_TIMEOUT_S,
                keepalive_interval=KEEPALIVE_S,
                keepalive_count_max=3,
            )
        except asyncssh.HostKeyNotVerifiable as error:
            raise self._changed(pinned, client.shown) from error
        return connection

    def _changed(self, pinned: asyncssh.SSHKey, shown: asyncssh.SSHKey | None) -> HostUntrusted:
        other = shown.get_fingerprint() if shown else "none"
        return HostUntrusted(
            f"Host {self.host.name} at {self.host.address} shows the SSH host key {other}, and "
            f"{pinned.get_fingerprint()} was pinned when it was added. Somebody may be between.",
            "Compare it on the host's own console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). If the host was "
            "set up anew, run `teig host add` for it again.",
        )


_HOST_KEY_ALGORITHMS: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_CIPHERS: Final = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
"""The first is the cheapest on processors that know AES. Sending an image costs the host little else than this and the
compression: a lab host took 53 MB of an unpacked kernel in 42 s with both, in 195 s with neither, on a busy machine."""
