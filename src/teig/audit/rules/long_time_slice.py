"""A long time slice.

What: The credit scheduler's time slice is its default of 30 ms or longer.

Why: A guest that computes keeps a core for 30 ms, and one that only wants to answer a packet waits that long behind it,
behind several of them several times. For web and telephone servers 1 to 5 ms are better; for number crunching 30 are.

Example::

    xl sched-credit -s    # tslice=30ms

Fix: `xl sched-credit -s -t 5`, or `sched_credit_tslice_ms=5` on Xen's command line. credit2 has no such slice.

Source: xl(1), sched-credit; Xen command line reference, `sched_credit_tslice_ms`.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host

LONG_MS = 30


def check(host: HostSettings) -> Iterator[Found]:
    """Look at the time slice."""
    if host.scheduler == "credit" and (host.timeslice_ms or 0) >= LONG_MS:
        text = f"A guest keeps a core for {host.timeslice_ms} ms; those that only answer wait that long."
        yield on_host("xl sched-credit -s", text)


RULE = HostRule("HST008", Severity.NOTE, check)
