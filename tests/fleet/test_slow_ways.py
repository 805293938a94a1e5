"""What is slow on the way to one host, its name server, its first address or our own disk, is nobody else's trouble."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from teig.fleet import ssh_connection
from teig.fleet.ssh import SshFleet
from teig.fleet.upload import chunks_of
from teig.model.errors import Unreachable
from teig.model.names import HostId, ImageId
from tests.fleet.server import LocalHost

IMAGE = ImageId("0" * 64)


def known_as(name: str, there: LocalHost) -> Any:
    return replace(there.address, id=HostId(name), name=name, address=name)


@contextmanager
def silent_address(port: int) -> Iterator[str]:
    """Have an address where nobody answers, not even that there is nobody: its queue is full."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.9", port))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.9", port))
        yield "127.0.0.9"


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


def test_a_name_s_second_address_is_tried_where_the_first_is_silent(
    fleet: SshFleet, there: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as an IPv6 address that is routed nowhere."""
    sound = socket.getaddrinfo
    monkeypatch.setattr(ssh_connection, "CONNECT_TIMEOUT_S", 6.0)
    with silent_address(there.port) as silent:

        def both(name: Any, *more: Any, **named: Any) -> Any:
            if name != "dual":
                return sound(name, *more, **named)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in (silent, "127.0.0.1")]

        monkeypatch.setattr(socket, "getaddrinfo", both)
        assert not fleet.host(known_as("dual", there)).image_present(IMAGE)


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
