"""A Xen that its makers no longer fix.

What: The Xen Project's security support for the running version has ended, by the host's own date.

Why: Holes that are found are not fixed in it upstream. A distribution may carry fixes on; whether yours does, it says
itself. This is a fact, not an accusation: old hosts that are not reachable by strangers can be all right.

Example::

    xl info    # xen_version 4.11

Fix: Upgrade the host, one release at a time where guests are migrated live.

Source: SUPPORT.md in Xen's stable branches, Security-Support-Until: three years after the release, five since 4.17.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host

SUPPORTED_UNTIL: Final = {
    (4, 8): "2019-12-07",
    (4, 9): "2020-06-28",
    (4, 10): "2020-12-13",
    (4, 11): "2021-07-10",
    (4, 12): "2022-04-02",
    (4, 13): "2022-12-18",
    (4, 14): "2023-07-24",
    (4, 15): "2024-04-08",
    (4, 16): "2024-12-02",
    (4, 17): "2027-12-12",
    (4, 18): "2028-11-16",
    (4, 19): "2029-07-29",
}
OLDEST_KNOWN: Final = min(SUPPORTED_UNTIL)


def check(host: HostSettings) -> Iterator[Found]:
    """Compare the version with the day on the host."""
    match = re.match(r"(\d+)\.(\d+)", host.xen_version or "")
    if match is None:
        return
    version = (int(match[1]), int(match[2]))
    until = SUPPORTED_UNTIL.get(version, "2019" if version < OLDEST_KNOWN else "")
    if until and host.date and host.date > until:
        when = f"before {until}" if version < OLDEST_KNOWN else f"on {until}"
        yield on_host("xl info", f"The Xen Project's security support for Xen {version[0]}.{version[1]} ended {when}.")


RULE = HostRule("HST017", Severity.WARNING, check)
