"""What is slow on the way to one host, its name server, its first address or our own disk, is nobody else's trouble."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from teig.fleet import reaching, ssh_connection
from teig.fleet.ssh import SshFleet
from teig.fleet.upload import chunks_of
from teig.model.errors import Unreachable
from teig.model.names import HostId, ImageId
from tests.fleet.server import LocalHost

IMAGE = ImageId("0" * 64)


def known_as(name: str, there: LocalHost) -> Any:
    return replace(there.address, id=HostId(name), name=name, address=name)


@contextmanager
def silent_address(port: int, address: str = "127.0.0.9") -> Iterator[str]:
    """Have an address where nobody answers, not even that there is nobody: its queue is full."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind((address, port))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((address, port))
        yield address


def test_an_answer_that_comes_when_nobody_waits_any_more_serves_who_asks_next(
    fleet: SshFleet, there: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, asked, sound = threading.Event(), [], socket.getaddrinfo

    def slow(name: Any, *more: Any, **named: Any) -> Any:
        if name == "slow":
            asked.append(name)
            assert answer.wait(60)
        return sound("127.0.0.1" if name == "slow" else name, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr(ssh_connection, "CONNECT_TIMEOUT_S", 1.5)
    monkeypatch.setattr(ssh_connection, "REMEMBERED_S", 0.0)
    host = fleet.host(known_as("slow", there))
    with pytest.raises(Unreachable):
        host.image_present(IMAGE)
    answer.set()
    assert not host.image_present(IMAGE)
    assert asked == ["slow"]


@contextmanager
def serving(address: str, port: int, serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Have an address where each connection is taken, and served so."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(50)
        taken: list[socket.socket] = []

        def take() -> None:
            with suppress(OSError):
                while True:
                    taken.append(listening.accept()[0])
                    threading.Thread(target=serve, args=(taken[-1],), daemon=True).start()

        threading.Thread(target=take, daemon=True).start()
        yield address
        listening.shutdown(socket.SHUT_RDWR)
        for one in taken:
            one.close()


@contextmanager
def dead_end(how: str, port: int) -> Iterator[str]:
    """Have an address that leads to no SSH server."""
    if how == "silent":
        with silent_address(port) as address:
            yield address
    elif how == "nobody":
        yield "127.0.0.8"
    else:
        with serving("127.0.0.7", port, socket.socket.close if how == "ends" else lambda _: None) as address:
            yield address


def named_dual(patch: pytest.MonkeyPatch, *addresses: str, after_s: float = 0.0) -> None:
    """Let a name have some addresses, which its server tells after a while."""
    sound = socket.getaddrinfo

    def both(name: Any, *more: Any, **named: Any) -> Any:
        if name != "dual":
            return sound(name, *more, **named)
        time.sleep(after_s)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in addresses]

    patch.setattr(socket, "getaddrinfo", both)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("how", ["silent", "mute", "ends", "nobody"])
def test_an_address_that_leads_to_no_server_keeps_nobody_from_the_other(
    fleet: SshFleet, there: LocalHost, monkeypatch: pytest.MonkeyPatch, how: str, first: bool
) -> None:
    """Such as an IPv6 address that is routed nowhere, or into a box that takes every connection."""
    monkeypatch.setattr(ssh_connection, "CONNECT_TIMEOUT_S", 10.0)
    with dead_end(how, there.port) as address:
        named_dual(monkeypatch, *([address, "127.0.0.1"] if first else ["127.0.0.1", address]))
        assert not fleet.host(known_as("dual", there)).image_present(IMAGE)


@pytest.mark.parametrize("looked_up_after_s", [0.0, 2.0])
def test_each_of_many_addresses_is_tried(
    fleet: SshFleet, there: LocalHost, monkeypatch: pytest.MonkeyPatch, looked_up_after_s: float
) -> None:
    monkeypatch.setattr(ssh_connection, "CONNECT_TIMEOUT_S", 4.0)
    with ExitStack() as stack:
        silent = [stack.enter_context(silent_address(there.port, f"127.0.0.{number}")) for number in range(20, 32)]
        named_dual(monkeypatch, *silent, "127.0.0.1", after_s=looked_up_after_s)
        assert not fleet.host(known_as("dual", there)).image_present(IMAGE)


def test_a_host_that_is_slow_to_greet_is_waited_for_while_its_other_address_is_tried(
    fleet: SshFleet, there: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_connection, "_APART_S", 0.2)

    def late(taken: socket.socket) -> None:
        time.sleep(1.5)
        onward = socket.create_connection(("127.0.0.1", there.port))
        for source, sink in ((taken, onward), (onward, taken)):
            threading.Thread(target=carry, args=(source, sink), daemon=True).start()

    def carry(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    with serving("127.0.0.6", there.port, late) as slow, silent_address(there.port) as silent:
        named_dual(monkeypatch, slow, silent)
        assert not fleet.host(known_as("dual", there)).image_present(IMAGE)


def test_where_no_address_leads_to_a_server_that_is_told_and_no_connection_is_left(
    fleet: SshFleet, there: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_connection, "CONNECT_TIMEOUT_S", 1.0)
    monkeypatch.setattr(ssh_connection, "_APART_S", 0.1)
    made, connected = [], reaching._connected

    async def noted(address: str, port: int) -> socket.socket:
        made.append(await connected(address, port))
        return made[-1]

    monkeypatch.setattr(reaching, "_connected", noted)
    with dead_end("mute", there.port) as mute, dead_end("silent", there.port) as silent:
        named_dual(monkeypatch, mute, silent, "127.0.0.8")
        with pytest.raises(Unreachable):
            fleet.host(known_as("dual", there)).image_present(IMAGE)
        deadline = time.monotonic() + 10
        while any(one.fileno() >= 0 for one in made):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert made


def test_an_upload_that_is_given_up_while_its_disk_hangs_holds_up_no_host(
    fleet: SshFleet, there: LocalHost, tmp_path: Path
) -> None:
    """A FIFO stands for the disk: it is opened, and then says nothing."""
    disk, opened, end = tmp_path / "root.img", threading.Event(), threading.Event()
    os.mkfifo(disk)

    def hang() -> None:
        with disk.open("wb"):
            opened.set()
            end.wait(30)

    async def send() -> None:
        async for _ in chunks_of(disk, 1 << 20):
            pass

    hanging = threading.Thread(target=hang, daemon=True)
    hanging.start()
    host = fleet.host(there.address)
    assert not host.image_present(IMAGE)
    try:
        upload = asyncio.run_coroutine_threadsafe(send(), fleet._loop)
        assert opened.wait(30)
        upload.cancel()
        began = time.monotonic()
        assert not host.image_present(IMAGE)
        assert time.monotonic() - began < 10
    finally:
        end.set()
    hanging.join(30)
