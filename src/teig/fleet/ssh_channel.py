"""One resident agent on a host: an SSH channel that speaks the protocol of `teig.agent.contract.protocol`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncssh

from teig.fleet.driver import HostAddress
from teig.model.errors import HostFault, TeigError, Unreachable, from_record

PROTOCOL: Final = 1
MOST_ANSWER: Final = 64 << 20
HELLO_TIMEOUT_S: Final = 30
_READ: Final = 1 << 16


class AgentEnded(Unreachable):
    """The agent was killed, or replaced by another; what it was asked for may have been done or not."""


class AgentChannel:
    """A running agent. One request at a time; what an answer leaves behind belongs to the raw stream."""

    def __init__(self, host: HostAddress, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._host = host
        self._process = process
        self._pending = bytearray()
        self._number = 0
        self.version = ""

    @classmethod
    async def open(cls, host: HostAddress, connection: asyncssh.SSHClientConnection) -> AgentChannel:
        """Start an agent and greet it. HostFault where there is none, or one that speaks another protocol."""
        # What runs is the key's forced command; this one is for the host's log.
        process = await connection.create_process("teig-agent", encoding=None)
        channel = cls(host, process)
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                answer = await channel.request("hello", {"protocol": PROTOCOL})
        except TeigError as error:
            channel.close()
            raise await channel._no_agent(error) from error
        channel.version = str(answer.get("version", ""))
        return channel

    async def request(self, verb: str, args: dict[str, Any]) -> dict[str, Any]:
        """Ask for something and return the answer; the agent's errors are raised as Teig's."""
        await self._send(verb, args)
        return self._result(await self._answer())

    async def upload(self, verb: str, args: dict[str, Any], chunks: AsyncIterator[bytes]) -> dict[str, Any]:
        """Ask to take a stream of bytes, send it once the agent is ready for it, and return the answer."""
        await self._send(verb, args)
        answer = await self._answer()
        if not answer.get("go"):
            return self._result(answer)
        async for chunk in chunks:
            self._process.stdin.write(chunk)
            await self._process.stdin.drain()
        return self._result(await self._answer())

    async def read_raw(self, most: int) -> bytes:
        """Return up to `most` bytes of the raw stream; none at its end."""
        if self._pending:
            found = bytes(self._pending[:most])
            del self._pending[:most]
            return found
        return await self._process.stdout.read(most)

    async def write_raw(self, data: bytes) -> None:
        """Send bytes of the raw stream, waiting while the other end is slow."""
        self._process.stdin.write(data)
        await self._process.stdin.drain()

    def write_raw_eof(self) -> None:
        """Say that no more bytes follow."""
        self._process.stdin.write_eof()

    @property
    def alive(self) -> bool:
        """Whether another request can be sent."""
        return not self._process.is_closing() and not self._process.stdout.at_eof()

    def close(self) -> None:
        """End the agent; a verb that is under way there is carried out to its end."""
        self._process.close()

    async def _send(self, verb: str, args: dict[str, Any]) -> None:
        self._number += 1
        request = {"id": self._number, "verb": verb, "args": args}
        self._process.stdin.write(json.dumps(request, separators=(",", ":")).encode() + b"\n")
        await self._process.stdin.drain()

    async def _answer(self) -> dict[str, Any]:
        while (end := self._pending.find(b"\n")) < 0:
            data = await self._process.stdout.read(_READ)
            if not data:
                raise AgentEnded(f"The agent on host {self._host.name} ended without an answer.", "Try again.")
            self._pending += data
            if len(self._pending) > MOST_ANSWER:
                raise self._nonsense("an answer without an end")
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise self._nonsense(f"{line[:120]!r}") from error
        if not isinstance(answer, dict) or answer.get("id") != self._number:
            raise self._nonsense(f"{line[:120]!r}")
        return answer

    def _result(self, answer: dict[str, Any]) -> dict[str, Any]:
        if "error" in answer:
            raise from_record(answer["error"])
        result = answer.get("ok")
        if not isinstance(result, dict):
            raise self._nonsense("an answer that is none")
        return result

    def _nonsense(self, what: str) -> HostFault:
        return HostFault(
            f"The agent on host {self._host.name} sent {what}.",
            "Run `teig host add` for it again: that installs the agent of this server.",
            code="agent_version",
        )

    async def _no_agent(self, error: TeigError) -> TeigError:
        """Return why an agent that was just started could not be greeted."""
        if isinstance(error, AgentEnded):
            said = (await self._process.stderr.read(2000)).decode(errors="replace").strip()
            last = f" It said: {said.splitlines()[-1]}" if said else ""
            return HostFault(
                f"Host {self._host.name} has no working agent.{last}",
                "Run `teig host add` for it again: that installs the agent.",
                code="no_agent",
            )
        if error.reason == "agent_version":
            return HostFault(
                f"Host {self._host.name}: {error.message}",
                "Run `teig host add` for it again: that installs the agent of this server.",
                code="agent_version",
            )
        return error
