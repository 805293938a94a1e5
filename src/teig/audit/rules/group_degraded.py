"""A volume group that is not whole.

What: LVM says that physical volumes of a group are missing, or that a logical volume of a RAID type is not healthy.

Why: With a missing disk, volumes on it are gone or run on one copy; a reboot may not bring them up at all.

Example::

    lvs -a -o name,health_status    # partial, refresh needed

Fix: Replace the disk (`vgextend`, `lvconvert --repair`), or refresh a volume whose disk came back (`lvchange
--refresh`).

Source: lvmraid(7), lvs -o health_status.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host


def check(host: HostSettings) -> Iterator[Found]:
    """Look at what LVM says."""
    for group in host.groups:
        if group.problem:
            yield on_host("lvs", f"Volume group {group.name}: {group.problem}.")


RULE = HostRule("HST012", Severity.ERROR, check)
