"""An SSH connection to one host, made when it is first needed and again when it was lost. It runs in the fleet's loop.

Whoever needs it while it is being made waits for the same attempt, each as long as they like. A host that was silent is
not asked again at once: for a moment everybody gets the error of the last attempt.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from typing import Final

import asyncssh

from teig.fleet.driver import HostAddress
from teig.fleet.names import Name
from teig.fleet.reaching import reached
from teig.fleet.ssh_errors import FOREIGN, translated
from teig.model.errors import HostUntrusted, TeigError, Unreachable

CONNECT_TIMEOUT_S: Final = 20.0
KEEPALIVE_S: Final = 15
SLOW_S: Final = 1.0
REMEMBERED_S: Final = 2.0
_CLOSE_S: Final = 5.0
_APART_S: Final = 2.0


class _Pinned(asyncssh.SSHClient):
    """Accepts the one host key that was pinned, and remembers which other one was shown."""

    def __init__(self, pinned: asyncssh.SSHKey) -> None:
        self._pinned = pinned
        self.shown: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Compare the key's own bytes."""
        self.shown = key
        return key.public_data == self._pinned.public_data


class Silence:
    """Remembers for a moment that a host did not answer, where that took long to find out.

    A refusal that came at once is not remembered: to ask again costs nothing.
    """

    def __init__(self) -> None:
        self._until = 0.0
        self._message = ""
        self._todo = ""

    def began(self, since: float, error: Unreachable) -> None:
        """Remember an attempt that failed; `since` is when it began, by the monotonic clock."""
        if time.monotonic() - since >= SLOW_S:
            self._until = time.monotonic() + REMEMBERED_S
            self._message, self._todo = error.message, error.todo

    def check(self) -> None:
        """Raise Unreachable where the host was silent a moment ago."""
        if time.monotonic() < self._until:
            raise Unreachable(self._message, self._todo)


class Connection:
    """One connection to a host. Several to the same host share what is known of its `silence`.

    One that is `compressed` takes a quarter of a megabyte more (zlib's window and tables, zconf.h).
    """

    def __init__(self, host: HostAddress, key: asyncssh.SSHKey, silence: Silence, *, compressed: bool) -> None:
        self._host = host
        self._name = Name(host.address)
        self._key = key
        self._silence = silence
        self._compressions = ["zlib@openssh.com", "none"] if compressed else ["none"]
        self._made: asyncssh.SSHClientConnection | None = None
        self._attempt: asyncio.Task[asyncssh.SSHClientConnection] | None = None
        self._closed = False

    async def get(self) -> asyncssh.SSHClientConnection:
        """Return the connection, making it if need be; whoever is tired of waiting leaves the attempt to the others."""
        if self._closed:
            raise self._ended()
        if self._made is not None and not self._made.is_closed():
            return self._made
        if self._attempt is None:
            self._silence.check()
            self._attempt = asyncio.create_task(self._try())
            self._attempt.add_done_callback(self._over)
        attempt = self._attempt
        try:
            return await asyncio.shield(attempt)
        except asyncio.CancelledError:
            if attempt.cancelled():
                raise self._ended() from None
            raise
        except TeigError as error:  # an error of one's own: others raise theirs in threads of their own
            raise type(error)(error.message, error.todo, code=error.reason) from error

    def drop(self, connection: asyncssh.SSHClientConnection) -> None:
        """End a connection that was seen to be lost; the next one is made anew."""
        if self._made is connection:
            self._made = None
        connection.abort()

    async def close(self) -> None:
        """End the connection for good."""
        self._closed = True
        if self._attempt:
            self._attempt.cancel()
        connection, self._made = self._made, None
        if connection:
            connection.close()
            with suppress(*FOREIGN):
                async with asyncio.timeout(_CLOSE_S):
                    await connection.wait_closed()

    def _over(self, attempt: asyncio.Task[asyncssh.SSHClientConnection]) -> None:
        self._attempt = None
        if not attempt.cancelled():
            attempt.exception()  # all who wanted it may have left

    async def _try(self) -> asyncssh.SSHClientConnection:
        began = time.monotonic()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                self._made = await self._connect()
        except FOREIGN as foreign:
            error = translated(self._host, foreign)
            if isinstance(error, Unreachable):
                self._silence.began(began, error)
            raise error from foreign
        return self._made

    async def _connect(self) -> asyncssh.SSHClientConnection:
        began = time.monotonic()
        addresses = await self._name.addresses()
        left_s = CONNECT_TIMEOUT_S - (time.monotonic() - began)
        apart_s = min(_APART_S, left_s / (len(addresses) + 2))
        return await self._connect_over(await reached(addresses, self._host.port, apart_s))

    async def _connect_over(self, reached: socket.socket) -> asyncssh.SSHClientConnection:
        pinned = asyncssh.import_public_key(self._host.host_key)
        first = [name.decode() for name in pinned.sig_algorithms]
        client = _Pinned(pinned)
        try:
            connection, _ = await asyncssh.create_connection(
                lambda: client,
                sock=reached,
                username="root",
                client_keys=[self._key],
                known_hosts=([], [], []),
                server_host_key_algs=[*first, *(name for name in _HOST_KEY_ALGORITHMS if name not in first)],
                preferred_auth="publickey",
                encryption_algs=_CIPHERS,
                compression_algs=self._compressions,
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

    def _ended(self) -> Unreachable:
        return Unreachable(f"The connection to host {self._host.name} was ended.", "Try again.")

    def _changed(self, pinned: asyncssh.SSHKey, shown: asyncssh.SSHKey | None) -> HostUntrusted:
        other = shown.get_fingerprint() if shown else "none"
        return HostUntrusted(
            f"Host {self._host.name} at {self._host.address} shows the SSH host key {other}, and "
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
