"""The network segment that joins a lab's hosts: a vde_switch on a unix socket, without any address."""

from __future__ import annotations

import time
from pathlib import Path

from teig import process
from teig.lab import launch
from teig.lab.launch import Running
from teig.model.errors import LabFault

PROGRAM = "vde_switch"
PACKAGE = "vde2"
_START_S = 10.0


def switch_folder(sockets: Path) -> Path:
    """Return where the switch of a lab has its sockets: what QEMU takes as `sock=`."""
    return sockets / "segment"


def start(sockets: Path, log: Path, *, tie: bool) -> Running:
    """Start the switch and return it once hosts can be plugged in; LabFault where it does not come up."""
    process.require(PROGRAM, PACKAGE)
    folder = switch_folder(sockets)
    running = launch.start(argv(folder), log, tie=tie)
    deadline = time.monotonic() + _START_S
    while not (folder / "ctl").exists():
        if not running.alive or time.monotonic() > deadline:
            running.end()
            raise LabFault(f"The lab's network switch did not start: {log.read_text(errors='replace').strip()}")
        time.sleep(0.02)
    return running


def argv(folder: Path) -> list[str]:
    """Return the command of the switch; it and its sockets are for this user alone."""
    return [PROGRAM, "--sock", str(folder), "--dirmode", "0700", "--mode", "0600"]
