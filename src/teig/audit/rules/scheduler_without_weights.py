"""A scheduler that knows no weights.

What: Xen's scheduler is neither credit nor credit2.

Why: null ties each vCPU to a core and starts no more than there are; rtds and arinc653 need a table for each guest;
sedf is gone. Weights and caps in the guests' files mean nothing then.

Example::

    xl info    # xen_scheduler: null

Fix: Boot Xen with `sched=credit2` (the default since 4.12) or `sched=credit`.

Source: Xen command line reference, `sched`.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host


def check(host: HostSettings) -> Iterator[Found]:
    """Look at the scheduler."""
    if host.scheduler and host.scheduler not in {"credit", "credit2"}:
        yield on_host("xl info", f"The scheduler is {host.scheduler:.20}: weights and caps of guests do nothing.")


RULE = HostRule("HST007", Severity.WARNING, check)
