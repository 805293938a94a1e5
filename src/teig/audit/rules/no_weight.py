"""A guest without a weight.

What: The file does not set `cpu_weight`.

Why: The weight says how processor time is shared when everybody wants it. Without one every guest has 256 for each of
its vCPUs, the small one as the large one, and as Domain-0 too, which moves the bytes of them all.

Example::

    name = "web"
    vcpus = 2

Instead::

    name = "web"
    vcpus = 2
    cpu_weight = 512

Fix: Give each guest a weight in proportion to what it was sold, for example 1024 for one core guaranteed and 512 for
half of one, for each vCPU. Nothing is changed by `--fix`: 256 is right only where all guests have it.

Source: xl.cfg(5), `cpu_weight`: legal from 1 to 65535, default 256; credit and credit2 apply it to each vCPU
(measured).
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find guests without a weight."""
    if guest.number("cpu_weight") is None:
        yield guest.found("vcpus", "The guest has no cpu_weight: when processors are short, it counts as any other.")


RULE = GuestRule("CPU001", Severity.NOTE, check)
