"""The one door for starting other programs on this machine.

Programs are started from argv lists, never through a shell. A failure carries the command as one line that a person
can run again, and the last lines that the program wrote.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from teig.model.errors import MissingProgram, OperatorError

TAIL_LINES = 12


class ProcessFailed(OperatorError):
    """A program ended with a status other than 0, or did not end in time."""

    code = "process_failed"

    def __init__(self, argv: Sequence[str], status: int | None, stdout: str, stderr: str) -> None:
        self.argv = list(argv)
        self.status = status
        self.stdout = stdout
        self.stderr = stderr
        how = "did not end in time" if status is None else f"failed with status {status}"
        tail = "\n".join((stderr or stdout).strip().splitlines()[-TAIL_LINES:])
        super().__init__(f"{argv[0]} {how}: {tail}", f"Run it again by hand: {shlex.join(argv)}")


def require(program: str, package: str) -> str:
    """Return the path of a program, or raise MissingProgram naming the Debian package that has it.

    The directories for system programs are searched too: a plain user's PATH on Debian lacks them.
    """
    for folder in (None, "/usr/local/sbin:/usr/sbin:/sbin"):
        found = shutil.which(program, path=folder)
        if found:
            return found
    raise MissingProgram(
        f"The program {program} is not installed.", f"Ask an administrator to run: apt-get install {package}"
    )


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    timeout_s: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    apart: bool = False,
) -> str:
    """Run a program to its end and return what it wrote on standard output; `apart` from the terminal and its Ctrl-C.

    Raises ProcessFailed where it ends with another status than 0 or takes longer than `timeout_s` seconds, and
    MissingProgram where there is no such program.
    """
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout_s,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=apart,
            check=False,
        )
    except FileNotFoundError as error:
        raise MissingProgram(f"The program {argv[0]} is not installed.", "Install it and try again.") from error
    except subprocess.TimeoutExpired as error:
        raise ProcessFailed(argv, None, _text(error.stdout), _text(error.stderr)) from error
    if done.returncode != 0:
        raise ProcessFailed(argv, done.returncode, _text(done.stdout), _text(done.stderr))
    return _text(done.stdout)


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="replace")
