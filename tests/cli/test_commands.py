"""What the commands send, print and exit with, against a server with made-up contents."""

from __future__ import annotations

import hashlib
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from teig.cli.streams import listen
from teig.model.errors import Conflict, DatabaseFault, HostFault, NotFound, Refused, TeigError, TooLarge
from tests.agent.given import SSH_KEY
from tests.cli.conftest import Teig
from tests.cli.fake_server import DETAIL, EVENT, PLAN, FakeServer

READING = [
    ("/guests", "guest", "list"), ("/guests/web", "guest", "show", "web"), ("/plans", "plan", "list"),
    ("/plans/tiny", "plan", "show", "tiny"), ("/sites", "site", "list"), ("/sites/lab", "site", "show", "lab"),
    ("/images", "image", "list"), ("/images/micro", "image", "show", "micro"), ("/hosts", "host", "list"),
    ("/operations", "op", "list"), ("/guests/web/transfer", "guest", "transfer", "web"), ("/events", "event", "list"),
]  # fmt: skip


@pytest.mark.parametrize("case", READING, ids=lambda case: " ".join(case[1:]))
def test_reading_commands_print_the_apis_own_json(teig: Teig, server: FakeServer, case: tuple[str, ...]) -> None:
    done = teig(*case[1:], "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == server.things[case[0]]


@pytest.mark.parametrize("case", READING, ids=lambda case: " ".join(case[1:]))
def test_reading_commands_print_something_for_people(teig: Teig, server: FakeServer, case: tuple[str, ...]) -> None:
    done = teig(*case[1:])
    assert done.returncode == 0, done.stderr
    assert done.stdout or "There are no" in done.stderr or "Nothing has been done" in done.stderr


def test_without_a_server_it_says_how_to_start_one(teig: Teig) -> None:
    done = teig("guest", "list")
    assert done.returncode == 3
    assert done.stderr.startswith("error: No Teig server is running here")
    assert done.stderr.splitlines()[1] == "Start one with: teig serve"


def test_guest_show_puts_entitled_set_and_read_back_side_by_side(teig: Teig, server: FakeServer) -> None:
    drifted = {"field": "weight", "entitled": 256, "set": 256, "live": 512}
    server.things["/guests/web"] = {**DETAIL, "drift": [drifted]}
    shown = teig("guest", "show", "web").stdout
    assert "entitled" in shown
    assert "read back" in shown
    assert "Drift: weight should be 256, the host is set to 256, Xen says 512." in shown


def test_guest_show_says_how_long_domain_0_has_worked_for_it_where_that_is_counted(
    teig: Teig, server: FakeServer
) -> None:
    server.things |= {"/guests/web": DETAIL, "/guests/uncounted": {**DETAIL, "dom0_time": None}}
    shown = teig("guest", "show", "web").stdout
    assert "1.2 s for its disks, 30.0 s for what it sends, 0.0 s for what it receives" in shown
    assert json.loads(teig("guest", "show", "web", "-o", "json").stdout)["dom0_time"] == DETAIL["dom0_time"]
    assert "Domain-0 worked" not in teig("guest", "show", "uncounted").stdout


def test_transfer_is_shown_with_its_guest_and_by_months(teig: Teig, server: FakeServer) -> None:
    assert re.search(
        r"^transfer in 2026-11 +3 GiB sent, 512 MiB received$", teig("guest", "show", "web").stdout, re.MULTILINE
    )
    assert re.search(r"^2026-11 +3 GiB +512 MiB ", teig("guest", "transfer", "web").stdout, re.MULTILINE)
    amount = {"amount_bytes": 100 << 30, "past": "cut", "past_kbit": 0, "limited": False}
    server.things["/guests/web"] = {**DETAIL, "transfer_amount": amount, "events": [EVENT]}
    shown = teig("guest", "show", "web").stdout
    assert "3 GiB sent, 512 MiB received, of 100 GiB\n" in shown
    assert "It has sent and received a lot." in shown
    for past, words in (("slow", "; slowed down to 2 Mbit/s"), ("cut", "; cut off")):
        limited = {**amount, "past": past, "past_kbit": 2000, "limited": True}
        server.things["/guests/web"] = {**DETAIL, "transfer_amount": limited}
        assert f"of 100 GiB{words}" in teig("guest", "show", "web").stdout
    server.things["/guests/web/transfer"] = []
    assert "has transferred nothing yet" in teig("guest", "transfer", "web").stderr


def test_plans_say_what_they_want_of_cores_pools_and_networks(teig: Teig, server: FakeServer) -> None:
    plan = {**PLAN, "own_cores": True, "pool": {"medium": "ssd", "redundancy": "raid1"}}
    server.things |= {"/plans/tiny": plan, "/plans": [plan, {**PLAN, "name": "plain"}]}
    shown = teig("plan", "show", "tiny").stdout
    assert "its own: no other domain is scheduled on them" in shown
    assert "its own" not in teig("plan", "show", "tiny", "-o", "json").stdout
    first, second = teig("plan", "list").stdout.splitlines()[1:]
    assert re.search(r" own .* ssd, raid1 +50 / 50 *$", first)
    assert re.search(r" shared .* any, any +50 / 50 *$", second)


def test_where_no_pool_is_known_nobody_is_told_to_add_hosts_that_are_there(teig: Teig, server: FakeServer) -> None:
    server.things["/pools"] = []
    assert teig("pool", "list").stderr == "No pool is known. Look at the hosts: teig host list\n"


def test_a_name_that_is_nearly_right_gets_a_suggestion(teig: Teig, server: FakeServer) -> None:
    done = teig("guest", "show", "wbe")
    assert done.returncode == 1
    assert "Did you mean web?" in done.stderr


def test_create_suggests_the_plan_that_was_meant(teig: Teig, server: FakeServer) -> None:
    server.answers["POST", "/guests"] = NotFound("There is no plan 'tny'.", "See teig plan list.")
    done = teig("guest", "create", "a", "--plan", "tny", "--image", "micro")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Did you mean tiny?"


def test_create_sends_everything_and_shows_the_steps(teig: Teig, server: FakeServer, tmp_path: Path) -> None:
    key = tmp_path / "id.pub"
    key.write_text(f"{SSH_KEY}\n")
    server.answers["POST", "/guests"] = server.operation("op-1", "running", "running", "done")
    done = teig("guest", "create", "web", "-p", "tiny", "-i", "micro", "--disk", "1M", "--nics", "2",
                "--type", "pvh", "--ssh-key", str(key), "--on-crash", "stop")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(server.requests[0][2]) == {
        "name": "web", "plan": "tiny", "image": "micro", "site": None, "host": None, "type": "pvh",
        "disks": [4194304], "nics": 2, "ssh_keys": [SSH_KEY],
        "on_crash": "stop",
    }  # fmt: skip
    assert done.stdout.startswith("Guest web runs on host lab-1 (10.77.16.0).")
    assert done.stderr.split() == ["volume", "create", "0.5", "s"]


def test_a_database_that_is_away_for_a_moment_ends_no_waiting(teig: Teig, server: FakeServer) -> None:
    server.answers["POST", "/guests/web/start"] = server.operation("op-5", "running", "running", "done")
    path = "/operations/op-5"
    left, answers = server.things[path], [DatabaseFault("The database does not answer.", code="database_down")]
    server.things[path] = lambda: answers.pop() if answers else left.pop(0) if len(left) > 1 else left[0]
    assert teig("guest", "start", "web").returncode == 0
    assert (answers, len(left)) == ([], 1)


def test_what_is_too_large_for_the_server_is_told_so(teig: Teig, home: Path, tmp_path: Path) -> None:
    """It answers while the body is still being sent, and reads no more of it."""
    content = json.dumps({"error": TooLarge("The request's body is larger than 1 MiB.", "Send less.").as_record()})
    plans, path = tmp_path / "plans.toml", home / "teig/server/teig.sock"
    plans.write_text("# long\n" * 500_000)
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def refuse() -> None:
            with listening.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(f"HTTP/1.1 413 \r\nContent-Length: {len(content)}\r\n\r\n{content}".encode())

        with ThreadPoolExecutor(1) as pool:
            refused = pool.submit(refuse)
            done = teig("plan", "apply", str(plans))
            refused.result()
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: The request's body is larger than 1 MiB.")


def test_no_wait_prints_the_operation_and_nothing_else(teig: Teig, server: FakeServer) -> None:
    server.answers["POST", "/guests/web/start"] = server.operation("op-2", "running")
    assert teig("guest", "start", "web", "--no-wait").stdout == "op-2\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("No host has room.", "Take a smaller plan."), 4),
        (HostFault("Xen said no."), 1),
        (Conflict("It is taken."), 1),
    ],
)
def test_an_operations_error_is_the_commands(teig: Teig, server: FakeServer, error: TeigError, code: int) -> None:
    server.answers["POST", "/guests/web/reboot"] = server.operation("op-3", "running", "failed", error=error)
    done = teig("guest", "reboot", "web")
    assert done.returncode == code
    assert f"error: {error.message}" in done.stderr.splitlines()


