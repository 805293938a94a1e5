"""Programs that go on running: how they are started, recognised later, and ended.

What runs to its end goes through `teig.process`. Neighbours: `tether` ties a program's life to ours, `hosts` and
`segment` start QEMU and the switch.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from teig.lab import tether

# The parent-death signal is sent when the thread that started the program ends: this one ends with the process.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lab-starter")
_END_S = 5.0


@dataclass(frozen=True)
class Running:
    """A process: its id, and when it started (clock ticks since boot), because ids are given out again."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        return _start_time(self.pid) == self.started

    def end(self) -> None:
        """End it and wait until it is gone. One that is gone already is fine."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.alive:
                break
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                break
            self.wait(_END_S)
        self._reap()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it has ended; return whether it has within that many seconds."""
        deadline = time.monotonic() + timeout_s
        while self.alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        self._reap()
        return True

    def _reap(self) -> None:
        try:
            os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return  # another process started it


def tied(argv: Sequence[str], number: signal.Signals = signal.SIGKILL) -> list[str]:
    """Return the command that runs `argv` and gets the signal when this process ends."""
    return [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), str(int(number)), *argv]


def start(argv: Sequence[str], output: Path, *, tie: bool, keep_fds: Sequence[int] = ()) -> Running:
    """Start a program in a session of its own and return it at once; what it prints goes to the file `output`.

    With `tie` it ends with this process, however this process ends; else it outlives it. Its standard input is a pipe
    whose other end it holds itself: nothing ever comes, and it never ends, which some programs would take as a sign.
    """
    command = tied(argv) if tie else list(argv)

    def spawn() -> int:
        nothing, held = os.pipe()
        try:
            with output.open("wb") as log:
                child = subprocess.Popen(
                    command,
                    stdin=nothing,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(*keep_fds, held),
                )
        finally:
            os.close(nothing)
            os.close(held)
        child.returncode = 0  # `Running` waits for it: keep Popen from complaining that nobody did
        return child.pid

    pid = _STARTER.submit(spawn).result()
    return Running(pid, _start_time(pid) or 0)


def _start_time(pid: int) -> int | None:
    """Return field 22 of /proc/PID/stat (proc(5)), or None where the process is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])
