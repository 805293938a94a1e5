"""One kind of use of a host never keeps another out, and a silent host costs little: the lanes and the connection."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from teig.fleet import ssh_agents, ssh_channel, ssh_connection
from teig.fleet.driver import Claim, HostAddress
from teig.fleet.ssh import SshFleet, SshHost
from teig.fleet.ssh_agents import Agents
from teig.fleet.ssh_lanes import Lane, Use
from teig.model.errors import Busy, Conflict, TeigError, Unreachable
from teig.model.image import Image, Manifest
from teig.model.names import GuestId, HostId, ImageId
from teig.policy import placement
from teig.policy.placement import PlacementDecision
from teig.record import load
from tests.agent.given import FILES, GUEST, IMAGE, manifest
from tests.fleet import scripted
from tests.fleet.server import LocalHost, reached

GUESTS = [GuestId(GUEST.replace("7b1c", f"{number:04x}")) for number in range(Lane.STREAMS.most)]
IMAGE_NOUN = Image(ImageId(IMAGE), load(Manifest, manifest()))
DECISION = PlacementDecision(placement._SEAL, GuestId(GUEST), HostId("host-1"), "oslo")
BODY = """
    if name in ("connect", "console"):
        say(number, ok={})
        while os.read(0, 65536): pass
        sys.exit(0)
    if name == "image_begin":
        return {"missing": ["vmlinuz"]}
    if name == "image_receive":
        say(number, go=True)
        time.sleep(3600)
    if name == "pool_bench":
        line()
    if name == "guest_enforce" and args["fence"] == 1:
        line()
"""
"""Streams stay open, uploads and measurements never end, and a call with the fence 1 neither."""


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[LocalHost, SshHost]]:
    with reached(tmp_path, scripted.agent(tmp_path, BODY)) as both:
        yield both


@pytest.fixture
def host(both: tuple[LocalHost, SshHost], monkeypatch: pytest.MonkeyPatch) -> SshHost:
    for lane in Lane:
        monkeypatch.setattr(lane, "wait_s", 0.5)
    return both[1]


@contextmanager
def in_threads(work: Any, count: int) -> Iterator[None]:
    """Do something that does not end by itself in some threads, until the host is gone."""
    threads = [threading.Thread(target=_quietly, args=(work,), daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    yield


def _quietly(work: Any) -> None:
    try:
        work()
    except TeigError:
        return


def awaited(holds: Any, deadline_s: float = 20.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def used(host: SshHost, lane: Lane) -> int:
    return len(host.link._lanes._used[lane])


def test_consoles_keep_no_call_out_and_say_who_has_them(host: SshHost) -> None:
    async def people() -> str:
        async with AsyncExitStack() as open_streams:
            for guest in GUESTS:
                await open_streams.enter_async_context(host.open_port(guest, 22))
            await asyncio.to_thread(host.image_present, IMAGE_NOUN.id)
            with pytest.raises(Busy) as caught:
                await open_streams.enter_async_context(host.open_console(GuestId(GUEST)))
            return caught.value.message

    assert asyncio.run(people()) == "Host sv1 has all 6 streams in use: 6 to port 22."
    awaited(lambda: used(host, Lane.STREAMS) == 0)


def test_one_guest_s_people_keep_no_other_guest_s_out(host: SshHost) -> None:
    async def people() -> str:
        async with AsyncExitStack() as open_streams:
            await open_streams.enter_async_context(host.open_console(GUESTS[0]))
            for _ in range(Lane.STREAMS.most_a_guest - 1):
                await open_streams.enter_async_context(host.open_port(GUESTS[0], 22))
            with pytest.raises(Busy) as caught:
                await open_streams.enter_async_context(host.open_port(GUESTS[0], 80))
            await open_streams.enter_async_context(host.open_port(GUESTS[1], 22))
            return caught.value.message

    assert asyncio.run(people()) == "Host sv1 has all 3 streams for this guest in use: 1 to the console, 2 to port 22."


def test_a_place_goes_to_who_waits_for_it(host: SshHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lane.STREAMS, "wait_s", 20.0)

    async def people() -> None:
        async with AsyncExitStack() as first:
            for _ in range(Lane.STREAMS.most_a_guest):
                await first.enter_async_context(host.open_port(GUESTS[0], 22))
            waiting = asyncio.create_task(_opened(host, GUESTS[0]))
            tired = asyncio.create_task(_opened(host, GUESTS[0]))
            await asyncio.sleep(0.2)
            tired.cancel()
        await waiting

    asyncio.run(people())
    awaited(lambda: used(host, Lane.STREAMS) == 0)


async def _opened(host: SshHost, guest: GuestId) -> None:
    async with host.open_port(guest, 22):
        return


def test_bulk_keeps_neither_calls_nor_streams_out(host: SshHost) -> None:
    with in_threads(lambda: host.pool_bench("vg0"), Lane.BULK.most):
        awaited(lambda: used(host, Lane.BULK) == Lane.BULK.most)
        host.image_present(IMAGE_NOUN.id)
        asyncio.run(_opened(host, GUESTS[0]))
        with pytest.raises(Busy, match="all 2 transfers in use: 2 measuring of vg0"):
            host.audit_facts()


def test_calls_for_one_guest_keep_no_other_call_out(host: SshHost) -> None:
    """Each of them may wait for that guest's lock."""
    with in_threads(lambda: host.guest_enforce(Claim(GUESTS[0], 1)), 8):
        awaited(lambda: used(host, Lane.CALLS) == Lane.CALLS.most_a_guest)
        host.image_present(IMAGE_NOUN.id)
        host.guest_enforce(Claim(GUESTS[1], 2))


