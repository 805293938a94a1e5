"""A volume group that is nearly full.

What: Less than 5 % of a volume group is free.

Why: No snapshot for a backup can be made, no guest's disk can grow, and no new guest fits. It is found out when one of
the three is needed at once.

Example::

    vgs    # VFree < 5 % of VSize

Fix: Add a disk (`pvcreate`, `vgextend`), or remove volumes that no file names.

Source: vgs(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host
from teig.model.units import show_size

LEAST_FREE = 0.05


def check(host: HostSettings) -> Iterator[Found]:
    """Look at what is free."""
    for group in host.groups:
        if group.free_bytes < LEAST_FREE * group.size_bytes:
            free, size = show_size(group.free_bytes), show_size(group.size_bytes)
            yield on_host("vgs", f"Of volume group {group.name}, {free} of {size} are free.")


RULE = HostRule("HST010", Severity.WARNING, check)
