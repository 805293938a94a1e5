"""A RAID that lacks a disk.

What: A Linux software RAID has fewer disks than it should.

Why: The next disk that fails takes all guests with it. Reads are slower meanwhile, and a rebuild that starts in the
middle of the day competes with the guests.

Example::

    cat /proc/mdstat    # [2/1] [U_]

Fix: Put a new disk in: `mdadm --manage /dev/md0 --add /dev/sdb1`. Slow the rebuild down where guests suffer:
/proc/sys/dev/raid/speed_limit_max.

Source: Linux, Documentation/admin-guide/md.rst, md/degraded.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host


def check(host: HostSettings) -> Iterator[Found]:
    """Look at the arrays."""
    for array in host.arrays:
        if array.missing:
            text = f"{array.name} ({array.level}) lacks {array.missing} of its {array.disks} disks."
            yield on_host("/proc/mdstat", text)


RULE = HostRule("HST011", Severity.ERROR, check)