def test_a_stuck_operation_says_where_to_look(teig: Teig, server: FakeServer) -> None:
    error = HostFault("The volume is in use.")
    server.answers["POST", "/guests/web/stop"] = server.operation("op-4", "running", "stuck", error=error)
    done = teig("guest", "stop", "web")
    assert done.returncode == 1
    assert "teig op show op-4" in done.stderr


def test_delete_does_nothing_without_a_yes(teig: Teig, server: FakeServer) -> None:
    done = teig("guest", "delete", "web")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert server.requests == []


@pytest.mark.parametrize(
    "args",
    [
        ("guest", "create", "Web", "--plan", "tiny", "--image", "micro"),
        ("guest", "create", "web", "--plan", "tiny", "--image", "micro", "--disk", "much"),
        ("guest", "create", "web", "--plan", "tiny", "--image", "micro", "--ssh-key", "ssh-ed25519 short"),
        ("guest", "create", "web", "--plan", "tiny", "--image", "micro", "--type", "hvm"),
        ("guest", "create", "web"),
        ("guest", "show", "../sites"),
        ("guest", "show", ""),
        ("guest", "forward", "web", "http"),
        ("guest", "forward", "web", "99999:80"),
        ("op", "show", ".."),
    ],
)
def test_wrong_usage_is_2_and_sends_nothing(teig: Teig, server: FakeServer, args: tuple[str, ...]) -> None:
    done = teig(*args)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert server.requests == []


