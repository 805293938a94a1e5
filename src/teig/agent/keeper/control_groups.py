"""A control group for each guest: the kernel threads that work for it are held to its rates there, share and count.

The groups are /sys/fs/cgroup/teig/UUID, and `io` and `cpu` are handed down at the root and at `teig`. Both are needed:
systemd takes `io` away from the root on `daemon-reload` where no unit of its own wants it, and the kernel refuses that
while `teig` hands it on. Within a guest's group each domain has one for each kind of work, such as `disks-7`: nothing
is handed down to these, so the limits and the weight of the guest's group are theirs, and the kernel counts each one's
time. What a thread used stays counted when it ends. Older keepers have the threads in the guest's group itself.
Neighbours: `limits` and `dom0_time` say what is to be set, docs/keeper.md what was measured.
Source of the files' meaning: Documentation/admin-guide/cgroup-v2.rst, "IO Interface Files", "CPU Interface Files".
"""

from __future__ import annotations

import contextlib
import errno
import re
from pathlib import Path
from typing import Optional

from teig.agent.contract import arguments
from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import DiskRate
from teig.agent.xen.backends import WORK

HIERARCHY = Path("/sys/fs/cgroup")
NAME = "teig"
_KEYS = {"riops": "read_iops", "wiops": "write_iops", "rbps": "read_bps", "wbps": "write_bps"}
UNLIMITED = DiskRate(0, 0, 0, 0)
MOST_WEIGHT = 10000
"""The most that `cpu.weight` takes; what is not set weighs 100."""
_CONTROL = "control"
"""The group of the agents, and of the processes of xl that they start (`teig.agent.__main__`)."""


class ControlGroups:
    """The groups of this host's guests. Reading and changing are separate; changes can be repeated."""

    def __init__(self, hierarchy: Path = HIERARCHY) -> None:
        self._root = hierarchy
        self._ours = hierarchy / NAME

    def prepare(self, controller: str = "io") -> bool:
        """Make a controller reach the guests' groups; return whether that had to be done. OSError: it cannot."""
        made = not self._ours.is_dir()
        self._ours.mkdir(exist_ok=True)
        for folder in (self._root, self._ours):
            control = folder / "cgroup.subtree_control"
            if controller not in control.read_text().split():
                self._write(control, f"+{controller}")
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
        """Return the ids of the processes and kernel threads in a guest's group, those within it included."""
        folders = [self._group(guest), *self._works(guest)]
        return {thread for folder in folders for thread in _members(folder)}

    def serving(self, guest: str, domid: int, work: str) -> set[int]:
        """Return the ids of the kernel threads that are counted for one kind of a domain's work."""
        return _members(self._work(guest, domid, work))

    def seconds(self, guest: str, domid: int) -> dict[str, float]:
        """Return how long Domain-0 has worked for a domain, by kind, in seconds; without what nothing counts."""
        found = ((work, _seconds(self._work(guest, domid, work))) for work in WORK)
        return {work: seconds for work, seconds in found if seconds is not None}

    def weigh(self, guest: str, weight: int) -> list[str]:
        """Give a guest's work its weight among the other guests'; return what had to be written."""
        self._group(guest).mkdir(exist_ok=True)
        return self._weigh(self._group(guest), weight)

    def weigh_control(self, weight: int) -> list[str]:
        """Give the agents their weight beside the guests', whose groups lie beside theirs; return what was written."""
        folder = self._ours / _CONTROL
        return self._weigh(folder, weight) if folder.exists() else []

    def _weigh(self, folder: Path, weight: int) -> list[str]:
        file = folder / "cpu.weight"  # which is not there where `cpu` does not reach it: an OSError
        if file.read_text().split() == [str(weight)]:
            return []
        self._write(file, str(weight))
        return [f"cpu.weight {weight}"]

    def limit(self, guest: str, wanted: dict[str, DiskRate]) -> list[str]:
        """Limit a guest to these rates on these devices, and on no others; return what had to be written."""
        self._group(guest).mkdir(exist_ok=True)
        there = self.rates(guest)
        lines = [io_max_line(device, UNLIMITED) for device in there if device not in wanted]
        lines += [io_max_line(device, rate) for device, rate in wanted.items() if there.get(device) != rate]
        for line in lines:
            self._write(self._group(guest) / "io.max", line)
        return lines

    def add(self, guest: str, thread: int, domid: int, work: str) -> bool:
        """Move a kernel thread to where its work is counted; return whether it was still there to be moved."""
        folder = self._work(guest, domid, work)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._write(folder / "cgroup.procs", str(thread))
        except OSError as error:
            if error.errno != errno.ESRCH:
                raise
            return False
        return True

    def remove(self, guest: str) -> bool:
        """Remove a guest's group; return whether it is gone. One that still has a thread in it stays."""
        self.keep_only(guest, None)
        with contextlib.suppress(OSError):
            self._remove(self._group(guest))
        return not self._group(guest).exists()

    def keep_only(self, guest: str, domid: Optional[int]) -> None:
        """Forget the work for all of a guest's domains but one; what still has a thread in it stays."""
        for folder in self._works(guest):
            if folder.name.rpartition("-")[2] != str(domid):
                with contextlib.suppress(OSError):
                    self._remove(folder)

    def _remove(self, folder: Path) -> None:
        folder.rmdir()

    def _write(self, file: Path, line: str) -> None:
        """Tell the kernel one thing: these files take one line at a time, and what is read back is the sum of all."""
        file.write_text(line)

    def _group(self, guest: str) -> Path:
        return self._ours / str(arguments.guest_id("guest", guest))

    def _work(self, guest: str, domid: int, work: str) -> Path:
        return self._group(guest) / f"{work}-{domid}"

    def _works(self, guest: str) -> list[Path]:
        return [folder for folder in self._group(guest).glob("*-*") if folder.name.partition("-")[0] in WORK]


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


def _members(folder: Path) -> set[int]:
    try:
        return {int(line) for line in (folder / "cgroup.procs").read_text().split()}
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENODEV}:  # it is not there, or was just removed
            raise
        return set()


def _seconds(folder: Path) -> Optional[float]:
    """Return the processor time that a group has used. The kernel counts it whether `cpu` reaches it or not."""
    try:
        found = re.search(r"^usage_usec (\d+)$", (folder / "cpu.stat").read_text(), re.ASCII | re.MULTILINE)
    except OSError:  # it is not there, or was just removed
        return None
    return int(found[1]) / 1e6 if found else None


def _is_guest(name: str) -> bool:
    try:
        arguments.guest_id("guest", name)
    except Failure:
        return False
    return True