def test_a_call_waits_no_longer_than_it_may(host: SshHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lane.CALLS, "wait_s", 60.0)
    with (
        in_threads(lambda: host.guest_enforce(Claim(GUESTS[0], 1)), 2),
        in_threads(lambda: host.guest_enforce(Claim(GUESTS[1], 1)), 2),
    ):
        awaited(lambda: used(host, Lane.CALLS) == Lane.CALLS.most)
        began = time.monotonic()
        with pytest.raises(Busy, match="all 4 calls at once in use: 4 guest_enforce"):
            host.facts(timeout_s=0.5)
        assert time.monotonic() - began < 10


def test_an_upload_that_stands_still_ends(host: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_channel, "STALLED_S", 0.5)
    big = _big(tmp_path)
    with pytest.raises(Unreachable, match="took no byte") as caught:
        host.image_put(DECISION, big, tmp_path, lambda: None)
    assert caught.value.reason == "stalled"
    awaited(lambda: used(host, Lane.BULK) == 0)


def test_an_upload_is_ended_by_its_check(host: SshHost, tmp_path: Path) -> None:
    began = threading.Event()

    def check() -> None:
        if used(host, Lane.BULK):
            began.set()
            raise Conflict("cancelled")

    with pytest.raises(Conflict, match="cancelled"):
        host.image_put(DECISION, _big(tmp_path), tmp_path, check)
    assert began.is_set()
    awaited(lambda: used(host, Lane.BULK) == 0)


def _big(folder: Path) -> Image:
    """Return an image whose kernel fills all buffers on the way."""
    data = bytes(32 << 20)
    (folder / "vmlinuz").write_bytes(data)
    made = manifest()
    made["files"]["kernel"].update(size=len(data), sha256=hashlib.sha256(data).hexdigest())
    return Image(ImageId(IMAGE), load(Manifest, made))


def test_an_image_is_sent_by_one_and_found_by_the_others(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    with reached(tmp_path) as (there, host), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: host.image_put(DECISION, IMAGE_NOUN, tmp_path, lambda: None), range(8)))
        assert host.image_present(IMAGE_NOUN.id)
        assert there.most_sessions <= Lane.CALLS.most + 1


