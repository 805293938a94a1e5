"""`teig serve` and the name server that it tells of names."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bind import CARD, Bind, running
from tests.cli.conftest import Teig

ROW = "INSERT INTO reverse_names VALUES ('10.77.16.0', 'lab', '10.77.16.0/32', 'web.example.org', 1, 0, 0, 0, NULL)"


def until(bind: Bind, name: str) -> None:
    deadline = time.monotonic() + 30
    while bind.name_of(CARD) != name:
        assert time.monotonic() < deadline, bind.name_of(CARD)
        time.sleep(0.1)


def test_a_server_tells_the_name_server_it_was_given(home: Path, tmp_path: Path) -> None:
    with running(tmp_path / "bind") as bind:
        options = ("--name-server", f"127.0.0.1:{bind.port}", "--name-server-key", str(bind.key))
        env = {**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home), "XDG_CACHE_HOME": str(home)}
        argv = [sys.executable, "-m", "teig", "serve", *options]
        server = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 60
            while not (home / "teig/server/teig.sock").exists():
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            with sqlite3.connect(home / "teig/server/teig.sqlite", timeout=30) as database:
                database.execute(ROW)
            until(bind, "web.example.org.")
        finally:
            server.send_signal(signal.SIGTERM)
            log = server.communicate(timeout=60)[0].decode()
    secret = bind.key.read_text().split('secret "')[1].split('"')[0]
    assert secret not in log


@pytest.mark.parametrize(
    ("options", "mode", "words"),
    [
        (("--name-server", "127.0.0.1"), 0o600, "A name server needs an address and a key."),
        (("--name-server-key", "KEY"), 0o600, "A name server needs an address and a key."),
        (("--name-server", "ns.example.org", "--name-server-key", "KEY"), 0o600, "no address of a name server"),
        (("--name-server", "127.0.0.1", "--name-server-key", "KEY"), 0o644, "Others can read the name server's key"),
        (("--name-server", "127.0.0.1", "--name-server-key", "KEY"), 0o600, "There is no key for HMAC-SHA256"),
    ],
)
def test_half_a_name_server_is_refused(
    teig: Teig, tmp_path: Path, options: tuple[str, ...], mode: int, words: str
) -> None:
    key = tmp_path / "key"
    key.touch(mode=mode)
    key.chmod(mode)
    done = teig("serve", *(str(key) if one == "KEY" else one for one in options))
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
