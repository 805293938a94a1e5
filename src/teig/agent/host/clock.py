"""The host's own clock: the id of its boot, and the time since, which nobody can set."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Clock(NamedTuple):
    """A moment: so many nanoseconds after the boot with that id."""

    boot: str
    uptime_ns: int


def clock() -> Clock:
    """Return this moment."""
    return Clock(_BOOT.read_text().strip(), time.clock_gettime_ns(time.CLOCK_BOOTTIME))
