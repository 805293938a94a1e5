"""A server of its own for a test, in its own directories, that is gone when the test is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def environment(state: Path, **more: str) -> dict[str, str]:
    """Return the environment in which `teig` is the one under test and keeps its state in `state`."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "XDG_STATE_HOME": str(state), "PYTHONUNBUFFERED": "1", **more}


@contextmanager
def server_running(state: Path) -> Iterator[None]:
    """Run `teig serve` until the block ends."""
    argv = [sys.executable, "-m", "teig", "serve"]
    log = state / "serve.log"
    with log.open("wb") as output, subprocess.Popen(argv, stderr=output, env=environment(state)) as process:
        try:
            _await(state / "teig/server/teig.sock", process, log)
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def _await(socket: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not socket.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"no server after 60 s: {log.read_text()}"
        time.sleep(0.1)
