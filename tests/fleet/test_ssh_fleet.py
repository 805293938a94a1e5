"""The SSH driver against the real agent, for all that needs no Xen; the lab tests have the rest."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from teig.fleet import ssh, ssh_channel
from teig.fleet.driver import ByteStream, Claim, Host
from teig.fleet.simulated import SimulatedHost
from teig.fleet.ssh import SshFleet, SshHost
from teig.fleet.ssh_lanes import Lane
from teig.model.errors import (
    HostFault,
    HostUntrusted,
    ImageCorrupt,
    InternalFault,
    InvalidRequest,
    NotFound,
    Unreachable,
)  # fmt: skip
from teig.model.guest import Disk, GuestSpec
from teig.model.host import GuestOnHost
from teig.model.image import Image, Manifest
from teig.model.names import GuestId, HostId, ImageId
from teig.policy import placement
from teig.policy.placement import PlacementDecision
from teig.record import dump, load
from tests.agent.given import FILES, GUEST, IMAGE, manifest, spec
from tests.fleet import scripted
from tests.fleet.conftest import await_that
from tests.fleet.server import LocalHost, reached

IMAGE_NOUN = Image(ImageId(IMAGE), load(Manifest, manifest()))


def NEVER() -> None:  # noqa: N802
    """The check of an upload that nobody cancels."""


ANOTHER_PROTOCOL = """
import asyncio
import sys
sys.stdin.readline()
print('{"id":1,"error":{"kind":"invalid","code":"agent_version","message":"This agent speaks 9.","todo":""}}')
sys.stdout.flush()
sys.stdin.read()
"""

ENDS_AT_LINE = """
import subprocess
import sys
agent = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for _ in range(int(sys.argv[1]) - 1):
    agent.stdin.write(sys.stdin.buffer.readline())
    agent.stdin.flush()
    sys.stdout.buffer.write(agent.stdout.readline())
    sys.stdout.flush()
