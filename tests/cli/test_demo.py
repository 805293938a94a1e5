"""`teig demo` on a real Xen host: made, mended, shown, and gone without a trace. The README's commands run on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from teig import paths
from tests.cli.background import environment, server_running
from tests.cli.conftest import Teig
from tests.cli.fake_server import FakeServer
from tests.test_docs import typed

ROOT = Path(__file__).parents[2]
GUARD = 'read -r _; exec "$0" "$@"'
"""Cleans up once this process closes its end of a pipe, which it does even when killed: a demo goes on running."""


@pytest.fixture
def demo_home(home: Path) -> Iterator[dict[str, str]]:
    """An environment whose cache has links to what was built before: the demo may remove it, and the links alone go."""
    cache = home / "cache/teig"
    cache.mkdir(parents=True)
    for name in ("images", "lab"):
        (paths.cache_dir() / name).mkdir(parents=True, exist_ok=True)
        (cache / name).symlink_to(paths.cache_dir() / name)
    variables = environment(home / "s", XDG_CACHE_HOME=str(cache.parent))
    argv = ["sh", "-c", GUARD, sys.executable, "-m", "teig", "demo", "--clean"]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=variables, start_new_session=True
    ):
        yield variables


def _run(variables: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "teig", *args]
    return subprocess.run(argv, env=variables, capture_output=True, text=True, timeout=1500, check=False)


@pytest.mark.lab
def test_demo_is_made_mended_and_removed(demo_home: dict[str, str], home: Path) -> None:
    made = _run(demo_home, "demo")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "HTTP/1.1 200 OK" in made.stdout
    assert [line.split() for line in made.stdout.splitlines() if line.startswith("memory ")] == [
        ["memory", *(["96", "MiB"] * 3)]
    ]
    _readme_commands(demo_home)

    os.kill(int((home / "s/teig/server/lock").read_text()), signal.SIGKILL)
    lab = json.loads((home / "s/teig/lab/default/lab.json").read_text())
    os.kill(lab["hosts"][0]["process"][0], signal.SIGKILL)
    mended = _run(demo_home, "demo")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "HTTP/1.1 200 OK" in mended.stdout

    gone = _run(demo_home, "demo", "--clean")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert [path for path in (home / "s/teig", home / "cache/teig") if path.exists()] == []
    assert _processes_in(home) == []


def _readme_commands(variables: dict[str, str]) -> None:
    """Run what the README says to try next; `.venv/bin/teig` is the one under test."""
    commands = typed(ROOT / "README.md")
    assert commands
    for command in commands:
        text = command.command.replace(".venv/bin/teig", "teig")
        done = subprocess.run(
            ["bash", "-c", text], env=variables, cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"


def _processes_in(folder: Path) -> list[str]:
    """Return the command lines of processes that name a folder or have it in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            about = command + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in about and GUARD.encode() not in command:
            found.append(command.replace(b"\0", b" ").decode())
    return found


def test_clean_leaves_a_server_alone_that_has_other_hosts(teig: Teig, server: FakeServer, home: Path) -> None:
    server.things["/hosts"] = [{"name": "xen1", "address": "192.0.2.7"}, {"name": "lab1", "address": "127.0.0.1"}]
    done = teig("demo", "--clean")
    assert done.returncode == 1
    assert "error: The server manages hosts that are not the lab's: xen1. Nothing was removed." in done.stderr
    assert (home / "teig/server/teig.sock").exists()


def test_clean_leaves_a_server_alone_that_has_a_site_of_its_own(teig: Teig, server: FakeServer, home: Path) -> None:
    server.things["/sites"] = [{"name": "lab"}, {"name": "oslo"}]
    done = teig("demo", "--clean")
    assert done.returncode == 1
    assert "error: The server has sites that are not the demo's: oslo. Nothing was removed." in done.stderr
    assert (home / "teig/server/teig.sock").exists()


def test_clean_leaves_the_key_of_a_server_whose_database_is_elsewhere(teig: Teig, home: Path) -> None:
    (home / "teig/server").mkdir(parents=True, mode=0o700)
    (home / "teig/server/id_ed25519").write_text("a key that hosts know")
    done = teig("demo", "--clean")
    assert done.returncode == 1
    assert "has its database elsewhere" in done.stderr
    assert (home / "teig/server/id_ed25519").exists()


def test_clean_leaves_what_somebody_put_beside_the_server(teig: Teig, home: Path) -> None:
    (home / "teig/server-of-may").mkdir(parents=True)
    (home / "teig/cli-errors.log").write_text("")
    done = teig("demo", "--clean")
    assert done.returncode == 0
    assert "server-of-may" in done.stdout
    assert [path.name for path in (home / "teig").iterdir()] == ["server-of-may"]


def test_clean_removes_a_link_and_leaves_what_it_leads_to(teig: Teig, home: Path, tmp_path: Path) -> None:
    images = tmp_path / "large-disk/images"
    images.mkdir(parents=True)
    (images / "micro.img").write_bytes(b"")
    (tmp_path / "large-disk/state").mkdir()
    (home / "teig").symlink_to(tmp_path / "large-disk/state")
    cache = tmp_path / "cache/teig"
    cache.mkdir(parents=True)
    (cache / "images").symlink_to(images)
    (cache / "lab").symlink_to(tmp_path / "never-made")
    done = teig("demo", "--clean", XDG_CACHE_HOME=str(cache.parent))
    assert done.returncode == 0, done.stderr
    assert str(images) in done.stdout
    assert (images / "micro.img").exists()
    assert not cache.exists()


def test_clean_where_there_was_nothing(teig: Teig) -> None:
    assert teig("demo", "--clean").returncode == 0


def test_ctrl_c_while_waiting_leaves_the_operation_alone(home: Path, server: FakeServer) -> None:
    server.answers["POST", "/guests/web/start"] = server.operation("op-9", *["running"] * 200)
    argv = [sys.executable, "-m", "teig", "guest", "start", "web"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=environment(home)) as process:
        assert process.stderr
        process.stderr.read(1)  # the first step is shown: it waits
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(timeout=20) == 130
    assert "error: You stopped waiting; operation op-9 goes on." in said
    assert "teig op wait op-9" in said


def test_a_second_server_is_refused(home: Path) -> None:
    with server_running(home):
        argv = [sys.executable, "-m", "teig", "serve"]
        done = subprocess.run(argv, env=environment(home), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "A server runs in" in done.stderr
