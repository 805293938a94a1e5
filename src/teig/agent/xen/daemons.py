"""What xl leaves behind for each guest: the daemon that makes its domain anew after a reboot.

After a shutdown with the reason *reboot* that daemon destroys the domain, sleeps 2 s and makes it again, in the same
process (tools/xl/xl_vmcontrol.c of Xen 4.17, create_domain). So a guest has ended only where there is neither a domain
nor a daemon. A daemon is known by the file that it was started with; one that was started with none, by `xl restore`,
by its log, /var/log/xen/xl-NAME.log. Somebody else's domain may have the same name while ours does not run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from teig.agent.contract.failure import host_fault
from teig.agent.host import processes
from teig.agent.host.processes import PROC
from teig.agent.host.state import read_json

LOG = "/var/log/xen/xl-{name}.log"
_TERM_S = 3.0
_KILL_S = 15.0
_POLL_S = 0.05


def of(config: Path, name: str, proc: Path = PROC) -> list[int]:
    """Return the processes of xl that look after a guest: made from `config`, or writing the log of that name."""
    others = (number for number in processes.numbers(proc) if number != os.getpid())
    return sorted(number for number in others if _looks_after(number, config, name, proc))


def of_guest(folder: Path) -> list[int]:
    """Return the processes of xl that look after the guest whose files are in a folder."""
    return of(folder / "xl.cfg", _name(folder))


def _name(folder: Path) -> str:
    """Return a guest's name, empty where its description is gone or damaged."""
    with contextlib.suppress(Exception):  # it may be damaged in every way
        stored = read_json(folder / "spec.json")
        return str(stored.get("name", "")) if isinstance(stored, dict) else ""
    return ""


def end_of_guest(folder: Path) -> list[int]:
    """End the processes of xl that look after the guest whose files are in a folder, as `end` does."""
    return end(folder / "xl.cfg", _name(folder))


def _looks_after(number: int, config: Path, name: str, proc: Path) -> bool:
    try:
        argv = processes.read(number, "cmdline", proc).split(b"\0")
        if argv[0].rpartition(b"/")[2] != b"xl":
            return False
        folder = proc / str(number)
        files = _configs(argv[1:])
        if files:
            cwd = os.readlink(folder / "cwd")  # noqa: PTH115  (a target as it is)
            return any(os.path.normpath(os.path.join(cwd, os.fsdecode(file))) == str(config) for file in files)  # noqa: PTH118
        outputs = {os.readlink(folder / "fd" / number) for number in ("1", "2")}  # noqa: PTH115  (a target as it is)
    except OSError:
        return False  # it ended
    return bool(name) and LOG.format(name=name) in outputs


def _configs(words: list[bytes]) -> list[bytes]:
    """Return which words after `xl` may be the configuration file of `xl create`: neither options nor settings."""
    if not words or words[0] != b"create":
        return []
    return [word for word in words[1:] if word and not word.startswith(b"-") and b"=" not in word]


def end(config: Path, name: str, proc: Path = PROC) -> list[int]:
    """End them, and return those that were there once they are known to be gone; a host fault where one is not."""
    there = ended = of(config, name, proc)
    for number, wait_s in ((signal.SIGTERM, _TERM_S), (signal.SIGKILL, _KILL_S)):
        deadline = time.monotonic() + wait_s
        for pid in there:
            _send(pid, number)
        while there and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            there = of(config, name, proc)
        if not there:
            return ended
    left = ", ".join(str(pid) for pid in there)
    raise host_fault(
        "xl_stuck",
        f"The xl process {left} of guest {name or config.parent.name} does not end: it would make the domain anew.",
        f"Look at it on the host: ps -fp {left}",
    )


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
