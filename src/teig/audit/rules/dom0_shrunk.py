"""Domain-0 has less memory than it was given.

What: Domain-0 has less than nine tenths of the `dom0_mem` that Xen was started with.

Why: Something took memory from it while it ran, `xl mem-set`, autoballoon or an old toolstack, and has not given it
back. Its caches shrink first, then it swaps, and all guests' disks with it.

Example::

    xl list 0    # 1024, with dom0_mem=4G

Fix: `xl mem-set Domain-0 4096m`, and find out what took it: `autoballoon` in /etc/xen/xl.conf, guests that are too
many.

Source: Xen command line reference, `dom0_mem`; xl(1), mem-set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host

_SIZE: Final = re.compile(r"(\d+)([KMGT]?)", re.IGNORECASE)
_MIB: Final = {"": 1 / 1024, "K": 1 / 1024, "M": 1, "G": 1024, "T": 1024 * 1024}
LEAST = 0.9


def check(host: HostSettings) -> Iterator[Found]:
    """Compare what Domain-0 has with what it was given."""
    match = _SIZE.match(host.xen_option("dom0_mem") or "")
    if match is None or host.dom0_memory_mib is None:
        return
    given = int(match[1][:12]) * _MIB[match[2].upper()]
    if host.dom0_memory_mib < LEAST * given:
        yield on_host("xl list", f"Domain-0 has {host.dom0_memory_mib} MiB of the {given:.0f} MiB that it was given.")


RULE = HostRule("HST020", Severity.WARNING, check)
