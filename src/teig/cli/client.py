"""The command line's side of the HTTP API: requests over the server's unix socket.

It is made of `http.client`, because importing httpx takes half a second, which is longer than most commands should
take altogether. Streams (a guest's port or console) are WebSockets. What goes wrong becomes an error of
`teig.model.errors` here: the server's own ones come back as they were raised there.
"""

from __future__ import annotations

import difflib
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from teig import paths
from teig.model.errors import InternalFault, NotFound, TeigError, Unreachable, from_record
from teig.model.names import check_name

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

ANSWER_S = 120.0
_CHUNK = 256 * 1024


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("teig", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect; `http.client` calls this before the first request."""
        self.sock = connect(self._path, self.timeout)


def connect(path: Path, timeout_s: float | None) -> socket.socket:
    """Return a connection to the server's socket, or raise Unreachable saying how to start one."""
    paths.check_socket(path)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        connection.connect(str(path))
    except PermissionError as error:
        connection.close()
        raise Unreachable(
            f"The Teig server's socket {path} belongs to another user.", "Run teig as the user that runs the server."
        ) from error
    except OSError as error:
        connection.close()
        raise Unreachable(
            f"No Teig server is running here: nothing answers at {path}.",
            "Start one with: teig serve",
            code="no_server",
        ) from error
    return connection


def name_path(noun: str, kind: str, name: str) -> str:
    """Return the path of a named thing, for example `/guests/web`; InvalidRequest where it cannot be a name."""
    return f"/{noun}/{quote(check_name(kind, name), safe='')}"


class Api:
    """The server, as the command line sees it: one method per HTTP verb, plain JSON values in and out."""

    def __init__(self, path: Path | None = None) -> None:
        self._socket = path or paths.socket_path()

    def get(self, path: str, *, timeout_s: float = ANSWER_S, **query: object) -> Any:
        """Return what is at a path."""
        return self._call("GET", path, query=query, timeout_s=timeout_s)

    def post(self, path: str, body: object, *, timeout_s: float = ANSWER_S) -> Any:
        """Send a JSON body and return the answer."""
        return self._call("POST", path, json.dumps(body).encode(), timeout_s=timeout_s)

    def put(self, path: str, body: object) -> Any:
        """Replace what is at a path and return the answer."""
        return self._call("PUT", path, json.dumps(body).encode())

    def delete(self, path: str, **query: object) -> Any:
        """Delete what is at a path."""
        return self._call("DELETE", path, query=query)

    def put_file(self, path: str, source: IO[bytes], size: int, sent: Callable[[int], None]) -> Any:
        """Stream a file's bytes to a path, telling `sent` how many bytes each piece had."""

        def pieces() -> Iterator[bytes]:
            while piece := source.read(_CHUNK):
                yield piece
                sent(len(piece))

        return self._call("PUT", path, pieces(), headers={"Content-Length": str(size)}, timeout_s=600.0)

    def alive(self) -> bool:
        """Return whether a server answers."""
        try:
            self.get("/server", timeout_s=10.0)
        except Unreachable:
            return False
        return True

    def stream(self, path: str) -> AbstractContextManager[ClientConnection]:
        """Open a WebSocket; leaving the context closes it."""
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.sync.client import unix_connect

        sock = connect(self._socket, ANSWER_S)
        try:
            return unix_connect(
                uri=f"ws://teig/v1{path}?reason=text",
                sock=sock,
                compression=None,
                proxy=None,
                max_size=None,
                ping_interval=None,
            )
        except InvalidStatus as error:
            sock.close()
            raise _refusal(error.response.status_code, error.response.body or b"") from error
        except (WebSocketException, OSError, EOFError) as error:
            sock.close()
            raise _broken(error) from error

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        *,
        query: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        timeout_s: float = ANSWER_S,
    ) -> Any:
        given = {key: value for key, value in (query or {}).items() if value is not None}
        target = f"/v1{path}" + (f"?{urlencode(given)}" if given else "")
        kind = {"Content-Type": "application/json"} if isinstance(body, bytes) else {}
        connection = _UnixConnection(self._socket, timeout_s)
        try:
            with suppress(
                BrokenPipeError, ConnectionResetError
            ):  # refused while it was being sent: the answer says why
                connection.request(method, target, body, {**kind, **(headers or {})})
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
        except (http.client.HTTPException, OSError) as error:
            raise _broken(error) from error
        finally:
            connection.close()
        if status >= 400:
            raise _refusal(status, content)
        return json.loads(content) if content else None


def _broken(error: Exception) -> TeigError:
    if isinstance(error, TimeoutError):
        return Unreachable("The Teig server did not answer in time.", f"Its log is in {paths.server_dir()}")
    return Unreachable(
        "The Teig server ended the connection before it had answered.", f"Its log is in {paths.server_dir()}"
    )


def _refusal(status: int, content: bytes | bytearray) -> TeigError:
    try:
        return from_record(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        text = content.decode(errors="replace")[:300]
        return InternalFault(f"The server answered with HTTP status {status}: {text}")


@contextmanager
def suggesting(api: Api, *named: tuple[str, str | None]) -> Iterator[None]:
    """Where something is not found, say which names come near. `named` are pairs of a noun's path and a name."""
    try:
        yield
    except NotFound as error:
        for noun, name in named:
            near = _near(api, noun, name)
            if near:
                raise NotFound(error.message, f"Did you mean {' or '.join(near)}?", code=error.reason) from error
        raise


def _near(api: Api, noun: str, name: str | None) -> list[str]:
    names = [entry["name"] for entry in api.get(f"/{noun}")] if name else []
    return [] if name is None or name in names else difflib.get_close_matches(name, names, n=2, cutoff=0.6)
