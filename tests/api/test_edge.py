"""Whatever is sent, the API answers in its own words: it does what was asked, or names what cannot be."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import json
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
import sqlalchemy as sa
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teig.api.app import build
from teig.api.edge import MOST_BODY, checked
from teig.control import guests, images, operations, pools
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import InvalidRequest
from teig.model.image import ImageFile
from teig.record import dump
from tests.agent.given import SSH_KEY
from tests.records import changed, places
from tests.simulated import CONTENTS, HOST_KEY, SITE, manifest, server_with_hosts, wait, wish

TOML = """
[p]
memory_mib = 96
vcpus = 1
share_cores = 0.1
ceiling_cores = 1
disk_mib = 64
read_iops = 100
write_iops = 100
read_mib_s = 1
write_mib_s = 1
medium = "any"
redundancy = "any"
out_mbit = 10
in_mbit = 10
addresses = 1
"""
RATING = {"read_iops": 500, "write_iops": 500, "read_bps": 1 << 20, "write_bps": 1 << 20, "together": True}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/guests"): {
        "name": "x", "plan": "tiny", "image": "micro", "site": "lab", "host": "sim1", "type": "pv", "nics": 1,
        "disks": [4 << 20], "ssh_keys": [], "on_crash": "restart",
    },
    ("POST", "/v1/sites"): dump(replace(SITE, name="oslo")),
    ("POST", "/v1/hosts"): {"name": "sim2", "address": "sim2", "port": 22, "host_key": HOST_KEY, "site": "lab"},
    ("POST", "/v1/images"): {"manifest": dump(manifest("other"))},
    ("PUT", "/v1/plans"): {"toml": TOML},
    ("PUT", "/v1/pools/{host}/rating"): RATING,
    ("POST", "/v1/guests/{name}/stop"): {"grace_s": 0, "force": True},
    ("POST", "/v1/guests/{name}/reboot"): {"grace_s": 0, "force": True},
    ("POST", "/v1/guests/{name}/resize"): {"plan": "tiny"},
}  # fmt: skip
HOSTILE: tuple[Any, ...] = (
    None, True, -1, 0, 1.9, float("nan"), float("inf"), 10**30, -(2**70), 2**63, "", "a" * 300, "x\x00y", "\ud800",
    "\u202eevil", "\x1b[2J", "ä", "../../etc", "1e999", "web", [], [[]], {}, {"a": "\x00"}, ["\x00"], "127.0.0.1",
)  # fmt: skip
SEGMENTS = ("web", "sim1", "lab", "tiny", "micro", "x", "%00", "a" * 300, "%ff", "..", "%2e%2e", "ä", "1", "%0a", "*")
QUERIES = ("", "?limit=1", "?limit=-1", "?limit=99999999999999999999", "?after=%00", "?after=%ff", "?wait_s=nan",
           "?wait_s=0", "?seen=-5", "?seen=1e3", "?force=maybe", "?now=true", "?x=y")  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def services(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    database: sa.URL | None = None
    if request.param == "postgresql":
        database = request.getfixturevalue("postgres").database("migrated")
    host = SimulatedHost("sim1", memory_mib=65536, cores=32)
    with server_with_hosts(tmp_path_factory.mktemp("server"), host, database=database) as services:
        wait(services, guests.create(services, wish("web")))
        yield services


@pytest.fixture(scope="module")
def client(services: Services) -> TestClient:
    return TestClient(build(services), raise_server_exceptions=False)


def routes() -> list[tuple[str, str]]:
    """Return the method and path of every route that takes JSON or nothing."""
    app = build.__globals__
    found = [
        (method, f"/v1{route.path}")
        for noun in ("sites", "hosts", "pools", "plans", "images", "guests", "operations", "events", "drift", "state")
        for route in app[noun].router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]
    assert len(found) > 25
    assert set(BODIES) <= set(found)
    return found


@given(data=st.data())
@settings(
    max_examples=250, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_request_is_answered_with_a_failure(client: TestClient, data: st.DataObject) -> None:
    method, path = data.draw(st.sampled_from(routes()))
    body = BODIES.get((method, path), {})
    if data.draw(st.booleans()):
        body = changed(body, data.draw(st.sampled_from(list(places(body)))), data.draw(st.sampled_from(HOSTILE)))
    while "{" in path:
        begin, end = path.index("{"), path.index("}")
        path = path[:begin] + data.draw(st.sampled_from(SEGMENTS)) + path[end + 1 :]
    if method == "DELETE":
        path = path.replace("web", "nobody").replace("micro", "nothing").replace("sim1", "nowhere")
    query = data.draw(st.sampled_from(QUERIES))
    answer = client.request(
        method, f"http://teig{path}{query}", content=json.dumps(body), headers={"content-type": "application/json"}
    )
    told = f"{method} {path}{query} {body} -> {answer.status_code} {answer.text[:300]}"
    nobody_there = answer.status_code == 502 and (method, path) == ("POST", "/v1/hosts")
    assert answer.status_code < 500 or nobody_there, told
    if answer.status_code >= 400:
        assert set(answer.json()["error"]) == {"kind", "code", "message", "todo"}, told
        assert answer.json()["error"]["message"], told


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"name": NaN}', "name is not a finite number"),
        (b'{"a": {"b": [1, -Infinity]}}', "a.b.1 is not a finite number"),
        (b'{"a": 1e999}', "a is not a finite number"),
        (b'{"a": 9223372036854775808}', "a is a number that nothing can be"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a is a number that nothing can be"),
        (b'{"a": "\\u0000"}', "a holds a character that is no text: U\\+0000"),
        (b'{"a": "\\ud800"}', "U\\+D800"),
        ('{"a": "\u202e"}'.encode(), "U\\+202E"),
        (b'{"\\u0000": 1}', "a name holds a character"),
        (b"\xff", "not UTF-8"),
        (b"{", "not JSON"),
        (b"[" * 100 + b"]" * 100, "too deeply"),
        (b"[" * 100000, "too deeply|not JSON"),
    ],
)
def test_what_no_field_can_be_is_refused_with_its_place(body: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        checked(body)


@pytest.mark.parametrize("text", ["kari@høyde", "管理者", "a\tb\nc\r\n", "𝄞", ""])
def test_text_of_any_language_is_text(text: str) -> None:
    body = json.dumps({"a": text}, ensure_ascii=False).encode()
    assert checked(body) == body


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_not_read_to_its_end(services: Services, chunked: bool) -> None:
    """Sent to the application itself: a client would first make the whole of it."""
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1 << 16
        return {"type": "http.request", "body": bytes(1 << 16), "more_body": True}

    said: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        said.append(dict(message))

    headers = [] if chunked else [(b"content-length", str(1 << 30).encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/v1/guests", "raw_path": b"/v1/guests", "query_string": b"", "headers": headers,
    }  # fmt: skip
    asyncio.run(build(services)(scope, receive, send))
    assert said[0]["status"] == 413
    assert json.loads(said[1]["body"])["error"]["code"] == "too_large"
    assert read <= (MOST_BODY + (1 << 17) if chunked else 0)


@pytest.mark.parametrize(
    "change",
    ["memory_mib = inf", "memory_mib = nan", "memory_mib = 1e30", "vcpus = 1.9", "vcpus = 0", "vcpus = true",
     "share_cores = 0.0004", "share_cores = -0.1", "read_mib_s = nan", "disk_mib = 0.3", "out_mbit = 0.00001",
     "addresses = 9", "read_iops = 1e12"],
)  # fmt: skip
def test_a_plan_s_figures_are_taken_as_they_are_or_refused_by_their_names(client: TestClient, change: str) -> None:
    key = change.split(" = ", 1)[0]
    lines = [change if line.startswith(f"{key} ") else line for line in TOML.splitlines()]
    answer = client.put("/v1/plans", json={"toml": "\n".join(lines)})
    assert answer.status_code == 422, answer.text
    told = answer.json()["error"]["message"]
    assert told.startswith("Plan p: ")
    assert f" {key} " in told


HUGE = f"0x{'f' * 4000}"


@pytest.mark.parametrize(
    ("change", "said"),
    [("out_mbit = 0", "out_mbit must be from 0.1 to 1000000 Mbit/s, not 0."),
     ("disk_mib = 5", "disk_mib must be a multiple of 4 MiB, LVM's extent size, not 5."),
     ("disk_mib = 0", "disk_mib must be from 4 to 1073741824 MiB, not 0."),
     ("read_mib_s = 0.01", "read_mib_s must be from 0.0625 to 953674316.406 MiB/s, not 0.01."),
     ("write_iops = 1", "write_iops must be from 10 to 1000000000 operations a second, not 1."),
     ("vcpus = 1.5", "vcpus must be a whole number, not 1.5."),
     ("memory_mib = 1e30", "memory_mib is more than any plan can say: 1E+30."),
     (f"vcpus = {HUGE}", "vcpus is more than any plan can say: something with thousands of digits."),
     (f"vcpus = [{HUGE}]", "vcpus must be a number, not something with thousands of digits."),
     (f"medium = {HUGE}", "something with thousands of digits is none of any, sas, ssd.")],
)  # fmt: skip
def test_a_plan_is_refused_in_the_units_of_its_file(client: TestClient, change: str, said: str) -> None:
    key = change.split(" = ", 1)[0]
    lines = [change if line.startswith(f"{key} ") else line for line in TOML.splitlines()]
    answer = client.put("/v1/plans", json={"toml": "\n".join(lines)})
    assert answer.json()["error"]["message"] == f"Plan p: {said}"


@pytest.mark.parametrize("toml", ["", "# nothing yet\n"])
def test_a_file_without_a_plan_is_refused(client: TestClient, toml: str) -> None:
    answer = client.put("/v1/plans", json={"toml": toml})
    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == "There is no plan in the file."


@pytest.mark.parametrize(
    "network", ["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/8", "240.0.0.0/8", "0.0.0.0/8", "10.0.0.0/7", "10.0.0.0/31"]
)
def test_a_site_s_network_is_one_that_guests_can_be_in(client: TestClient, network: str) -> None:
    first = network.split("/", 1)[0].rsplit(".", 1)[0]
    body = {
        **dump(SITE), "name": "odd", "network": network, "gateway": f"{first}.1", "first_address": f"{first}.2",
        "last_address": f"{first}.9",
    }  # fmt: skip
    answer = client.post("/v1/sites", json=body)
    assert answer.status_code == 422
    assert "network" in answer.json()["error"]["message"]


def test_a_key_s_comment_comes_through_to_the_host(services: Services, tmp_path: Path) -> None:
    key = f"{' '.join(SSH_KEY.split()[:2])} kari@høyde 管理者"
    images_named = {found.image.manifest.name for found in images.listed(services)}
    if "with-ssh" not in images_named:
        wanted = manifest("with-ssh", ssh=True)
        folder = services.image_dir / images.announce(services, wanted).id
        for file, data in CONTENTS.items():
            (folder / file).write_bytes(data)
        images.announce(services, wanted)
    pools.bench(services, "sim1")  # the requests above have rated it, perhaps
    wait(services, guests.create(services, replace(wish("keyed", site="lab", ssh_keys=(key,)), image="with-ssh")))
    view = guests.view(services, "keyed")
    assert view.on_host is not None
    assert view.on_host.spec is not None
    assert view.on_host.spec.ssh_keys == view.guest.spec.ssh_keys == (key,)
    wait(services, guests.delete(services, "keyed", force=True))


DATA = bytes(range(1, 251)) * 400


async def pieces(data: bytes, *waits: asyncio.Event) -> AsyncIterator[bytes]:
    """Give bytes in halves, and wait in between."""
    yield data[: len(data) // 2]
    for event in waits:
        await event.wait()
    yield data[len(data) // 2 :]


async def broken_off() -> AsyncIterator[bytes]:
    yield DATA[:10]
    raise ConnectionResetError


def announced(services: Services, name: str) -> Any:
    wanted = manifest(name)
    root = ImageFile("root.img.gz", hashlib.sha256(DATA).hexdigest(), len(DATA))
    wanted = replace(wanted, files=replace(wanted.files, root=root))
    found = images.announce(services, wanted)
    for file in ("vmlinuz", "initrd.img"):
        (services.image_dir / found.id / file).write_bytes(CONTENTS[file])
    return wanted, found.id


def test_two_that_send_one_file_at_once_leave_what_was_promised(services: Services) -> None:
    wanted, ident = announced(services, "twice")

    async def both() -> list[Any]:
        go_on = asyncio.Event()
        first = asyncio.create_task(images.receive(services, ident, "root.img.gz", pieces(DATA, go_on)))
        await asyncio.sleep(0.05)
        with pytest.raises(Exception, match="cannot store"):
            await images.receive(services, ident, "root.img.gz", broken_off())
        second = await images.receive(services, ident, "root.img.gz", pieces(DATA))
        go_on.set()
        return [await first, second]

    assert [found.missing for found in asyncio.run(both())] == [(), ()]
    folder = services.image_dir / ident
    assert (folder / "root.img.gz").read_bytes() == DATA
    assert sorted(path.name for path in folder.iterdir()) == ["initrd.img", "manifest.json", "root.img.gz", "vmlinuz"]
    (folder / "root.img.gz").write_bytes(DATA[:-1] + b"!")  # of the same size
    assert images.announce(services, wanted).missing == ("root.img.gz",)


def test_what_a_killed_upload_left_is_swept(services: Services) -> None:
    _, ident = announced(services, "killed")
    left = services.image_dir / ident / ".root.img.gz.0123.partial"
    left.write_bytes(b"half")
    images.sweep(services.db, services.image_dir)
    assert left.exists(), "another server may be receiving it"
    os.utime(left, (time.time() - 3600,) * 2)
    images.sweep(services.db, services.image_dir)
    assert not left.exists()


class Hanging(io.FileIO):
    """A file on a disk that does not answer."""

    go_on = threading.Event()

    def write(self, data: Any) -> int:
        """Wait."""
        self.go_on.wait(30)
        return super().write(data)


OPEN = Path.open


def hanging(path: Path, *args: Any, **options: Any) -> Any:
    """Open what is uploaded on a disk that hangs."""
    return Hanging(path, "wb") if path.name.endswith(".partial") else OPEN(path, *args, **options)


@pytest.mark.parametrize("what", ["fsync", "write", "rename", "unlink", "is_file"])
def test_uploads_that_wait_for_a_slow_disk_leave_the_threads_of_the_loop(
    services: Services, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Those wait there who wait for an operation, or open a console; in the others, of anyio, all plain requests."""
    Hanging.go_on = go_on = threading.Event()
    image = images.announce(services, manifest("other")).id
    if what == "fsync":
        monkeypatch.setattr(os, "fsync", lambda _: go_on.wait(30))
    elif what == "write":
        monkeypatch.setattr(Path, "open", hanging)
    else:
        sound = getattr(Path, what)
        monkeypatch.setattr(Path, what, lambda *args, **more: go_on.wait(30) and sound(*args, **more))

    async def body() -> AsyncIterator[bytes]:
        yield CONTENTS["vmlinuz"]

    async def both() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        anyio.to_thread.current_default_thread_limiter().total_tokens = 2
        sending = [asyncio.create_task(images.receive(services, image, "vmlinuz", body())) for _ in range(3)]
        await asyncio.sleep(1)
        await asyncio.wait_for(anyio.to_thread.run_sync(int), 10)
        await asyncio.wait_for(asyncio.to_thread(operations.listed, services, 1), 10)
        go_on.set()
        await asyncio.gather(*sending)

    try:
        asyncio.run(both())
    finally:
        go_on.set()


def test_an_image_s_files_go_when_it_is_forgotten_for_good(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's disk is full, say, which shows only at the end."""
    known = images.announce(services, manifest("spare"))
    folder = services.image_dir / known.id
    for name in known.missing:
        (folder / name).write_bytes(CONTENTS[name])
    assert images.announce(services, manifest("spare")).missing == ()
    write = services.db.write

    def full(work: Any) -> Any:
        def undone(connection: Any) -> None:
            work(connection)
            raise OSError(errno.ENOSPC, "No space left on device")

        return write(undone)

    with monkeypatch.context() as patch:
        patch.setattr(services.db, "write", full)
        with pytest.raises(OSError, match="No space"):
            images.remove(services, "spare")
    images.sweep(services.db, services.image_dir)
    assert (folder / "vmlinuz").exists()
    images.remove(services, "spare")
    assert not folder.exists()
