"""Starting programs: argv lists, never a shell, no standard input, and never the channel's own output."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from teig.agent.contract.failure import host_fault

TIMEOUT_S = 120.0


class Done(NamedTuple):
    """A program that ended: its exit status and what it wrote."""

    status: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """What it wrote, on one line: its errors, or its output where it wrote no errors."""
        return "; ".join(line.strip() for line in (self.stderr or self.stdout).splitlines() if line.strip())


def run(argv: Sequence[str], timeout_s: float = TIMEOUT_S) -> Done:
    """Run a program to its end, whatever its status; a Failure where it is not there or takes too long.

    It gets a session of its own: what it leaves running (the `xl` that reboots a guest) outlives this process.
    """
    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C"},  # its words are read
            errors="replace",
            text=True,
        )
    except FileNotFoundError as error:
        raise host_fault(
            "missing_program", f"The program {argv[0]} is not installed on the host.", "Install it there."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise host_fault(
            "program_stuck",
            f"{argv[0]} did not end within {timeout_s:g} seconds.",
            f"Run it on the host by hand: {shlex.join(argv)}",
        ) from error
    return Done(done.returncode, done.stdout, done.stderr)


def must(argv: Sequence[str], code: str, timeout_s: float = TIMEOUT_S) -> str:
    """Run a program that must succeed and return its output; else a host fault with `code` and its own words."""
    done = run(argv, timeout_s)
    if done.status != 0:
        raise host_fault(code, f"{argv[0]} failed: {done.said}", f"Run it on the host by hand: {shlex.join(argv)}")
    return done.stdout
