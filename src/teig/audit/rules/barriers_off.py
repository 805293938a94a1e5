"""A write cache without barriers.

What: A file system of Domain-0 is mounted with `nobarrier` (or `barrier=0`), while a disk under guests has a volatile
write cache.

Why: The disk says "written" when the data is in its memory. Barriers are what makes it write in the right order;
without them a power cut leaves file systems and databases with holes, and the guests' images on that file system too.

Example::

    /dev/sda1 /srv ext4 rw,nobarrier 0 0

Fix: Remove the option from /etc/fstab and remount. Only a cache with a battery makes barriers needless, and such a
controller ignores them anyway.

Source: mount(8), ext4(5), `barrier`; Linux, Documentation/block/writeback_cache_control.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host

_OFF: Final = {"nobarrier", "barrier=0", "barrier=none"}


def check(host: HostSettings) -> Iterator[Found]:
    """Look at mount options and caches."""
    volatile = [disk.name for disk in host.disks if disk.write_cache == "write back"]
    for mounted in host.mounted:
        if volatile and _OFF & set(mounted.options):
            text = f"{mounted.where} is mounted without barriers, and {', '.join(volatile)} has a volatile write cache."
            yield on_host("/etc/fstab", text)


RULE = HostRule("HST013", Severity.ERROR, check)
