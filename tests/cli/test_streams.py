"""Console, forwarding and ssh's relay, against a WebSocket that answers as the server does."""

from __future__ import annotations

import http
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, unix_serve

from teig.model.errors import Unreachable
from tests.cli.conftest import Teig
from tests.cli.fake_server import DETAIL

GONE = "Nothing listens on port 9 of guest web."
TODO = "Look at its console, which tells more of it than this sentence does: teig guest console web"


@pytest.fixture
def streaming(home: Path) -> Iterator[None]:
    """A server whose guest sends back what it gets in capitals, and says goodbye when no more comes."""
    path = home / "teig/server/teig.sock"
    path.parent.mkdir(parents=True)
    with unix_serve(_shout, str(path), process_request=_plain, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def _plain(connection: ServerConnection, request: Request) -> Response | None:
    if request.headers.get("Upgrade"):
        return None
    found = request.path == "/v1/guests/web"
    body = json.dumps(DETAIL if found else {"error": {"kind": "not_found", "message": "No such guest."}}).encode()
    status = http.HTTPStatus.OK if found else http.HTTPStatus.NOT_FOUND
    return Response(status, "", Headers({"Content-Length": str(len(body)), "Connection": "close"}), body)


def _shout(connection: ServerConnection) -> None:
    assert connection.request
    if connection.request.path.endswith("/9?reason=text"):
        connection.send(json.dumps(Unreachable(GONE, TODO).as_record()))
        connection.close(4000, GONE[:20])
        return
    if connection.request.path.endswith("/8?reason=text"):  # as a server of an earlier release
        connection.close(4000, GONE)
        return
    for data in connection:
        if not data:
            connection.send(b"BYE")
            return
        assert isinstance(data, bytes)
        connection.send(data.upper())


def test_connect_relays_standard_input_and_output(teig: Teig, streaming: None) -> None:
    done = teig("guest", "connect", "web", "22", stdin="hello ")
    assert (done.returncode, done.stdout) == (0, "HELLO BYE")


def test_a_port_that_does_not_answer_is_one_sentence(teig: Teig, streaming: None) -> None:
    done = teig("guest", "connect", "web", "9")
    assert (done.returncode, done.stderr) == (3, f"error: {GONE}\n{TODO}\n")
    done = teig("guest", "connect", "web", "8")
    assert (done.returncode, done.stderr) == (3, f"error: {GONE}\n")


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home), "PYTHONUNBUFFERED": "1"}


def test_forward_takes_a_free_port_and_serves_several_at_once(home: Path, streaming: None) -> None:
    argv = [sys.executable, "-m", "teig", "guest", "forward", "web", "0:80"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=_environment(home)) as process:
        assert process.stdout
        try:
            line = process.stdout.readline()
            port = re.fullmatch(r"127\.0\.0\.1:(\d+) leads to web:80; Ctrl-C ends it\.\n", line)
            assert port, line
            with _dial(port[1]) as first, _dial(port[1]) as second:
                first.sendall(b"one")
                second.sendall(b"two")
                assert (first.recv(100), second.recv(100)) == (b"ONE", b"TWO")
                first.shutdown(socket.SHUT_WR)
                assert first.recv(100) == b"BYE"
                assert first.recv(100) == b""
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


def _dial(port: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(port)), timeout=20)


def test_console_sends_every_key_but_the_one_that_leaves(home: Path, streaming: None) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "teig", "guest", "console", "web"], _environment(home))  # noqa: S606
    try:
        assert "Ctrl-] leaves" in _read_until(terminal, "leaves.")
        os.write(terminal, b"a\x03b")
        assert "A\x03B" in _read_until(terminal, "B")
        os.write(terminal, b"\x1d")
        assert "Left the console." in _read_until(terminal, "console.")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        os.close(terminal)


def _read_until(terminal: int, end: str) -> str:
    text = ""
    while end not in text:
        ready, _, _ = select.select([terminal], [], [], 20)
        assert ready, f"only {text!r} came"
        text += os.read(terminal, 4096).decode()
    return text
