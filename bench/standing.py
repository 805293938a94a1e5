"""A demo that stands in a directory of its own: lab host, server, guest, and a way to run things in Dom0.

The images come from the usual cache; all other state is made in a temporary directory and removed in the end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from teig.cli import server_process
from teig.lab.lab import Lab

TEIG = str(Path(sys.executable).with_name("teig"))


class Standing:
    """A running lab host `lab1` and the server that manages it."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def teig(self, *args: str) -> str:
        """Run a command of ours and return what it printed; its own words are shown where it fails."""
        done = subprocess.run([TEIG, *args], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"teig {' '.join(args)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *args: str) -> Any:
        """Run a reading command and return its JSON."""
        return json.loads(self.teig(*args, "-o", "json"))

    def ssh_argv(self, *command: str) -> list[str]:
        """Return the argv that runs a command in Dom0 over one shared connection."""
        config = Lab.named().ssh_config
        control = self.state / "ssh-%C"
        shared = ["-o", "ControlMaster=auto", "-o", f"ControlPath={control}", "-o", "ControlPersist=60"]
        return ["ssh", "-F", str(config), *shared, "lab1", *command]

    def dom0(self, *command: str, stdin: bytes = b"") -> str:
        """Run a command in Dom0 and return what it printed."""
        return subprocess.run(self.ssh_argv(*command), input=stdin, capture_output=True, check=True).stdout.decode()


@contextmanager
def standing() -> Iterator[Standing]:
    """Set up the demo in a temporary directory, and take it down again whatever happens."""
    with tempfile.TemporaryDirectory(prefix="tb-") as folder:
        os.environ["XDG_STATE_HOME"] = folder
        stands = Standing(Path(folder))
        try:
            stands.teig("demo")
            yield stands
        finally:
            subprocess.run(stands.ssh_argv("-O", "exit"), capture_output=True, check=False)
            server_process.stop()
            Lab.named().down()
