"""Scheduler weights and caps, kept as the plans say, and Domain-0's own.

Both of Xen's schedulers apply a weight to each vCPU. Domain-0's is somewhat more than the heaviest guest's, and so much
that one of its vCPUs has three quarters of a processor whatever all others do: what asks the host something waits for
one vCPU's work. It is no heavier: credit2 burns a vCPU's credit in the ratio of the largest weight to its own, and
where that is large, guests get equal parts whatever their weights (measured: see docs/keeper.md). Nor may it take more
than admission sets aside for it where it shares its processors: three quarters of one for each of its vCPUs.
This is about hosts where Domain-0 shares its processors; see `cpupools` for those where it has its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from teig.agent.contract.spec import MOST_WEIGHT, Spec, share_on
from teig.agent.xen.hypervisor import Domain, Hypervisor, Share

IDLE_DOM0_WEIGHT = 512
"""Where no other domain runs: twice what xl gives a domain of which nothing is said."""
CORE_WEIGHT = 1024
"""The weight of a share of one core on one vCPU (teig.xen.scheduler)."""


def hold(xen: Hypervisor, spec: Spec, domain: Domain, share: Share | None) -> list[str]:
    """Give a guest the weight and cap of its plan where it has others; return what had to be done."""
    wanted = of(spec, domain)
    if share is None or share == wanted:
        return []
    xen.set_share(domain.domid, wanted)
    return [f"weight {share.weight} and cap {share.cap} set back to {wanted.weight} and {wanted.cap}"]


def of(spec: Spec, domain: Domain) -> Share:
    """Return the weight and cap of a guest's plan for its domain, which may have an earlier plan's vCPUs still.

    Those that exist count, whether they are switched on or not: that is the guest's choice at any time.
    """
    return Share(*share_on(spec.weight, spec.cap, spec.vcpus, domain.vcpus))


def hold_dom0(xen: Hypervisor, domains: Iterable[Domain], shares: dict[int, Share]) -> list[str]:
    """Give Domain-0 the weight that no mix of the domains that run can starve; return what had to be done."""
    share = shares.get(0)
    if share is None:
        return []
    domains = list(domains)
    wanted = dom0_weight(domains, shares, len(xen.pools()[0].cpus))
    if share.weight == wanted:
        return []
    xen.set_share(0, Share(wanted, share.cap))
    return [f"Domain-0's weight set from {share.weight} to {wanted}"]


def dom0_weight(domains: Sequence[Domain], shares: dict[int, Share], cpus: int) -> int:
    """Return Domain-0's weight on so many CPUs, which it shares with the domains of its cpupool."""
    others = [
        (shares[domain.domid].weight, domain.vcpus)
        for domain in domains
        if domain.domid in shares and domain.domid != 0 and domain.cpupool == 0
    ]
    if not others:
        return IDLE_DOM0_WEIGHT
    heaviest = max(weight for weight, _ in others)
    total = sum(weight * vcpus for weight, vcpus in others)
    # A vCPU of weight w beside others of a total t gets cpus * w / (w + t) processors: solved for three quarters.
    three_quarters = -(-3 * total // (4 * cpus - 3))
    # And the others get cpus * t / (t + vcpus * w): solved for their shares, which are t / CORE_WEIGHT.
    dom0_vcpus = next((domain.vcpus for domain in domains if domain.domid == 0), 1)
    fair = (CORE_WEIGHT * cpus - total) // dom0_vcpus
    return min(MOST_WEIGHT, max(three_quarters, min(heaviest + heaviest // 4, fair)))
