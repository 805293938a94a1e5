"""Fixtures of the command line's tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.fake_server import FakeServer, serving

Teig = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory with a short name (a unix socket's path holds 107 bytes) for all that Teig keeps."""
    with tempfile.TemporaryDirectory(prefix="teig-") as folder:
        yield Path(folder)


@pytest.fixture
def teig(home: Path) -> Teig:
    """Run the real command line with its own directories."""

    def run(*args: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "teig", *args],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home), "XDG_CACHE_HOME": str(home), **env},
        )

    return run


@pytest.fixture
def server(home: Path) -> Iterator[FakeServer]:
    """A server with made-up contents where the command line looks for one."""
    with serving(home / "teig/server/teig.sock") as fake:
        yield fake
