"""One resident agent on a host: an SSH channel that speaks the protocol of `teig.agent.contract.protocol`."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

import asyncssh

from teig.agent.contract.protocol import PROTOCOL
from teig.fleet.driver import HostAddress
from teig.model.errors import HostFault, TeigError, Unreachable, from_record

MOST_ANSWER: Final = 16 << 20
"""Bytes: a host of a thousand guests tells some three million of them, and nothing else is done while they are read."""
HELLO_TIMEOUT_S: Final = 60
"""Python starts within a second, but not on a host that has just come back with all that was asked of it meanwhile."""
STALLED_S: Final = 30.0
_READ: Final = 1 << 16
_LAST_WORDS_S: Final = 2.0
_MOST_CAPABILITIES: Final = 64
UPGRADE: Final = "Run `teig host upgrade {}`: that brings its agent to this server's version."


class AgentEnded(Unreachable):
    """The agent was killed, or replaced by another; what it was asked for may have been done or not."""


class AgentTooOld(HostFault):
    """The agent on the host lacks what it was to be asked for."""


class AgentChannel:
    """A running agent. One request at a time; what an answer leaves behind belongs to the raw stream.

    `version` and `capabilities` are what it said of itself when it was greeted, `age_s` how long ago that was.
    """

    def __init__(self, host: HostAddress, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._host = host
        self._process = process
        self._pending = bytearray()
        self._number = 0
        self._in_step = True
        self._greeted = time.monotonic()
        self.idle_since = 0.0
        """When it was given back, by the monotonic clock; kept by `ssh_agents`."""
        self.version = ""
        self.capabilities: frozenset[str] = frozenset()

    @classmethod
    async def open(cls, host: HostAddress, connection: asyncssh.SSHClientConnection) -> AgentChannel:
        """Start an agent and greet it. HostFault where there is none, or one that speaks another protocol."""
        channel = cls(host, await _session(connection))
        try:
            await channel._greet()
        except BaseException:
            channel.close()
            raise
        return channel

    def require(self, capability: str) -> None:
        """Raise AgentTooOld where the agent lacks a capability; every agent has the empty one."""
        if capability and capability not in self.capabilities:
            raise AgentTooOld(
                f"The agent on host {self._host.name} is too old: it does not know {capability!r}.",
                UPGRADE.format(self._host.name),
                code="agent_too_old",
            )

    async def request(self, verb: str, args: dict[str, Any]) -> dict[str, Any]:
        """Ask for something and return the answer; the agent's errors are raised as Teig's."""
        await self._send(verb, args)
        return self._result(await self._answer())

    async def upload(self, verb: str, args: dict[str, Any], chunks: AsyncIterator[bytes]) -> dict[str, Any]:
        """Ask to take a stream of bytes, send it once the agent is ready for it, and return the answer.

        Unreachable where the bytes stand still.
        """
        await self._send(verb, args)
        answer = await self._answer()
        if answer.get("go") is not True:
            return self._result(answer)
        self._in_step = False
        async for chunk in chunks:
            self._process.stdin.write(chunk)
            await self._drain_moving()
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
    def ready(self) -> bool:
        """Whether another request can be sent: the last one came to its end, and the agent lives as far as is known."""
        return self._in_step and not self._process.is_closing() and not self._process.stdout.at_eof()

    @property
    def age_s(self) -> float:
        """How many seconds ago the agent was greeted."""
        return time.monotonic() - self._greeted

    def close(self) -> None:
        """End the agent; a verb that is under way there is carried out to its end."""
        self._process.close()

    async def _greet(self) -> None:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                self._learn(await self.request("hello", {"protocol": PROTOCOL}))
        except TeigError as error:
            raise await self._no_agent(error) from error

    def _learn(self, untrusted_answer: dict[str, Any]) -> None:
        """Take over what an agent says of itself; the first agents say nothing of capabilities."""
        told = untrusted_answer.get("capabilities", [])
        if not isinstance(told, list) or len(told) > _MOST_CAPABILITIES:
            raise self._nonsense("a greeting that is none")
        self.version = str(untrusted_answer.get("version", ""))[:64]
        self.capabilities = frozenset(str(word)[:64] for word in told)

    async def _drain_moving(self) -> None:
        """Wait until the other end has taken enough, as long as it takes any."""
        while True:
            left = self._process.channel.get_write_buffer_size()
            try:
                async with asyncio.timeout(STALLED_S):
                    await self._process.stdin.drain()
            except TimeoutError as error:
                if self._process.channel.get_write_buffer_size() >= left:
                    raise Unreachable(
                        f"Host {self._host.name} took no byte of what is sent to it for {STALLED_S:g} seconds.",
                        "Look at its network and its disks, and try again.",
                        code="stalled",
                    ) from error
            else:
                return

    async def _send(self, verb: str, args: dict[str, Any]) -> None:
        self._number += 1
        self._in_step = False
        request = {"id": self._number, "verb": verb, "args": args}
        try:
            self._process.stdin.write(json.dumps(request, separators=(",", ":")).encode() + b"\n")
            await self._process.stdin.drain()
        except BrokenPipeError as error:
            raise self._is_gone() from error

    async def _answer(self) -> dict[str, Any]:
        searched = 0
        while (end := self._pending.find(b"\n", searched)) < 0:
            searched = len(self._pending)
            data = await self._process.stdout.read(_READ)
            if not data:
                raise self._is_gone()
            self._pending += data
            if len(self._pending) > MOST_ANSWER:
                raise self._nonsense("an answer without an end")
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        answer = self._parsed(line)
        if not isinstance(answer, dict) or answer.get("id") != self._number:
            raise self._nonsense(f"{line[:120]!r}")
        self._in_step = not self._pending
        return answer

    def _parsed(self, untrusted_line: bytes) -> Any:
        """Return what a line says; no infinity, no NaN, no half of a character that nobody could write down again."""
        try:
            answer = json.loads(untrusted_line.decode("utf-8"), parse_constant=_finite, parse_float=_finite)
            if b"\\ud" in untrusted_line.lower():
                json.dumps(answer, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise self._nonsense(f"{untrusted_line[:120]!r}") from error
        return answer

    def _result(self, answer: dict[str, Any]) -> dict[str, Any]:
        error = answer.get("error")
        if isinstance(error, dict):
            raise from_record({key: str(error.get(key, "")) for key in ("kind", "code", "message", "todo")})
        result = answer.get("ok")
        if error is not None or not isinstance(result, dict):
            raise self._nonsense("an answer that is none")
        return result

    def _is_gone(self) -> AgentEnded:
        return AgentEnded(f"The agent on host {self._host.name} ended without an answer.", "Try again.")

    def _nonsense(self, what: str) -> HostFault:
        return HostFault(
            f"The agent on host {self._host.name} sent {what}.", UPGRADE.format(self._host.name), code="agent_version"
        )

    async def _no_agent(self, error: TeigError) -> TeigError:
        """Return why an agent that was just started could not be greeted."""
        if isinstance(error, AgentEnded):
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await self._process.wait_closed()
            if self._process.exit_status is None:
                return Unreachable(f"The connection to host {self._host.name} was lost.", "Try again.")
            said = (await self._process.stderr.read(2000)).decode(errors="replace").strip()
            last = f" It said: {said.splitlines()[-1]}" if said else ""
            return HostFault(
                f"Host {self._host.name} has no working agent.{last}", UPGRADE.format(self._host.name), code="no_agent"
            )
        if error.reason == "agent_version" and not isinstance(error, HostFault):
            return HostFault(
                f"Host {self._host.name}: {error.message}", UPGRADE.format(self._host.name), code="agent_version"
            )
        return error


async def _session(connection: asyncssh.SSHClientConnection) -> asyncssh.SSHClientProcess[bytes]:
    """Open a session; one that comes when nobody waits for it any more is ended: sshd gives a connection only ten."""
    # What runs is the key's forced command; this one is for the host's log.
    opening = asyncio.ensure_future(connection.create_process("teig-agent", encoding=None))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_end)
        raise


def _end(opening: asyncio.Future[asyncssh.SSHClientProcess[bytes]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _finite(number: str) -> float:
    """Return a number; what is none, or larger than any, is no answer."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is no number")
    return value
