"""Guests take their memory from Domain-0.

What: `autoballoon` in /etc/xen/xl.conf lets `xl create` shrink Domain-0.

Why: Each guest that starts takes memory from the domain that does the disk and network work of them all, until it
swaps or its kernel kills something. What was sold once too often is found out there.

Example::

    autoballoon="on"

Fix: `autoballoon="off"` in /etc/xen/xl.conf, with `dom0_mem` on Xen's command line.

Source: xl.conf(5), `autoballoon`: "strongly recommended to set this to off (or auto)" with dom0_mem.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host


def check(host: HostSettings) -> Iterator[Found]:
    """Look at autoballoon as it works out."""
    if host.autoballoon:
        yield on_host("/etc/xen/xl.conf", 'Starting a guest shrinks Domain-0; set autoballoon="off".')


RULE = HostRule("HST003", Severity.WARNING, check)
