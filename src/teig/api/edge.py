"""The one edge that every request passes before anything reads it: what no part of Teig could mean is refused here.

A body is JSON in UTF-8 of at most 1 MiB, with numbers that are finite and fit 64 bits, and text without characters that
are not text; paths and queries are text too. The refusal names the field. What a field may be beyond that is said by
its noun. Files of images are no JSON: they pass through, and are held to what their manifest promises.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from teig.agent.contract.arguments import NO_TEXT
from teig.model.errors import InvalidRequest, NotFound, TeigError, TooLarge

MOST_BODY: Final = 1 << 20
MOST_DEPTH: Final = 32
_LARGE: Final = 1 << 14
"""Bytes of a body that is checked beside the loop, which has others' requests and consoles to see to."""
_LEAST, _MOST = -(2**63), 2**63 - 1
_LINES = dict.fromkeys(map(ord, "\t\n\r"), " ")
"""Tabs and line ends, which text in a body may have."""
_FILE = re.compile(r"/v1/images/[^/]+/files/[^/]+")


class Edge:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, or refuse it."""
        if scope["type"] == "http":
            try:
                _check_address(scope)
                if not _FILE.fullmatch(scope["path"]):
                    body = await _body(scope, receive)
                    large = len(body) > _LARGE
                    receive = _again(await asyncio.to_thread(checked, body) if large else checked(body), receive)
            except TeigError as error:
                await _refused(error)(scope, receive, send)
                return
        elif scope["type"] == "websocket":
            try:
                _check_address(scope)
            except TeigError:
                await send({"type": "websocket.close", "code": 1008})
                return
        await self._app(scope, receive, send)


def checked(untrusted_body: bytes) -> bytes:
    """Return a body that is empty or JSON such as Teig reads it; InvalidRequest names what in it is not."""
    if not untrusted_body:
        return untrusted_body
    try:
        value = json.loads(untrusted_body.decode("utf-8"), parse_constant=float, parse_int=_whole)
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not UTF-8.", "Send JSON in UTF-8.") from error
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.") from error
    except ValueError as error:
        raise InvalidRequest(f"The body is not JSON: {error}.", "Send JSON in UTF-8.") from error
    for where, leaf in _leaves(value):
        _check_leaf(where, leaf)
    return untrusted_body


def _leaves(root: Any) -> Iterator[tuple[str, Any]]:
    """Yield every value that has no others in it, and every key, with where it stands."""
    stack: list[tuple[str, Any, int]] = [("", root, 0)]
    while stack:
        where, value, depth = stack.pop()
        if depth > MOST_DEPTH:
            raise InvalidRequest("The body is nested too deeply.")
        if isinstance(value, dict):
            for key, inner in value.items():
                yield "a name", key
                stack.append((f"{where}.{key:.63}".lstrip("."), inner, depth + 1))
        elif isinstance(value, list):
            stack.extend((f"{where}.{index}".lstrip("."), inner, depth + 1) for index, inner in enumerate(value))
        else:
            yield where or "the body", value


def _check_leaf(where: str, leaf: Any) -> None:
    if isinstance(leaf, str) and (found := NO_TEXT.search(leaf.translate(_LINES))):
        raise InvalidRequest(f"{where} holds a character that is no text: U+{ord(found[0]):04X}.", "Take it out.")
    if isinstance(leaf, int) and not _LEAST <= leaf <= _MOST:
        raise InvalidRequest(f"{where} is a number that nothing can be.", "Correct it.")
    if isinstance(leaf, float) and not math.isfinite(leaf):
        raise InvalidRequest(f"{where} is not a finite number.", "Correct it.")


def _whole(digits: str) -> int:
    """Return a whole number; one of more digits than any means is as bad as the first that does not fit."""
    return int(digits) if len(digits) < 40 else _MOST + 1


def _check_address(scope: Scope) -> None:
    for part in ("path", "query"):
        raw = scope.get("raw_path") or scope["path"].encode() if part == "path" else scope["query_string"]
        try:
            text = unquote_to_bytes(raw).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"The {part} is not UTF-8.") from error
        if found := NO_TEXT.search(text):
            what = f"The {part} holds a character that is no text: U+{ord(found[0]):04X}."
            raise NotFound(what, code="no_route") if part == "path" else InvalidRequest(what, "Take it out.")


async def _body(scope: Scope, receive: Receive) -> bytes:
    """Return a request's body; TooLarge as soon as it is known to be more than anybody sends."""
    told = dict(scope["headers"]).get(b"content-length", b"0")
    if not told.isdigit() or int(told[:20]) > MOST_BODY:
        raise _too_large()
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MOST_BODY:
            raise _too_large()
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once more, and then what really comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _too_large() -> TooLarge:
    return TooLarge(f"The request's body is larger than {MOST_BODY >> 20} MiB.", "Send less.")


def _refused(error: TeigError) -> JSONResponse:
    return JSONResponse({"error": error.as_record()}, error.http_status, {"connection": "close"})
