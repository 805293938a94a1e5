"""Raw bytes both ways, with a socket and a pseudo terminal in the guest's place."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
import tty
from threading import Thread
from typing import Any

import pytest

from teig.agent.contract.spec import parse_spec
from teig.agent.guests import streams
from teig.agent.guests.streams import connection, relay_socket, relay_terminal
from tests.agent.given import GUEST, Asking, spec
from tests.agent.processors import domain
from tests.keeper.given import Xen

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


def test_a_guest_that_answers_more_than_it_is_asked_never_stops_the_relay(pipes: _Pipes) -> None:
    """Both ways are full at once: whoever waits to write must go on reading."""
    guest, far = socket.socketpair()
    _started(relay_socket, pipes.source, pipes.sink, b"", far)
    _started(_echo_fourfold, guest)
    _started(_write_all, pipes.caller_in, bytes(32 << 20))
    found = 0
    while found < 4 * (32 << 20):
        ready, _, _ = select.select([pipes.caller_out], [], [], 20)
        assert ready, f"it stands still after {found >> 20} MiB"
        found += len(os.read(pipes.caller_out, 65536))


def _echo_fourfold(guest: socket.socket) -> None:
    while data := guest.recv(65536):
        guest.sendall(data * 4)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view[:65536]) :]


def test_a_terminal_that_takes_nothing_is_read_all_the_same(pipes: _Pipes) -> None:
    guest, terminal = os.openpty()
    tty.setraw(terminal)
    _started(relay_terminal, pipes.source, pipes.sink, bytes(1 << 20), terminal)
    os.write(guest, b"a kernel's last words")
    assert os.read(pipes.caller_out, 100) == b"a kernel's last words"


def test_no_more_is_read_than_the_other_end_takes(pipes: _Pipes) -> None:
    """A caller who sends without end to a guest that reads nothing must not fill Domain-0's memory."""
    guest, far = socket.socketpair()
    _started(relay_socket, pipes.source, pipes.sink, b"", far)
    os.set_blocking(pipes.caller_in, False)
    sent = 0
    deadline = time.monotonic() + 20
    while select.select([], [pipes.caller_in], [], 1)[1]:
        sent += os.write(pipes.caller_in, bytes(65536))
        assert sent < 8 << 20
        assert time.monotonic() < deadline
    guest.close()


def test_a_guest_s_end_of_file_is_passed_on_and_the_other_way_goes_on(pipes: _Pipes) -> None:
    guest, far = socket.socketpair()
    relay = _started(relay_socket, pipes.source, pipes.sink, b"", far)
    guest.sendall(b"bye")
    guest.shutdown(socket.SHUT_WR)
    assert os.read(pipes.caller_out, 10) == b"bye"
    assert os.read(pipes.caller_out, 10) == b""
    os.write(pipes.caller_in, b"and you")
    assert guest.recv(10) == b"and you"
    os.close(pipes.caller_in)
    relay.join(10)
    assert not relay.is_alive()
    assert guest.recv(10) == b""


def test_half_closed_the_way_sshd_has_it() -> None:
    """sshd gives a command one socket pair as both standard input and output."""
    caller, ours = socket.socketpair()
    guest, far = socket.socketpair()
    relay = _started(relay_socket, ours.fileno(), os.dup(ours.fileno()), b"", far)
    guest.sendall(b"bye")
    guest.shutdown(socket.SHUT_WR)
    assert (caller.recv(10), caller.recv(10)) == (b"bye", b"")
    caller.sendall(b"and you")
    caller.shutdown(socket.SHUT_WR)
    assert (guest.recv(10), guest.recv(10)) == (b"and you", b"")
    relay.join(10)
    assert not relay.is_alive()


@pytest.mark.parametrize("half_closed", [False, True])
def test_a_vanished_caller_ends_a_silent_stream(pipes: _Pipes, half_closed: bool) -> None:
    guest, far = socket.socketpair()
    relay = _started(relay_socket, pipes.source, pipes.sink, b"", far)
    os.write(pipes.caller_in, b"tail -f")
    assert guest.recv(10) == b"tail -f"
    if half_closed:
        os.close(pipes.caller_in)
        assert guest.recv(10) == b""
    os.close(pipes.caller_out)
    relay.join(10)
    assert not relay.is_alive()


