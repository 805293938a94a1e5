"""Raw bytes both ways, with a socket and a pseudo terminal in the guest's place."""

from __future__ import annotations

import os
import socket
import tty
from threading import Thread
from typing import Any

import pytest

from teig.agent.guests.streams import relay_socket, relay_terminal
from tests.agent.given import GUEST, Asking

BIG = bytes(range(256)) * 2048


class _Pipes:
    """The channel: what the caller writes comes out of `source`, what goes into `sink` the caller reads."""

    def __init__(self) -> None:
        self.source, self.caller_in = os.pipe()
        self.caller_out, self.sink = os.pipe()

    def read_to_end(self) -> bytes:
        os.close(self.sink)
        found = b""
        while data := os.read(self.caller_out, 65536):
            found += data
        return found


@pytest.fixture
def pipes() -> _Pipes:
    return _Pipes()


def _started(target: Any, *args: Any) -> Thread:
    thread = Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def test_a_socket_s_bytes_and_its_ends(pipes: _Pipes) -> None:
    guest, far = socket.socketpair()
    relay = _started(relay_socket, pipes.source, pipes.sink, b"GET", far)
    os.write(pipes.caller_in, b" /")
    os.close(pipes.caller_in)
    asked = b""
    while data := guest.recv(100):
        asked += data
    assert asked == b"GET /"
    answering = _started(_answer, guest)
    found = b""
    while len(found) < len(BIG):
        found += os.read(pipes.caller_out, 65536)
    relay.join(10)
    answering.join(10)
    assert not relay.is_alive()
    assert found == BIG
    assert pipes.read_to_end() == b""


def _answer(guest: socket.socket) -> None:
    with guest:
        guest.sendall(BIG)


def test_a_console_ends_with_its_guest(pipes: _Pipes) -> None:
    guest, terminal = os.openpty()
    tty.setraw(terminal)
    relay = _started(relay_terminal, pipes.source, pipes.sink, b"\n", terminal)
    assert os.read(guest, 10) == b"\n"
    os.write(guest, b"login: ")
    assert os.read(pipes.caller_out, 100) == b"login: "
    os.close(guest)
    relay.join(10)
    assert not relay.is_alive()


def test_a_console_ends_with_its_reader(pipes: _Pipes) -> None:
    _guest, terminal = os.openpty()
    relay = _started(relay_terminal, pipes.source, pipes.sink, b"", terminal)
    os.close(pipes.caller_in)
    relay.join(10)
    assert not relay.is_alive()


def test_a_stream_that_cannot_begin_leaves_the_channel(asking: Asking) -> None:
    assert asking.ask("connect", guest=GUEST, port=80)["error"]["code"] == "no_guest"
    assert asking.ask("console", guest=GUEST)["error"]["kind"] == "host_fault"
    assert asking.ask("connect", guest=GUEST, port=80)["error"]["code"] == "no_guest"


def test_only_ever_the_guest_s_own_address(asking: Asking) -> None:
    for extra in ({"address": "127.0.0.1"}, {"ip": "10.77.0.1"}):
        error = asking.ask("connect", guest=GUEST, port=22, **extra)["error"]
        assert error["code"] == "unknown_argument"
