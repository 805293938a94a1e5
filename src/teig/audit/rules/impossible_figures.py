"""A weight, cap or number of vCPUs that cannot be.

What: `cpu_weight` is not from 1 to 65535, `cap` is below 0, `vcpus` is below 1, or `maxvcpus` is below `vcpus`.

Why: xl refuses the file, or Xen refuses the figure after the guest was built; either way it does not run as it should.

Example::

    name = "web"
    vcpus = 4
    maxvcpus = 2

Instead::

    name = "web"
    vcpus = 2
    maxvcpus = 2

Fix: Write a possible figure.

Source: xl.cfg(5), `cpu_weight`, `cap`, `maxvcpus`.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule
from teig.xen.scheduler import LEAST_WEIGHT, MOST_WEIGHT


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find impossible figures."""
    weight, cap = guest.number("cpu_weight"), guest.number("cap")
    vcpus, most = guest.number("vcpus"), guest.number("maxvcpus")
    if weight is not None and not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        yield guest.found("cpu_weight", f"Xen knows weights from {LEAST_WEIGHT} to {MOST_WEIGHT}, not {weight}.")
    if cap is not None and cap < 0:
        yield guest.found("cap", "A cap cannot be below 0.")
    if vcpus is not None and vcpus < 1:
        yield guest.found("vcpus", "A guest has at least one vCPU.")
    if most is not None and most < (vcpus or 1):
        yield guest.found("maxvcpus", f"maxvcpus is {most}, less than vcpus: xl refuses the file.")


RULE = GuestRule("CPU005", Severity.ERROR, check)
