"""The agent's protocol: JSON lines on standard input and output, one request after the other.

    > {"id": 1, "verb": "hello", "args": {"protocol": 1}}
    < {"id": 1, "ok": {"protocol": 1, "version": "..."}}
    > {"id": 2, "verb": "guest_start", "args": {"guest": "...", "fence": 7}}
    < {"id": 2, "error": {"kind": "fenced", "code": "fenced", "message": "...", "todo": ""}}

`hello` comes first. `image_receive` is answered with {"id": n, "go": true}; then come exactly the file's bytes, then
the answer. After the answer to `connect` and `console` the channel carries raw bytes and nothing else.
"""

from __future__ import annotations

import json
import os
from typing import Any

from teig.agent.contract.failure import invalid

PROTOCOL = 1
CAPABILITIES = ("jobs", "once", "started", "answers", "transfer")
"""What this agent can do beyond the first one; it says so in its answer to hello."""
MOST_LINE = 1 << 20
_READ = 1 << 18


class ChannelClosed(Exception):
    """The other end has closed the channel."""


class Channel:
    """Standard input and output of this process, or any two file descriptors."""

    def __init__(self, source: int = 0, sink: int = 1) -> None:
        self.source = source
        self.sink = sink
        self._pending = bytearray()

    def line(self) -> bytes:
        """Return the next line; ChannelClosed at the end, a Failure where it is longer than 1 MiB."""
        searched = 0
        while (end := self._pending.find(b"\n", searched)) < 0:
            searched = len(self._pending)
            if searched > MOST_LINE:
                raise invalid(f"A request is longer than {MOST_LINE} bytes.", code="line_too_long")
            self._more()
        found = bytes(self._pending[:end])
        del self._pending[: end + 1]
        return found

    def read(self, most: int) -> bytes:
        """Return between 1 and `most` raw bytes; ChannelClosed at the end."""
        if not self._pending:
            self._more()
        found = bytes(self._pending[:most])
        del self._pending[:most]
        return found

    def rest(self) -> bytes:
        """Return the bytes that came along with the last line."""
        found, self._pending = bytes(self._pending), bytearray()
        return found

    def _more(self) -> None:
        data = os.read(self.source, _READ)
        if not data:
            raise ChannelClosed
        self._pending += data

    def send(self, answer: dict[str, Any]) -> None:
        """Send one answer; ChannelClosed where nobody reads it any more."""
        try:
            write_all(self.sink, json.dumps(answer, separators=(",", ":")).encode() + b"\n")
        except BrokenPipeError as error:
            raise ChannelClosed from error


def parse_request(line: bytes) -> tuple[int, str, Any]:
    """Return a request's id, verb and arguments; a Failure where the line is no request."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise invalid(f"A line is not JSON: {error}.", code="not_json") from error
    if not isinstance(request, dict) or set(request) != {"id", "verb", "args"}:
        raise invalid("A request has the fields id, verb and args, and no others.", code="not_a_request")
    number, verb = request["id"], request["verb"]
    if type(number) is not int or not isinstance(verb, str):
        raise invalid("A request's id must be a number and its verb a word.", code="not_a_request")
    return number, verb, request["args"]


def check_protocol(wanted: int) -> None:
    """Raise a Failure, naming both numbers, where the other end speaks another protocol."""
    if wanted != PROTOCOL:
        raise invalid(f"This agent speaks protocol {PROTOCOL}, and the server asks for {wanted}.", code="agent_version")


def write_all(handle: int, data: bytes) -> None:
    """Write all of some bytes."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