@pytest.fixture
def silent() -> Iterator[tuple[SshHost, list[socket.socket]]]:
    """A host that lets connect and says nothing, and the connections that it was given."""
    fleet = SshFleet(asyncssh.generate_private_key("ssh-ed25519"))
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    given: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    given.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield fleet.host(HostAddress(HostId("host-1"), "sv1", "127.0.0.1", listener.getsockname()[1], key)), given
        fleet.close()
        listener.shutdown(socket.SHUT_RDWR)


def test_who_observes_a_silent_host_waits_as_long_as_they_say(silent: tuple[SshHost, list[socket.socket]]) -> None:
    host, given = silent
    began = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        asked: list[Future[Any]] = [
            pool.submit(host.facts, timeout_s=1.0),
            pool.submit(host.inventory, timeout_s=1.0),
            pool.submit(host.guest, GUESTS[0], timeout_s=1.0),
        ]
        for one in asked:
            with pytest.raises(Unreachable, match="within 1 seconds"):
                one.result(20)
    assert time.monotonic() - began < 10
    assert len(given) == 1, "one attempt for all"


def test_a_silent_host_is_not_asked_again_at_once(
    silent: tuple[SshHost, list[socket.socket]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_connection, "CONNECT_TIMEOUT_S", 0.5)
    monkeypatch.setattr(ssh_connection, "SLOW_S", 0.1)
    monkeypatch.setattr(ssh_connection, "REMEMBERED_S", 1e6)
    host, given = silent
    for _ in range(5):
        with pytest.raises(Unreachable, match="it is silent"):
            host.facts()
    assert len(given) == 1


def test_whoever_waits_is_told_when_the_fleet_ends(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    with LocalHost(tmp_path, key).running() as there, ThreadPoolExecutor(1) as pool:
        there.argv = scripted.agent(tmp_path, BODY)
        fleet = SshFleet(key)
        host = fleet.host(there.address)
        asked = pool.submit(host.guest_enforce, Claim(GUESTS[0], 1))
        awaited(lambda: used(host, Lane.CALLS) == 1)
        fleet.close()
        with pytest.raises(Unreachable):
            asked.result(20)


def test_a_stream_whose_agent_was_replaced_gets_another(tmp_path: Path) -> None:
    """The agent that waits ends at the first request after its greeting and one more, as a replaced one does."""
    body = """
    global calls
    calls = globals().get("calls", 0) + 1
    if name == "connect" and calls > 1:
        sys.exit(1)
"""
    with reached(tmp_path, scripted.agent(tmp_path, body + BODY)) as (_, host):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(host._ask, "image_present", {"image": IMAGE}, 60.0, Use(Lane.BULK, "a question")).result()
        asyncio.run(_opened(host, GUESTS[0]))


class _Connection:
    """A connection whose host refuses so many sessions."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.dropped = 0

    async def get(self) -> _Connection:
        return self

    def is_closed(self) -> bool:
        return False

    def drop(self, _connection: object) -> None:
        self.dropped += 1

    async def create_process(self, *_args: Any, **_kwargs: Any) -> Any:
        self.refusals -= 1
        if self.refusals >= 0:
            raise asyncssh.ChannelOpenError(asyncssh.constants.OPEN_CONNECT_FAILED, "open failed")
        raise Unreachable("the next step")


@pytest.mark.parametrize(("refusals", "error"), [(2, Unreachable), (1 << 20, Busy)])
def test_a_session_that_sshd_refuses_costs_nobody_their_connection(
    refusals: int, error: type[TeigError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_agents, "REFUSED_S", 1.0)
    connection: Any = _Connection(refusals)
    agents = Agents(HostAddress(HostId("h"), "sv1", "192.0.2.1", 22, "k"), connection, kept=1)
    with pytest.raises(error):
        asyncio.run(agents.take())
    assert connection.dropped == 0


def test_agents_that_nobody_needs_end(
    host: SshHost, both: tuple[LocalHost, SshHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_agents, "IDLE_S", 0.3)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: host.image_present(IMAGE_NOUN.id), range(40)))
    awaited(lambda: both[0].sessions == 1)
    assert both[0].most_sessions > 1
