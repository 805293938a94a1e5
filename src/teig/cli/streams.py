"""Bytes both ways between this machine and a guest: its console, or one of its TCP ports.

The server's end is a WebSocket with binary frames; an empty one says that our side sends no more, and we go on
receiving until the other side ends. A stream that cannot be opened tells why in a text frame, and is closed with status
4000.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from teig.cli.client import Api
from teig.model.errors import Conflict, InvalidRequest, TeigError, Unreachable, from_record

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

ESCAPE = b"\x1d"  # Ctrl-], as `xl console` has it
CHUNK = 64 * 1024
REFUSED = 4000


def relay(api: Api, path: str, source: int, sink: Callable[[bytes], object], *, escape: bytes = b"") -> None:
    """Carry bytes from the file descriptor `source` to a stream of the API, and from there to `sink`, until it ends."""
    with api.stream(path) as stream:
        wake, waker = socket.socketpair()
        pump = threading.Thread(target=_send_all, args=(stream, source, wake, escape), daemon=True)
        pump.start()
        try:
            _receive_all(stream, sink)
        finally:
            waker.close()
            pump.join(timeout=1.0)
            wake.close()


def _receive_all(stream: ClientConnection, sink: Callable[[bytes], object]) -> None:
    """Hand on what arrives until the other side ends, or our side has gone."""
    from websockets.exceptions import ConnectionClosed

    try:
        while True:
            data = stream.recv()
            if isinstance(data, str):  # why there is no stream; a server of an earlier release says it in closing only
                raise from_record(json.loads(data))
            sink(data)
    except ConnectionClosed as error:
        if error.rcvd and error.rcvd.code == REFUSED:
            raise Unreachable(error.rcvd.reason, code="stream_failed") from error
    except (BrokenPipeError, ConnectionResetError):
        return


def _send_all(stream: ClientConnection, source: int, wake: socket.socket, escape: bytes) -> None:
    """Send what can be read from `source` until it ends, `wake` is closed, or `escape` is typed."""
    from websockets.exceptions import ConnectionClosed

    with contextlib.suppress(ConnectionClosed, OSError):
        while True:
            ready, _, _ = select.select([source, wake.fileno()], [], [])
            data = os.read(source, CHUNK) if source in ready else b""
            if source not in ready:
                return
            if not data:
                stream.send(b"")
                return
            if escape and escape in data:
                stream.close()
                return
            stream.send(data)


def stdio(api: Api, path: str) -> None:
    """Join standard input and output to a stream: what `ssh` wants of a ProxyCommand."""
    relay(api, path, sys.stdin.fileno(), _to_stdout)


def console(api: Api, path: str) -> None:
    """Join the terminal to a stream, raw: every key goes to the guest except Ctrl-], which leaves."""
    if not sys.stdin.isatty():
        stdio(api, path)
        return
    try:
        with _raw_terminal():
            print("Connected; Ctrl-] leaves.\r", file=sys.stderr, flush=True)
            relay(api, path, sys.stdin.fileno(), _to_stdout, escape=ESCAPE)
    finally:
        print("\nLeft the console.", file=sys.stderr)


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    kept = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, kept)


def _to_stdout(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def listen(port: int) -> socket.socket:
    """Return a socket that listens on a port of 127.0.0.1 (0: any free one)."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except PermissionError as error:
        listener.close()
        raise InvalidRequest(f"Port {port} of this machine is only for root.", "Take one above 1023.") from error
    except OSError as error:
        listener.close()
        raise Conflict(
            f"Port {port} of 127.0.0.1 is in use already.", "Take another one, or 0 for any that is free.",
            code="port_taken",
        ) from error  # fmt: skip
    listener.listen()
    return listener


def forward(api: Api, path: str, listener: socket.socket, complain: Callable[[TeigError], None]) -> None:
    """Carry every connection that the listener takes, each in a thread of its own; ends only by an exception."""
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_carry, args=(api, path, client, complain), daemon=True).start()


def _carry(api: Api, path: str, client: socket.socket, complain: Callable[[TeigError], None]) -> None:
    with client:
        try:
            relay(api, path, client.fileno(), client.sendall)
        except TeigError as error:
            complain(error)
