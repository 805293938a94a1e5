"""A client for QEMU's monitor (QEMU Machine Protocol): one command at a time over a unix socket."""

from __future__ import annotations

import json
import shlex
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from teig.lab.launch import Running
from teig.model.errors import LabFault


class Monitor:
    """An open connection to one QEMU; use it as a context manager."""

    def __init__(self, path: Path, running: Running, timeout_s: float = 60.0) -> None:
        """Connect, as soon as QEMU listens; LabFault where it ends before, or does not within the time."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(timeout_s)
            try:
                self._socket.connect(str(path))
                break
            except OSError as error:
                self._socket.close()
                if not running.alive:
                    raise LabFault("QEMU ended at once.") from error
                if time.monotonic() > deadline:
                    raise LabFault(f"QEMU does not answer at {path}: {error}.") from error
            time.sleep(0.02)
        self._lines = self._socket.makefile("rw", encoding="utf-8")
        self._lines.readline()  # the greeting
        self.command("qmp_capabilities")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # QEMU has gone, and something is still to be written to it
            self._lines.close()  # it keeps the socket open, and with that everybody else out, as long as we are known
        self._socket.close()

    def command(self, name: str, **arguments: Any) -> Any:
        """Run a command and return its answer; LabFault where QEMU refuses it or goes away."""
        request = {"execute": name, **({"arguments": arguments} if arguments else {})}
        try:
            self._lines.write(json.dumps(request) + "\n")
            self._lines.flush()
            while True:
                line = self._lines.readline()
                if not line:
                    raise LabFault(f"QEMU went away during {name}.")
                answer = json.loads(line)
                if "error" in answer:
                    raise LabFault(f"QEMU refused {name}: {answer['error'].get('desc')}.")
                if "return" in answer:
                    return answer["return"]
        except (OSError, ValueError) as error:
            raise LabFault(f"QEMU did not answer {name}: {error}.") from error

    def human(self, line: str) -> str:
        """Run a command of the monitor for people and return what it printed: empty where it has no complaint."""
        return str(self.command("human-monitor-command", **{"command-line": line})).strip()

    def stop(self) -> None:
        """Stop the machine's processors."""
        self.command("stop")

    def go_on(self) -> None:
        """Let the machine run."""
        self.command("cont")

    def save_memory(self, path: Path, timeout_s: float = 120.0) -> None:
        """Write memory and devices of the stopped machine to a file, as `-incoming` reads it."""
        self.command("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self.command("migrate", uri=f"exec:cat >{shlex.quote(str(path))}")
        if self._migrated(timeout_s) != "completed":
            raise LabFault(f"The memory of the lab host could not be saved to {path}.", "Is the disk full?")

    def await_memory(self, timeout_s: float = 60.0) -> None:
        """Wait until the memory given by `-incoming` was read."""
        deadline = time.monotonic() + timeout_s
        while self.command("query-status")["status"] == "inmigrate":
            if time.monotonic() > deadline:
                raise LabFault("The lab host did not take its memory from the snapshot in time.")
            time.sleep(0.02)

    def _migrated(self, timeout_s: float) -> str:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            status = str(self.command("query-migrate").get("status"))
            if status in {"completed", "failed", "cancelled"}:
                return status
            time.sleep(0.05)
        return "timeout"
