"""Domain-0 counts no more than a guest.

What: Domain-0's scheduler weight is not above that of the heaviest guest in its cpupool; where there is none, not above
the usual 256. Where teig-keeper runs it is the keeper that says what Domain-0 weighs, and nothing is found.

Why: When all guests compute, Domain-0 waits for its turn among them, and with it every disk and network request of all.
Their load averages rise, and nobody sees why: the processors are "only" busy.

Example::

    xl sched-credit -d Domain-0    # weight 256

Fix: `xl sched-credit -d Domain-0 -w 512` (or `sched-credit2`), at every boot, for example from a systemd unit; Xen
forgets it with each. Not much more than the heaviest guest has: under credit2, a very heavy domain makes the parts of
all others equal, whatever their weights.

Source: xl(1), sched-credit; Xen wiki, Credit Scheduler.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host

DEFAULT_WEIGHT = 256


def check(host: HostSettings) -> Iterator[Found]:
    """Compare the weights."""
    weight = host.dom0_weight
    if not weight or host.dom0_kept:
        return
    if weight <= (host.heaviest_guest or DEFAULT_WEIGHT):
        command = f"xl sched-{host.scheduler or 'credit'}"
        enough = 2 * (host.heaviest_guest or DEFAULT_WEIGHT)
        text = f"Domain-0's weight is {weight}: busy guests starve it. Give it more: {command} -d Domain-0 -w {enough}"
        yield on_host(command, text)


RULE = HostRule("HST006", Severity.WARNING, check)
