"""A cache that loses what the guest was told is on disk.

What: The device model is started with `cache=unsafe`.

Why: QEMU then ignores the guest's flushes: a database that was told "written" finds a hole after Domain-0 crashes or
loses power, and a file system that relied on the order of writes does not come up.

Example::

    name = "web"
    device_model_args = ["-drive", "file=/dev/vg0/web,cache=unsafe"]

Instead::

    name = "web"
    device_model_args = ["-drive", "file=/dev/vg0/web,cache=none"]

Fix: Use `cache=none`, or better no `-drive` at all and a line in `disk`. Nothing is changed by `--fix`: with flushes
the guest writes more slowly, and somebody must know.

Source: qemu(1), -drive, `cache`: unsafe "doesn't flush data to the disk ... should not be used".
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule

LISTS = ("device_model_args", "device_model_args_pv", "device_model_args_hvm")


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find unsafe caches."""
    for name in LISTS:
        for atom in guest.strings(name):
            if "cache=unsafe" in atom.text:
                yield guest.found(
                    atom.span, "cache=unsafe ignores the guest's flushes: a crash loses what was written."
                )


RULE = GuestRule("DSK004", Severity.ERROR, check)
