"""The demo's background server: found, started once, and ended."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from teig.cli import server_process
from teig.cli.client import Api
from tests.cli.background import environment


def test_two_starts_at_once_make_one_server_and_stop_ends_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    (home / "teig/server").mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-m", "teig", "serve"], env=environment(home)) as first:
        try:
            server_process.start()
            assert Api().alive()
            deadline = time.monotonic() + 60
            while first.poll() is None and server_process._pid() != first.pid:  # it may have begun the later of both
                assert time.monotonic() < deadline
                time.sleep(0.05)
            server_process.stop()
            assert first.wait(timeout=20) is not None
        finally:
            first.kill()
    assert not Api().alive()
    server_process.stop()


def test_a_server_that_dies_at_once_is_told_with_its_last_words(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    folder = home / "teig/server"
    folder.mkdir(parents=True)
    (folder / "id_ed25519").write_text("no key")
    with pytest.raises(server_process.ServerDied, match="The server did not start: "):
        server_process.start()


def test_a_lock_that_nobody_holds_names_nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    lock = home / "teig/server/lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("1")
    assert server_process._pid() is None
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert server_process._pid() == 1
