"""The server as a background process of this machine: started for the demo, and ended with it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from teig import paths
from teig.cli.client import Api
from teig.model.errors import OperatorError

START_S = 60.0
END_S = 15.0
LOG_LINES = 8
WRITE_S = 2.0


class ServerDied(OperatorError):
    """A server that was started in the background did not come up."""

    code = "server_died"


def start() -> Path:
    """Start a server that survives this command, wait until it answers, and return its log."""
    folder = paths.server_dir()
    paths.check_socket(paths.socket_path())
    paths.make_private(folder)
    log = folder / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "teig", "serve"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
        )
    deadline = time.monotonic() + START_S
    while not Api().alive():
        ended = process.poll() is not None and _pid() is None  # where another holds the lock, that one comes up
        if ended or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise ServerDied(f"The server did not start: {_tail(log)}", f"Its log is {log}")
        time.sleep(0.1)
    return log


def stop() -> None:
    """End the server that answers here, if one does, and wait until it is gone."""
    pid = _pid()
    if pid is None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + END_S
        while time.monotonic() < deadline:
            if gone(pid):
                return
            time.sleep(0.1)


def _pid() -> int | None:
    """Return the server's process, None where none runs: it holds its lock from before it listens until it has ended.

    The number in the file counts only while the lock is held.
    """
    deadline = time.monotonic() + WRITE_S
    while True:
        try:
            with (paths.server_dir() / "lock").open("r", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
        except FileNotFoundError:
            return None
        except BlockingIOError:
            text = (paths.server_dir() / "lock").read_text(encoding="ascii").strip()
        if text.isdigit():
            return int(text)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.05)


def gone(pid: int) -> bool:
    """Return whether a process has ended; one whose parent has not asked for its status yet (Z) has."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "\n".join(lines[-LOG_LINES:]) or "it said nothing"