sys.stdin.buffer.readline()
agent.kill()
"""
"""The agent, until the line of that number comes: it ends instead of answering it."""


@pytest.fixture
def host(fleet: SshFleet, there: LocalHost) -> Host:
    return fleet.host(there.address)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "image"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return folder


def decision(guest: str = GUEST, host: str = "host-1") -> PlacementDecision:
    return PlacementDecision(placement._SEAL, GuestId(guest), HostId(host), "oslo")


def test_a_machine_without_xen_says_so(host: Host) -> None:
    facts = host.facts()
    assert facts.xen_version == ""
    assert facts.machine_id


def test_an_image_is_sent_once(host: Host, there: LocalHost, folder: Path) -> None:
    assert not host.image_present(IMAGE_NOUN.id)
    host.image_put(decision(), IMAGE_NOUN, folder, NEVER)
    assert host.image_present(IMAGE_NOUN.id)
    for name in FILES:
        (folder / name).unlink()
    host.image_put(decision(), IMAGE_NOUN, folder, NEVER)
    assert there.connections == 2, "one for calls, one for bytes"


@pytest.mark.parametrize("damage", [b"", b"x" * len(FILES["vmlinuz"])])
def test_our_own_damaged_copy_is_not_sent(host: Host, there: LocalHost, folder: Path, damage: bytes) -> None:
    (folder / "vmlinuz").write_bytes(damage)
    with pytest.raises(ImageCorrupt, match="server's copy of vmlinuz"):
        host.image_put(decision(), IMAGE_NOUN, folder, NEVER)
    assert not host.image_present(IMAGE_NOUN.id)
    assert [path.name for path in (there.state / "images" / IMAGE).iterdir()] == ["manifest.json"]


def test_an_agent_s_errors_are_ours(host: Host) -> None:
    with pytest.raises(NotFound) as caught:
        host.guest_enforce(Claim(GuestId(GUEST), 1))
    assert caught.value.reason == "no_guest"
    with pytest.raises(InvalidRequest):
        host.image_present(ImageId("../.."))
    with pytest.raises(HostFault) as no_xen:
        host.inventory()
    assert no_xen.value.reason == "no_xen"


def test_a_decision_is_for_one_guest_on_one_host(host: Host, folder: Path) -> None:
    disk = Disk(0, 4 << 20)
    with pytest.raises(InternalFault):
        host.volume_create(Claim(GuestId(GUEST), 1), decision(guest=GUEST.replace("7", "8")), disk, "vg0")
    with pytest.raises(InternalFault):
        host.image_put(decision(host="host-2"), IMAGE_NOUN, folder, NEVER)


def test_a_changed_host_key_is_refused_with_both_fingerprints(fleet: SshFleet, there: LocalHost) -> None:
    for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256"):
        pinned = asyncssh.generate_private_key(kind)
        address = replace(there.address, host_key=pinned.export_public_key().decode().strip())
        with pytest.raises(HostUntrusted) as caught:
            fleet.host(address).image_present(IMAGE_NOUN.id)
        assert pinned.get_fingerprint() in caught.value.message
        assert there.key.get_fingerprint() in caught.value.message
        assert "teig host add" in caught.value.todo


def test_a_key_that_is_not_let_in(there: LocalHost) -> None:
    fleet = SshFleet(asyncssh.generate_private_key("ssh-ed25519"))
    with pytest.raises(HostFault) as caught:
        fleet.host(there.address).facts()
    fleet.close()
    assert caught.value.reason == "key_refused"


def test_nothing_listens(fleet: SshFleet, there: LocalHost) -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        fleet.host(replace(there.address, port=1)).facts()


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        ([sys.executable, "/nowhere/agent.pyz"], "no_agent"),
        ([sys.executable, "-c", ANOTHER_PROTOCOL], "agent_version"),
        ([sys.executable, "-c", "print('Welcome!'); input()"], "agent_version"),
    ],
)
def test_no_agent_or_another(host: Host, there: LocalHost, argv: list[str], code: str) -> None:
    there.argv = argv
    with pytest.raises(HostFault) as caught:
        host.facts()
    assert caught.value.reason == code
    assert "teig host upgrade sv1" in caught.value.todo


def test_a_lost_connection_is_made_again(host: Host, there: LocalHost) -> None:
    assert not host.image_present(IMAGE_NOUN.id)
    there.call(there.stop())
    with pytest.raises(Unreachable):
        host.image_present(IMAGE_NOUN.id)
    there.call(there.listen())
    assert not host.image_present(IMAGE_NOUN.id)
    assert there.connections == 2


def test_a_restarted_sshd_is_not_noticed(host: Host, there: LocalHost) -> None:
    assert not host.image_present(IMAGE_NOUN.id)
    there.call(there.stop())
    there.call(there.listen())
    assert not host.image_present(IMAGE_NOUN.id)


def test_an_agent_that_ended_since_its_last_answer_is_replaced(host: Host, there: LocalHost) -> None:
    there.argv = [sys.executable, "-c", ENDS_AT_LINE, "3", *there.argv]
    for _ in range(3):
        assert not host.image_present(IMAGE_NOUN.id)


def test_agents_that_never_answer_are_given_up(host: Host, there: LocalHost) -> None:
    there.argv = [sys.executable, "-c", ENDS_AT_LINE, "2", *there.argv]
    with pytest.raises(Unreachable, match="ended without an answer"):
        host.image_present(IMAGE_NOUN.id)


def test_an_agent_that_hangs(host: Host, there: LocalHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_channel, "HELLO_TIMEOUT_S", 0.5)
    there.argv = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with pytest.raises(Unreachable):
        host.facts()


def test_a_session_that_nobody_waits_for_any_more_is_ended(host: Host, there: LocalHost) -> None:
    """Or a host that was silent for a moment would keep them, and start no further agent when there are ten."""
    host.image_present(IMAGE_NOUN.id)
    with there.silent():
        for _ in range(4):
            with pytest.raises(Unreachable):
                host.guest(GuestId(GUEST), timeout_s=0.3)
    assert host.image_present(IMAGE_NOUN.id) is False
    await_that(lambda: there.channels == 1, "the sessions that were given up to end")


def test_many_at_once_use_few_channels_of_one_connection(host: Host, there: LocalHost) -> None:
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: host.image_present(IMAGE_NOUN.id), range(60)))
    assert answers == [False] * 60
    assert there.connections == 1
    assert there.most_sessions <= Lane.CALLS.most


def test_a_new_address_ends_the_old_connection_when_nobody_asks_for_that_any_more(
    fleet: SshFleet, there: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, moved = fleet.host(there.address), replace(there.address, name="sv2")
    assert old is fleet.host(there.address)
    old.image_present(IMAGE_NOUN.id)
    new = fleet.host(moved)
    assert new is not old
    new.image_present(IMAGE_NOUN.id)
    assert fleet.host(there.address) is old, "somebody has read the old address just before"
    new.image_present(IMAGE_NOUN.id)
    monkeypatch.setattr(ssh, "LEFT_S", 0.05)
    time.sleep(0.1)
    assert fleet.host(moved) is new
    with pytest.raises(Unreachable, match="was ended"):
        old.image_present(IMAGE_NOUN.id)
    new.image_present(IMAGE_NOUN.id)


def test_names_that_nobody_resolves_keep_no_other_host_waiting(
    fleet: SshFleet, there: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, sound = threading.Event(), socket.getaddrinfo

    def asked(name: Any, *more: Any, **named: Any) -> Any:
        if str(name).startswith("dead"):
            answers.wait(60)
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return sound("127.0.0.1" if name == "sound" else name, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    dead = [replace(there.address, id=HostId(f"dead{n}"), name=f"dead{n}", address=f"dead{n}") for n in range(100)]
    with ThreadPoolExecutor(len(dead)) as pool:
        waiting = [pool.submit(fleet.host(address).image_present, IMAGE_NOUN.id) for address in dead]
        try:
            time.sleep(1.0)
            assert not fleet.host(there.address).image_present(IMAGE_NOUN.id)
            named = replace(there.address, id=HostId("sound"), name="sound", address="sound")
            assert not fleet.host(named).image_present(IMAGE_NOUN.id)
            assert not any(call.done() for call in waiting)
        finally:
            answers.set()
        assert all(isinstance(call.exception(30), Unreachable) for call in waiting)


def test_a_host_that_is_forgotten_has_no_connection_of_ours_left(fleet: SshFleet, host: Host, there: LocalHost) -> None:
    other = fleet.host(replace(there.address, id=HostId("host-2")))
    for one in (host, other):
        one.image_present(IMAGE_NOUN.id)
    fleet.forget(there.address.id)
    fleet.forget(HostId("nobody's"))
    await_that(lambda: there.sessions == 1, "the agent of the other one alone is left")
    with pytest.raises(Unreachable, match="was ended"):
        host.image_present(IMAGE_NOUN.id)
    other.image_present(IMAGE_NOUN.id)
    fleet.host(there.address).image_present(IMAGE_NOUN.id)
    assert there.connections == 3


def test_a_stream_to_no_guest(host: Host) -> None:
    async def opened() -> None:
        async with host.open_port(GuestId(GUEST), 80):
            pass

    with pytest.raises(NotFound):
        asyncio.run(opened())
    assert not host.image_present(IMAGE_NOUN.id)


def test_a_stream_carries_both_ways_at_once(tmp_path: Path) -> None:
    """All buffers on the way are full in both directions, for a guest answers more than it is asked."""
    echo = """
    if name == "connect":
        say(number, ok={})
        while data := os.read(0, 65536):
            view = memoryview(data * 4)
            while view:
                view = view[os.write(1, view):]
        sys.exit(0)