def test_a_taken_port_is_one_sentence(teig: Teig, server: FakeServer) -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        done = teig("guest", "forward", "web", f"{port}:80")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == f"error: Port {port} of 127.0.0.1 is in use already."


def test_texts_from_elsewhere_cannot_steer_the_terminal(teig: Teig, server: FakeServer) -> None:
    server.things["/guests/web"] = NotFound("There is no \x1b[31mguest\x07.")
    done = teig("guest", "show", "web")
    assert done.stderr.startswith("error: There is no ?[31mguest?.")


def test_the_unexpected_is_one_sentence_and_a_log(teig: Teig, server: FakeServer, home: Path) -> None:
    server.things["/guests"] = [{"name": "broken"}]
    done = teig("guest", "list")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Teig stumbled over something it did not expect: KeyError")
    log = home / "teig/cli-errors.log"
    assert str(log) in done.stderr
    assert "Traceback" in log.read_text()


def test_an_image_is_sent_file_by_file(teig: Teig, server: FakeServer, tmp_path: Path) -> None:
    manifest = _image(tmp_path)
    server.answers["POST", "/images"] = {"id": "ab" * 32, "missing": ["kernel", "root.img"]}
    for file in ("kernel", "root.img"):
        server.answers["PUT", f"/images/{'ab' * 32}/files/{file}"] = {"id": "ab" * 32, "missing": []}
    done = teig("image", "import", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(server.requests[0][2]) == {"manifest": manifest}
    assert [body for method, _, body in server.requests if method == "PUT"] == [b"kernel's bytes", b"root's bytes"]


@pytest.mark.parametrize("damage", ["manifest", "json", "file", "checksum", "field"])
def test_a_damaged_image_is_one_sentence(teig: Teig, server: FakeServer, tmp_path: Path, damage: str) -> None:
    manifest = _image(tmp_path)
    server.answers["POST", "/images"] = {"id": "ab" * 32, "missing": ["kernel"]}
    if damage == "manifest":
        (tmp_path / "manifest.json").unlink()
    elif damage == "json":
        (tmp_path / "manifest.json").write_text("{")
    elif damage == "file":
        (tmp_path / "kernel").unlink()
    elif damage == "checksum":
        (tmp_path / "kernel").write_bytes(b"kernel's bytez")
    else:
        (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "name": "No name"}))
    done = teig("image", "import", str(tmp_path))
    assert done.returncode in {1, 2}
    assert done.stderr.count("error: ") == 1
    assert "stumbled" not in done.stderr


def _image(folder: Path) -> dict[str, object]:
    """Write an image into a folder and return its manifest."""

    def entry(file: str, content: bytes) -> dict[str, object]:
        (folder / file).write_bytes(content)
        return {"file": file, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}

    manifest: dict[str, object] = {
        "name": "micro", "version": "1", "recipe": "micro", "arch": "amd64", "cmdline": "console=hvc0",
        "files": {"kernel": entry("kernel", b"kernel's bytes"), "initrd": entry("initrd", b"initrd's"),
                  "root": entry("root.img", b"root's bytes")},
        "network": "kernel-ip", "ssh": False, "default_user": None, "min_memory_mib": 64, "min_disk_mib": 64,
        "ready_port": 80,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return manifest
