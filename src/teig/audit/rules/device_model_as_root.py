"""QEMU as root in Domain-0.

What: An HVM guest has neither `dm_restrict` nor a stub domain.

Why: QEMU parses what the guest sends to emulated hardware. A hole in it is root on the host, and there is one every
year or so. With `dm_restrict` it may only touch its own guest; in a stub domain it is not in Domain-0 at all.

Example::

    name = "web"
    type = "hvm"

Instead::

    name = "web"
    type = "hvm"
    dm_restrict = 1

Fix: Set `dm_restrict = 1` and give the host a user for it (xen-qemuuser-range-base); a technology preview. Or use PVH,
which has no QEMU. Nothing is changed by `--fix`.

Source: xl.cfg(5), `dm_restrict`; docs/features/qemu-deprivilege.pandoc.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find QEMUs without bounds."""
    bounded = guest.number("dm_restrict") or guest.number("device_model_stubdomain_override")
    if guest.type == "hvm" and not bounded:
        where = "type" if guest.has("type") else "builder"
        yield guest.found(where, "QEMU runs as root in Domain-0 for this guest; see dm_restrict.")


RULE = GuestRule("DEV005", Severity.NOTE, check)
