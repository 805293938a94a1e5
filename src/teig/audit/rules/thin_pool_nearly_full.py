"""A thin pool that is nearly full.

What: Data or metadata of an LVM thin pool is filled to 85 % or more.

Why: Guests' disks in a thin pool were promised more than is there. When it is full, writes of all of them hang, then
fail, and their file systems break together; with full metadata the pool itself does.

Example::

    lvs -o name,data_percent,metadata_percent    # 93.10

Fix: `lvextend` the pool (or its metadata: `--poolmetadatasize`), or move a volume away. Better, use volumes whose space
is there from the start.

Source: lvmthin(7), Out of space.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host

MOST_PERCENT = 85


def check(host: HostSettings) -> Iterator[Found]:
    """Look at the pools."""
    for pool in host.thin_pools:
        if max(pool.data_percent, pool.metadata_percent) >= MOST_PERCENT:
            text = f"Thin pool {pool.name}: data {pool.data_percent:g} %, metadata {pool.metadata_percent:g} % full."
            yield on_host("lvs", text)


RULE = HostRule("HST018", Severity.ERROR, check)
