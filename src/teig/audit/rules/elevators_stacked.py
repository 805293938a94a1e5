"""An elevator under the guests' elevators.

What: A physical disk under guests' volumes uses cfq, bfq or anticipatory; or an SSD uses any elevator but none or noop.

Why: The guests sort their requests already, and the host sees all of them through one thread for each disk. cfq and its
like wait idly after a request for another of the same "process", and give each of them turns that have nothing to do
with who was promised what. Disks get slower by half, and one busy guest makes all others wait for seconds.

Example::

    cat /sys/block/sda/queue/scheduler    # noop deadline [cfq]

Fix: For disks that turn: `echo mq-deadline >/sys/block/sda/queue/scheduler` (older kernels: deadline), for SSDs none
(older: noop). For every boot, a udev rule: ACTION=="add|change", KERNEL=="sd?", ATTR{queue/scheduler}="mq-deadline".

Source: Linux, Documentation/block/switching-sched.rst and bfq-iosched.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import DiskSettings, HostSettings
from teig.audit.rule import HostRule, on_host

_IDLING: Final = {"cfq", "bfq", "anticipatory"}
_NONE: Final = {"none", "noop", ""}


def check(host: HostSettings) -> Iterator[Found]:
    """Look at the disks under guests."""
    for disk in host.disks:
        if disk.under_guests and (disk.elevator in _IDLING or not (disk.rotational or disk.elevator in _NONE)):
            kind = "turns" if disk.rotational else "is an SSD"
            text = f"{disk.name} {kind}, lies under guests and has the elevator {disk.elevator}; use {_better(disk)}."
            yield on_host(f"/sys/block/{disk.name}/queue/scheduler", text)


def _better(disk: DiskSettings) -> str:
    wanted = ("mq-deadline", "deadline") if disk.rotational else ("none", "noop")
    return next((name for name in wanted if name in disk.elevators), wanted[0])


RULE = HostRule("HST009", Severity.WARNING, check)
