"""A guest that can get more vCPUs while it runs.

What: `maxvcpus` is larger than `vcpus`.

Why: `xl vcpu-set` then changes how many processors the guest has, and its weight, which Xen applies to each vCPU, grows
along. What the guest was sold is not what it has.

Example::

    name = "web"
    vcpus = 1
    maxvcpus = 8

Instead::

    name = "web"
    vcpus = 1

Fix: Remove `maxvcpus`, or make the two equal. Nothing is changed by `--fix`: somebody may use it.

Source: xl.cfg(5), `maxvcpus`; xl(1), vcpu-set.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find guests that can grow."""
    vcpus, most = guest.number("vcpus") or 1, guest.number("maxvcpus")
    if most is not None and most > vcpus:
        yield guest.found("maxvcpus", f"The guest starts with {vcpus} vCPUs and can be given {most}.")


RULE = GuestRule("CPU006", Severity.NOTE, check)
