"""What a guest's disks may do, put onto the kernel and read back from it.

One limit is for all disks of a guest together. It is set on the device that all of them lie on, the volume group's
disk: the kernel accounts what blkback submits to a logical volume there too, to the same group. Where a guest's disks
lie on different devices, or one of them on several, there is no such place, and each disk gets an equal part; a guest's
seed gets a fiftieth of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple, Optional

from teig.agent.contract.spec import DiskRate, Spec
from teig.agent.host.processes import PROC
from teig.agent.keeper.control_groups import UNLIMITED, ControlGroups
from teig.agent.keeper.submitted import DEVICES, Submitted
from teig.agent.xen import backends
from teig.agent.xen.backends import Disk
from teig.agent.xen.hypervisor import Hypervisor

BLOCK = Path("/sys/dev/block")
_DISK_WEIGHT = 50
Threads = dict[int, list[int]]


class Held(NamedTuple):
    """What was done for a guest; `settled` says whether every thread that must come was there.

    `outside_since` is when the oldest of the threads began that were found outside the guest's group, in seconds after
    the host's boot: since then the guest was not limited. None where there was none.
    """

    settled: bool
    did: list[str]
    outside_since: Optional[float] = None


class Limits:
    """The disk limits of this host's guests."""

    def __init__(
        self,
        xen: Hypervisor,
        groups: Optional[ControlGroups] = None,
        proc: Path = PROC,
        block: Path = BLOCK,
        module: Path = backends.MODULE,
        devices: Path = DEVICES,
    ) -> None:
        self.submitted = Submitted(xen, devices)
        self.groups = groups or ControlGroups()
        self._xen = xen
        self._proc = proc
        self.processes = backends.Processes(proc)
        self._block = block
        self._module = module

    def threads(self, *, afresh: bool = True) -> Threads:
        """Return the threads that serve disks, by domain; only those that came since the last call if not `afresh`."""
        return self.processes.threads(afresh=afresh)

    def hold(self, spec: Spec, domid: int, threads: Optional[Threads] = None) -> Held:
        """Hold a running guest to its rates: its group, the limits there, and all threads that there are yet."""
        did = ["io handed down to the guests' groups"] if self.groups.prepare() else []
        disks = backends.disks(self._xen, domid, backends.most_queues(self._module))
        wanted = shared_out(spec.disk_rate, [disk for disk in disks if disk.device], self._block)
        # A domain that is just being taken down has no disks any more; its limits stay for the one that comes after.
        did += [f"io.max {line}" for line in (self.groups.limit(spec.id, wanted) if wanted else [])]
        serving = (self.threads() if threads is None else threads).get(domid, [])
        elsewhere = set(serving) - self.groups.serving(spec.id, domid, backends.DISKS)
        inside = self.groups.members(spec.id) if elsewhere else set()
        moved = [thread for thread in elsewhere if self._add(spec, thread, domid) and thread not in inside]
        did += [f"threads moved: {len(moved)}"] if moved else []
        since = [began for thread in moved if (began := backends.began(thread, self._proc)) is not None]
        complete = all(disk.device for disk in disks)
        settled = complete and len(serving) >= sum(disk.queues for disk in disks)
        return Held(settled, did, min(since, default=None))

    def _add(self, spec: Spec, thread: int, domid: int) -> bool:
        return self.groups.add(spec.id, thread, domid, backends.DISKS)

    def held(self, guest: str, domid: int, threads: Threads) -> DiskRate:
        """Return the rates that every thread of a guest is held to; 0 for what at least one of them is not."""
        elsewhere = set(threads.get(domid, [])) - self.groups.serving(guest, domid, backends.DISKS)
        if elsewhere and not elsewhere <= self.groups.members(guest):
            return UNLIMITED
        devices = [disk.device for disk in backends.disks(self._xen, domid) if disk.device]
        places, parts = places_of(devices, self._block)
        there = self.groups.rates(guest)
        rates = [there.get(place, UNLIMITED) for place in places]
        if not rates:
            return UNLIMITED
        if parts == 1:
            return rates[0]
        columns = ([rate[number] for rate in rates] for number in range(len(UNLIMITED)))
        return DiskRate(*(sum(column) if all(column) else 0 for column in columns))


def shared_out(rate: DiskRate, disks: Sequence[Disk], block: Path = BLOCK) -> dict[str, DiskRate]:
    """Return what to limit each device to, so that all together have `rate`, and each at least 1.

    Where that is divided, a seed has a little: it is read once.
    """
    places, parts = places_of([disk.device for disk in disks], block)
    seeds = {disk.device for disk in disks if disk.seed}
    weights = [1 if parts > 1 and place in seeds else _DISK_WEIGHT for place in places]
    ends = list(accumulate(weights, initial=0))
    return {
        place: DiskRate(*(max(1, value * end // ends[-1] - value * begin // ends[-1]) for value in rate))
        for place, begin, end in zip(places, ends, ends[1:])  # noqa: B905  (Python 3.9)
    }


def places_of(devices: Sequence[str], block: Path = BLOCK) -> tuple[list[str], int]:
    """Return where the limit of a guest with these disks is set, and into how many parts it is divided there."""
    below = {place for device in devices for place in _below(block / device)}
    if len(below) == 1:
        return sorted(below), 1
    apart = sorted(set(devices))
    return apart, len(apart)


def _below(device: Path) -> list[str]:
    """Return the whole disks right below a device (`io.max` takes no partitions), or itself where it has none."""
    slaves = [path.resolve() for path in (device / "slaves").glob("*")] or [device.resolve()]
    whole = [path.parent if (path / "partition").exists() else path for path in slaves]
    return [(path / "dev").read_text().strip() for path in whole]
