"""An SSH server in a thread of this process that runs the real agent, as a host's sshd does."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any, TypeVar

import asyncssh

from teig.fleet.agent_bundle import bundle
from teig.fleet.driver import HostAddress
from teig.fleet.ssh import SshFleet, SshHost
from teig.model.names import HostId

T = TypeVar("T")
MOST_SESSIONS = 10


class LocalHost:
    """A host without Xen. `argv` is what the server's key is let run."""

    def __init__(self, folder: Path, client_key: asyncssh.SSHKey) -> None:
        self.state = folder / "state"
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.argv = [sys.executable, "-I", str(folder / "agent.pyz"), "serve", str(self.state)]
        (folder / "agent.pyz").write_bytes(bundle().data)
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._agents: list[asyncio.subprocess.Process] = []
        self._idle = asyncio.Event()
        self.sessions = 0
        self.most_sessions = 0
        self.connections = 0
        self.port = 0
        self._allowed = asyncssh.import_authorized_keys(client_key.export_public_key().decode())
        self._loop = asyncio.new_event_loop()
        self._acceptor: asyncssh.SSHAcceptor | None = None

    @property
    def address(self) -> HostAddress:
        return HostAddress(HostId("host-1"), "sv1", "127.0.0.1", self.port, self.host_key)

    @property
    def host_key(self) -> str:
        return self.key.export_public_key().decode().strip()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def listen(self) -> None:
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_host_keys=[self.key],
            authorized_client_keys=self._allowed,
            process_factory=self._serve,
            encoding=None,
        )
        self.port = self._acceptor.get_port()

    async def stop(self) -> None:
        """End the server and cut all of its connections."""
        if self._acceptor:
            self._acceptor.close()
            for connection in list(self._connections):
                connection.abort()
            await self._acceptor.wait_closed()
            async with asyncio.timeout(20):
                while self.sessions:
                    self._idle.clear()
                    await self._idle.wait()

    @property
    def channels(self) -> int:
        """How many channels are open, those included in which nothing was asked for yet: sshd counts them all."""
        return sum(len(connection._channels) for connection in self._connections)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let the host answer nothing in the block, and then what it was asked meanwhile."""
        over = threading.Event()
        self._loop.call_soon_threadsafe(over.wait)
        try:
            yield
        finally:
            over.set()

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        connection = process.get_extra_info("connection")
        self.connections += connection not in self._connections
        self._connections.add(connection)
        self.sessions += 1
        self.most_sessions = max(self.most_sessions, self.sessions)
        if self.sessions > MOST_SESSIONS:
            process.exit(1)
        agent = await asyncio.create_subprocess_exec(*self.argv, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        self._agents.append(agent)
        assert agent.stdin
        assert agent.stdout
        assert agent.stderr
        try:
            asking = asyncio.create_task(_pump(process.stdin, agent.stdin))
            await asyncio.gather(_pump(agent.stdout, process.stdout), _pump(agent.stderr, process.stderr))
            process.exit(await agent.wait())
            asking.cancel()
        finally:
            self.sessions -= 1
            self._idle.set()

    @contextmanager
    def running(self) -> Iterator[LocalHost]:
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        self.call(self.listen())
        try:
            yield self
        finally:
            for agent in self._agents:  # those of some tests do not end by themselves
                if agent.returncode is None:
                    agent.kill()
            self.call(self.stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)


@contextmanager
def reached(folder: Path, argv: list[str] | None = None) -> Iterator[tuple[LocalHost, SshHost]]:
    """Run such a host, with another agent where `argv` says so, and give it and the driver's way to it."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    with LocalHost(folder, key).running() as there:
        there.argv = argv or there.argv
        fleet = SshFleet(key)
        try:
            yield there, fleet.host(there.address)
        finally:
            fleet.close()


async def _pump(source: Any, sink: Any) -> None:
    """Carry bytes to their end, whichever end gives up first."""
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except (OSError, asyncssh.Error):
        pass
    with suppress(OSError, asyncssh.Error):
        sink.write_eof()
