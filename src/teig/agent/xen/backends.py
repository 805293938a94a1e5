"""Domain-0's end of a guest's devices: what xenstore says of them, and the kernel threads that serve them.

blkback starts one kernel thread for each queue of each disk, called `DOMID.xvda-0`, when the guest's front end
connects, and new ones whenever it connects again: after a reboot from inside, or when the guest reloads its driver.
netback has two for each queue of a card: `vifDOMID.0-q0-guest-rx` copies to the guest what it receives,
`vifDOMID.0-q0-dealloc` gives back the pages of what it sent. Where threaded NAPI is switched on there is a third one:
`napi/vifDOMID.0-8193` takes what the guest sends and hands it on (drivers/net/xen-netback/netback.c, interface.c).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple, Optional

from teig.agent.host import processes
from teig.agent.host.processes import PROC
from teig.agent.xen.hypervisor import Hypervisor

SERVED = ("4", "5")
"""The states, Connected and Closing, in which there are threads: blkback ends them when it is Closed (6)
(xen/include/public/io/xenbus.h; drivers/block/xen-blkback/xenbus.c, frontend_changed)."""
CLOSED = "6"
SEED = "xvdz"
BACKENDS = "/local/domain/0/backend"
MODULE = Path("/sys/module/xen_blkback/parameters")
_MOST_QUEUES = 128
_TICKS_S = 1 / os.sysconf("SC_CLK_TCK")
_KTHREADD = b"2"
_STAT = re.compile(rb"\d+ \((.*)\) \S (\d+) ", re.DOTALL)
WORK = DISKS, SENDS, RECEIVES = ("disks", "sends", "receives")
"""The kinds of Domain-0's work for a guest: blkback's, and netback's for what it sends and for what it receives."""
_NAMES = (
    (DISKS, re.compile(rb"(\d+)\.[a-z]+[a-z0-9]*(?:-\d+)?")),
    (SENDS, re.compile(rb"napi/vif(\d+)\.[0-9-]*")),
    (SENDS, re.compile(rb"vif(\d+)\.\d+-q\d+-d[a-z]*")),  # a kernel before 5.17 tells 15 characters of a name
    (RECEIVES, re.compile(rb"vif(\d+)\.\d+-q\d+-g[a-z-]*")),
)
_PATH = re.compile(r"/local/domain/0/backend/(vbd|vif)/(\d+)/(\d+)/state")


class Disk(NamedTuple):
    """A disk as its back end has it: the block device (`major:minor`, empty before it is known), and its queues.

    `queues` is how many threads must serve it: 0 while it is not connected. A guest's `seed` is only read, and once.
    """

    device: str
    queues: int
    seed: bool = False


def disks(xen: Hypervisor, domid: int, most_queues: int = _MOST_QUEUES) -> list[Disk]:
    """Return a domain's disks."""
    folder = f"{BACKENDS}/vbd/{domid}"
    return [_disk(xen, f"{folder}/{name}", most_queues) for name in xen.below(folder)]


def _disk(xen: Hypervisor, path: str, most_queues: int) -> Disk:
    number = re.fullmatch(r"([0-9a-f]{1,8}):([0-9a-f]{1,8})", xen.read(f"{path}/physical-device") or "")
    device = f"{int(number[1], 16)}:{int(number[2], 16)}" if number else ""
    seed = xen.read(f"{path}/dev") == SEED
    if xen.read(f"{path}/state") not in SERVED:
        return Disk(device, 0, seed)
    # The guest's own word: it may be anything, and only says how long to wait for threads.
    untrusted_queues = xen.read(f"{xen.read(f'{path}/frontend')}/multi-queue-num-queues") or "1"
    known = re.fullmatch(r"[0-9]{1,3}", untrusted_queues, re.ASCII)
    return Disk(device, max(1, min(int(untrusted_queues), most_queues)) if known else 1, seed)


def most_queues(module: Path = MODULE) -> int:
    """Return how many queues blkback serves a guest with; who wants more is not connected (xenbus.c, connect_ring)."""
    try:
        return max(1, min(int((module / "max_queues").read_text()), _MOST_QUEUES))
    except (OSError, ValueError):
        return _MOST_QUEUES


class Processes:
    """What runs in Domain-0. Reading all of it is most of the work, so that what is known need not be read again.

    An id is given again only after thousands of others.
    """

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._known: dict[int, Optional[tuple[str, int]]] = {}
        self._serving: dict[str, dict[int, list[int]]] = {}

    def threads(self, *, afresh: bool = True) -> dict[int, list[int]]:
        """Return the kernel threads that serve disks, by domain; all processes are read again if `afresh`."""
        known = {} if afresh else self._known
        numbers = processes.numbers(self._proc)
        self._known = {number: known[number] for number in numbers if number in known}
        for number in numbers:
            if number not in known:
                self._read(number)
        self._serving = {work: {} for work in WORK}
        for number, serves in self._known.items():
            if serves is not None:
                self._serving[serves[0]].setdefault(serves[1], []).append(number)
        return self._serving[DISKS]

    def serving(self, work: str, domid: int) -> list[int]:
        """Return the kernel threads that did one kind of work for a domain when they were last read."""
        return self._serving.get(work, {}).get(domid, [])

    def _read(self, number: int) -> None:
        """Learn whom a thread serves. Only children of kthreadd count: any process may give itself such a name.

        A kernel thread that has just begun is called kthreadd for a moment; what it will be is not known then.
        """
        try:
            stat = processes.read(number, "stat", self._proc)
        except OSError:
            return  # it ended
        match = _STAT.match(stat)
        if b"(kthreadd)" not in stat:
            self._known[number] = _served(match[1]) if match and match[2] == _KTHREADD else None


def _served(name: bytes) -> Optional[tuple[str, int]]:
    """Return which work a kernel thread of that name does, and for which domain; None for all others."""
    found = ((work, match[1]) for work, pattern in _NAMES if (match := pattern.fullmatch(name)))
    return next(((work, int(domid)) for work, domid in found), None)


def began(thread: int, proc: Path = PROC) -> Optional[float]:
    """Return when a thread began, in seconds after the host's boot; None where it has ended (proc(5), starttime)."""
    try:
        words = processes.read(thread, "stat", proc).rpartition(b")")[2].split()
        return int(words[19]) * _TICKS_S
    except (OSError, ValueError, IndexError):
        return None


class Device(NamedTuple):
    """A device: `vbd` or `vif`, the domain that it belongs to, and its name below that."""

    kind: str
    domid: int
    name: str


def device_of(path: str) -> Optional[Device]:
    """Return which device changed its state, from the path that a watch reports; None for all other paths."""
    match = _PATH.fullmatch(path)
    return Device(match[1], int(match[2]), match[3]) if match else None
