"""Nothing keeps the clock.

What: Neither chrony, ntpd, systemd-timesyncd nor openntpd runs on the host.

Why: PV guests take their time from the host. A clock that is minutes off breaks certificates, Kerberos, replication
and every log that somebody has to compare with another.

Example::

    ps -e    # no chronyd, no ntpd

Fix: `apt-get install chrony`.

Source: chrony.conf(5); timedatectl(1).
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host


def check(host: HostSettings) -> Iterator[Found]:
    """Look for a program that keeps the clock."""
    if host.time_service == "":
        yield on_host("ps", "No program keeps the clock: chrony, ntpd, systemd-timesyncd or openntpd.")


RULE = HostRule("HST016", Severity.WARNING, check)
