"""A control group for each guest, in which the kernel threads that serve its disks are held to its rates.

The groups are /sys/fs/cgroup/teig/UUID, and `io` is handed down at the root and at `teig`. Both are needed: systemd
takes `io` away from the root on `daemon-reload` where no unit of its own wants it, and the kernel refuses that while
`teig` hands it on. Neighbours: `limits` says what is to be set, docs/keeper.md what was measured.
Source of the files' meaning: Documentation/admin-guide/cgroup-v2.rst, "IO Interface Files".
"""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

from teig.agent.contract import arguments
from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import DiskRate

HIERARCHY = Path("/sys/fs/cgroup")
NAME = "teig"
_KEYS = {"riops": "read_iops", "wiops": "write_iops", "rbps": "read_bps", "wbps": "write_bps"}
UNLIMITED = DiskRate(0, 0, 0, 0)


class ControlGroups:
    """The groups of this host's guests. Reading and changing are separate; changes can be repeated."""

    def __init__(self, hierarchy: Path = HIERARCHY) -> None:
        self._root = hierarchy
        self._ours = hierarchy / NAME

    def prepare(self) -> bool:
        """Make `io` reach the guests' groups; return whether anything had to be done. OSError where it cannot."""
        made = not self._ours.is_dir()
        self._ours.mkdir(exist_ok=True)
        for folder in (self._root, self._ours):
            control = folder / "cgroup.subtree_control"
            if "io" not in control.read_text().split():
                self._write(control, "+io")
                made = True
        return made

    def guests(self) -> list[str]:
        """Return the ids of the guests that have a group."""
        try:
            return sorted(path.name for path in self._ours.iterdir() if path.is_dir() and _is_guest(path.name))
        except FileNotFoundError:
            return []

    def rates(self, guest: str) -> dict[str, DiskRate]:
        """Return what each device (`major:minor`) is limited to for a guest; 0 stands for no limit."""
        try:
            return parse_io_max((self._group(guest) / "io.max").read_text())
        except FileNotFoundError:
            return {}

    def members(self, guest: str) -> set[int]:
        """Return the ids of the processes and kernel threads in a guest's group."""
        try:
            return {int(line) for line in (self._group(guest) / "cgroup.procs").read_text().split()}
        except FileNotFoundError:
            return set()

    def limit(self, guest: str, wanted: dict[str, DiskRate]) -> list[str]:
        """Limit a guest to these rates on these devices, and on no others; return what had to be written."""
        self._group(guest).mkdir(exist_ok=True)
        there = self.rates(guest)
        lines = [io_max_line(device, UNLIMITED) for device in there if device not in wanted]
        lines += [io_max_line(device, rate) for device, rate in wanted.items() if there.get(device) != rate]
        for line in lines:
            self._write(self._group(guest) / "io.max", line)
        return lines

    def add(self, guest: str, thread: int) -> bool:
        """Move a kernel thread into a guest's group; return whether it was still there to be moved."""
        try:
            self._write(self._group(guest) / "cgroup.procs", str(thread))
        except OSError as error:
            if error.errno != errno.ESRCH:
                raise
            return False
        return True

    def remove(self, guest: str) -> bool:
        """Remove a guest's group; return whether it is gone. One that still has a thread in it stays."""
        with contextlib.suppress(OSError):
            self._group(guest).rmdir()
        return not self._group(guest).exists()

    def _write(self, file: Path, line: str) -> None:
        """Tell the kernel one thing: these files take one line at a time, and what is read back is the sum of all."""
        file.write_text(line)

    def _group(self, guest: str) -> Path:
        return self._ours / str(arguments.guest_id("guest", guest))


def io_max_line(device: str, rate: DiskRate) -> str:
    """Return the line for `io.max`: the device, then each limit, `max` where there is none."""
    limits = " ".join(f"{key}={getattr(rate, field) or 'max'}" for key, field in _KEYS.items())
    return f"{device} {limits}"


def parse_io_max(text: str) -> dict[str, DiskRate]:
    """Return what `io.max` says of each device that has a limit."""
    found = {}
    for line in text.splitlines():
        device, *words = line.split()
        values = dict(word.split("=", 1) for word in words)
        found[device] = DiskRate(*(int(values[key]) if values.get(key, "max") != "max" else 0 for key in _KEYS))
    return found


def _is_guest(name: str) -> bool:
    try:
        arguments.guest_id("guest", name)
    except Failure:
        return False
    return True
