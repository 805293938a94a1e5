"""Scheduler weights and caps, kept as the plans say, and Domain-0's own.

Both of Xen's schedulers apply a weight to each vCPU. Domain-0's is the sum of all other domains' weights times vCPUs:
should all of them crowd on one processor, one vCPU of Domain-0 there still gets half of it. It is not made larger than
that: credit2 burns a vCPU's credit in the ratio of the largest weight to its own, and the further they lie apart, the
coarser its shares become.
"""

from __future__ import annotations

from collections.abc import Iterable

from teig.agent.hypervisor import Domain, Hypervisor, Share
from teig.agent.spec import Spec

LEAST_DOM0_WEIGHT = 2048
MOST_WEIGHT = 65535  # xl.cfg(5), cpu_weight


def hold(xen: Hypervisor, spec: Spec, domid: int, share: Share | None) -> list[str]:
    """Give a guest the weight and cap of its plan where it has others; return what had to be done."""
    wanted = of(spec)
    if share is None or share == wanted:
        return []
    xen.set_share(domid, wanted)
    return [f"weight {share.weight} and cap {share.cap} set back to {wanted.weight} and {wanted.cap}"]


def of(spec: Spec) -> Share:
    """Return the weight and cap of a guest's plan."""
    return Share(spec.weight, spec.cap)


def hold_dom0(xen: Hypervisor, domains: Iterable[Domain], shares: dict[int, Share]) -> list[str]:
    """Give Domain-0 the weight that no mix of the domains that run can starve; return what had to be done."""
    wanted = dom0_weight(domains, shares)
    share = shares.get(0)
    if share is None or share.weight == wanted:
        return []
    xen.set_share(0, Share(wanted, share.cap))
    return [f"Domain-0's weight set from {share.weight} to {wanted}"]


def dom0_weight(domains: Iterable[Domain], shares: dict[int, Share]) -> int:
    """Return Domain-0's weight."""
    others = (domain for domain in domains if domain.domid != 0 and domain.domid in shares)
    total = sum(shares[domain.domid].weight * domain.vcpus for domain in others)
    return min(MOST_WEIGHT, max(LEAST_DOM0_WEIGHT, total))