def test_a_guest_that_resets_the_connection_ends_the_stream(pipes: _Pipes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        guest, _ = listener.accept()
    relay = _started(relay_socket, pipes.source, pipes.sink, b"", far)
    guest.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    guest.close()
    assert os.read(pipes.caller_out, 10) == b""
    os.close(pipes.caller_in)
    relay.join(10)
    assert not relay.is_alive()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for the guest, and see that nothing moves any more, after tenths of a second."""
    monkeypatch.setattr(streams, "_THERE_MS", 200)
    monkeypatch.setattr(streams, "_FLUSH_MS", 300)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("talks", [False, True])
def test_a_guest_that_has_gone_without_a_word_ends_the_stream(pipes: _Pipes, talks: bool) -> None:
    """As one that was destroyed does, whether the caller waits for its answer or goes on writing."""
    guest, far = socket.socketpair()
    there = [True, True, False]
    relay = _started(relay_socket, pipes.source, pipes.sink, b"GET", far, lambda: there.pop(0))
    assert guest.recv(10) == b"GET"
    deadline = time.monotonic() + 30
    while relay.is_alive() and time.monotonic() < deadline:
        os.write(pipes.caller_in, b"x" if talks else b"")
        relay.join(0.05)
    assert not relay.is_alive()
    assert not there


@pytest.mark.usefixtures("impatient")
def test_what_a_guest_that_is_gone_said_last_arrives_whole(pipes: _Pipes) -> None:
    guest, far = socket.socketpair()
    relay = _started(relay_socket, pipes.source, pipes.sink, b"", far, lambda: False)
    _started(_answer, guest)
    found = 0
    while found < len(BIG):
        time.sleep(0.05)
        found += len(os.read(pipes.caller_out, 16384))
    relay.join(10)
    assert not relay.is_alive()


@pytest.mark.usefixtures("impatient")
def test_a_guest_that_cannot_be_asked_for_counts_as_there(pipes: _Pipes) -> None:
    """The caller reads raw bytes: nothing of the failure may come among them."""
    guest, far = socket.socketpair()
    asked: list[int] = []

    def there() -> bool:
        asked.append(1)
        raise RuntimeError("(12, 'Cannot allocate memory')")

    relay = _started(relay_socket, pipes.source, pipes.sink, b"", far, there)
    while len(asked) < 3 and relay.is_alive():
        time.sleep(0.01)
    assert relay.is_alive()
    guest.sendall(b"bye")
    assert os.read(pipes.caller_out, 100) == b"bye"
    guest.close()
    os.close(pipes.caller_in)
    relay.join(10)
    assert not relay.is_alive()


def test_a_stream_is_to_one_domain_of_a_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one, after a reboot, has another connection, also where it has the same address."""

    class Defined:
        def spec(self, _: str) -> object:
            return parse_spec(spec())

    xen, (_, far) = Xen(), socket.socketpair()
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: far)
    first = domain(5, GUEST)
    xen.running.append(first)
    with connection(Defined(), xen, GUEST, 80) as (_, there):  # type: ignore[arg-type]
        for running, expected in (
            ([first], True),
            ([first._replace(dying=True)], False),
            ([domain(6, GUEST)], False),
            ([], False),
        ):
            xen.running = running
            assert there() == expected, running


def test_what_the_guest_said_last_arrives_whole(pipes: _Pipes) -> None:
    guest, far = socket.socketpair()
    _started(relay_socket, pipes.source, pipes.sink, b"", far)
    answering = _started(_answer, guest)
    os.write(pipes.caller_in, b"x")
    found = b""
    while data := os.read(pipes.caller_out, 65536):
        found += data
        time.sleep(0.001)
    answering.join(10)
    assert found == BIG


def test_a_stream_that_cannot_begin_leaves_the_channel(asking: Asking) -> None:
    assert asking.ask("connect", guest=GUEST, port=80)["error"]["code"] == "no_guest"
    assert asking.ask("console", guest=GUEST)["error"]["kind"] == "host_fault"
    assert asking.ask("connect", guest=GUEST, port=80)["error"]["code"] == "no_guest"


def test_only_ever_the_guest_s_own_address(asking: Asking) -> None:
    for extra in ({"address": "127.0.0.1"}, {"ip": "10.77.0.1"}):
        error = asking.ask("connect", guest=GUEST, port=22, **extra)["error"]
        assert error["code"] == "unknown_argument"