"""
    size = 16 << 20

    async def asked(host: SshHost) -> int:
        async with host.open_port(GuestId(GUEST), 80) as stream, asyncio.timeout(60):
            writing = asyncio.create_task(write(stream))
            found = 0
            while data := await stream.read(65536):
                found += len(data)
            await writing
            return found

    async def write(stream: ByteStream) -> None:
        for _ in range(size >> 16):
            await stream.write(bytes(1 << 16))
        stream.write_eof()

    with reached(tmp_path, scripted.agent(tmp_path, echo)) as (_, far):
        assert asyncio.run(asked(far)) == 4 * size


@pytest.mark.parametrize(
    ("part", "damage", "shown_as"),
    [
        ("spec", {**spec(), "vcpus": 10**9}, None),
        ("started", {**spec(), "memory_mib": -1}, None),
        ("started", "none", None),
        ("ran_s", 1e300, None),
        ("ran_s", "long", None),
        ("cpu_time_ns", -5, 0),
        ("held", 7, ""),
        ("answers", "perhaps", None),
        ("dom0_time", {"disks_s": -1.0, "sends_s": 0.0, "receives_s": 0.0}, None),
        ("transfer", {"count": "a", "sent_bytes": -1}, None),
    ],
)
def test_a_guest_of_which_something_is_damaged_hides_no_other(
    tmp_path: Path, part: str, damage: object, shown_as: object
) -> None:
    """They come from the guest's own files on the host; all else of it is still known."""
    simulated, text = SimulatedHost("sim1"), dump(load(GuestSpec, spec()))
    other = {**text, "id": "11111111-2222-4333-8444-555555555555", "name": "other"}
    there = dump(GuestOnHost(GuestId(GUEST), 1, load(GuestSpec, text), 7, "running", None, (0,), 5, ran_s=5.0))
    damaged = {**there, "id": other["id"], "spec": other, "started": other, part: damage}
    told = {**dump(simulated.inventory()), "guests": [damaged, there]}
    shown = (tmp_path / "told.json", tmp_path / "shown.json")
    for path, value in zip(shown, (told, damaged), strict=True):
        path.write_text(json.dumps(value))
    body = f"""
    if name == "inventory":
        return json.load(open({str(shown[0])!r}))
    if name == "guest_show":
        return json.load(open({str(shown[1])!r}))
"""
    with reached(tmp_path, scripted.agent(tmp_path, body)) as (_, far):
        found = {guest.id: guest for guest in far.inventory().guests}
        assert found[GuestId(GUEST)] == load(GuestOnHost, there)
        sound = {**there, "id": other["id"], "spec": other, "started": other, part: shown_as}
        assert found[GuestId(other["id"])] == far.guest(GuestId(other["id"])) == load(GuestOnHost, sound)


def test_only_what_carries_images_is_compressed(host: Host, folder: Path) -> None:
    """A server keeps the connection for calls to each of its hosts, a thousand perhaps."""
    assert isinstance(host, SshHost)
    host.image_put(decision(), IMAGE_NOUN, folder, NEVER)
    made = [agents._connection._made for agents in (host.link._calls, host.link._bytes)]
    assert [connection and connection.get_extra_info("send_compression") for connection in made] == [
        "none",
        "zlib@openssh.com",
    ]
