"""The host's firewall on the guests' bridge.

What: `bridge-nf-call-iptables` is 1.

Why: Every packet between guests goes through the host's own iptables and connection tracking. The table fills up under
one guest's load and then drops the packets of all; rules that were made for the host cut guests off; and it costs
Domain-0 a good part of its network speed.

Example::

    sysctl net.bridge.bridge-nf-call-iptables    # 1

Fix: `net.bridge.bridge-nf-call-iptables = 0` (and -ip6tables, -arptables) in /etc/sysctl.d, set after br_netfilter is
loaded. Filter guests with nftables in family bridge. Hosts whose rules use `-m physdev` (Xen's own vif scripts on
older distributions, with `ip=`) need it: silence it there with `--ignore HST015`.

Source: Linux, Documentation/networking/ip-sysctl.rst, bridge-nf-call-iptables.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found
from teig.audit.host import HostSettings
from teig.audit.rule import HostRule, on_host


def check(host: HostSettings) -> Iterator[Found]:
    """Look at the switch."""
    if host.bridge_netfilter:
        place = "/proc/sys/net/bridge/bridge-nf-call-iptables"
        yield on_host(place, "All packets of guests go through the host's own iptables and connection tracking.")


RULE = HostRule("HST015", Severity.WARNING, check)
