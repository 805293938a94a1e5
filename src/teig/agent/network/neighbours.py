"""Domain-0's neighbour table: which network card has an address (ip-neighbour(8)).

An address is given again after its guest was deleted, to one with another MAC. Domain-0 would first send to the old
one and only ask anew when that does not answer, which takes it some 10 seconds (Documentation/networking/ip-sysctl,
`delay_first_probe_time`, `ucast_solicit`, `retrans_time`).
"""

from __future__ import annotations

from collections.abc import Sequence

from teig.agent.contract.spec import Nic
from teig.agent.host.process import must


def forget(nics: Sequence[Nic]) -> None:
    """Forget which cards had these addresses before; entries that an administrator made permanent stay."""
    for nic in nics:
        must(["ip", "-4", "neighbour", "flush", "to", nic.ip], "ip_failed")
