"""Domain-0's time for a guest: what netback does for it is counted like what blkback does, and shared by weight.

netback takes what a guest sends in a softirq, which is charged to whoever happens to run. Threaded NAPI makes a kernel
thread of that for each queue (Documentation/networking/napi.rst, "Threaded NAPI"; Linux 5.12), which a control group
takes, and which stays switched on when the front end connects again. What is received is copied by a thread of its own
anyway. Shares are `cpu.weight`, and never `cpu.max`: a thread that is throttled may hold locks that others wait for.
Neighbours: `limits` places the threads of disks, `control_groups` has the groups, docs/keeper.md what was measured.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

from teig.agent.contract.spec import Spec
from teig.agent.keeper.control_groups import MOST_WEIGHT, ControlGroups
from teig.agent.network.shaping import NET
from teig.agent.xen.backends import RECEIVES, SENDS, Processes

_ONE_CORE = 100
"""The weight of a guest whose share is one core."""


class Dom0Time:
    """The threads that serve guests' network cards, and the weights of all work for guests."""

    def __init__(self, groups: ControlGroups, processes: Processes) -> None:
        self._groups = groups
        self._processes = processes

    def prepare(self, running: Iterable[Spec]) -> list[str]:
        """Have Domain-0's time shared by weight, the agents having as much as all guests; return what had to be done.

        A flood does not keep the agents from answering then, and what they do at length, such as checking an image,
        leaves the guests their half.
        """
        weighs = max(_ONE_CORE, min(MOST_WEIGHT, sum(weight(spec) for spec in running)))
        did = ["cpu handed down to the guests' groups"] if self._groups.prepare("cpu") else []
        return did + [f"the agents: {line}" for line in self._groups.weigh_control(weighs)]

    def hold(self, spec: Spec, domid: int) -> list[str]:
        """Have Domain-0's work for a running guest counted and weighed; return what had to be done.

        The threads are those that were there when the processes were last read. What cannot be done of it keeps
        nothing else from being done, and is told when all was tried.
        """
        did: list[str] = []
        failed: list[OSError] = []
        for doing in (self._switch, self._place, self._share):
            try:
                did += doing(spec, domid)
            except OSError as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return did

    def _switch(self, spec: Spec, domid: int) -> list[str]:
        did = [card for number in range(len(spec.nics)) if _switch(card := f"vif{domid}.{number}")]
        if did:
            self._processes.threads(afresh=False)
        return [f"{card}: threaded NAPI" for card in did]

    def _place(self, spec: Spec, domid: int) -> list[str]:
        moved, failed = 0, []
        for work in (SENDS, RECEIVES):
            counted = self._groups.serving(spec.id, domid, work)
            for thread in set(self._processes.serving(work, domid)) - counted:
                try:
                    moved += self._groups.add(spec.id, thread, domid, work)
                except OSError as error:
                    failed.append(error)
        if failed:
            raise failed[0]
        return [f"threads of cards moved: {moved}"] if moved else []

    def _share(self, spec: Spec, domid: int) -> list[str]:
        """Give a guest its share of Domain-0, and forget what was done for its last domain."""
        self._groups.keep_only(spec.id, domid)
        return self._groups.weigh(spec.id, weight(spec))


def weight(spec: Spec) -> int:
    """Return what Domain-0's work for a guest weighs: as the guest's share of cores, and never nothing."""
    return max(1, min(MOST_WEIGHT, round(_ONE_CORE * spec.share_cores)))


def _switch(card: str) -> bool:
    """Have a connected card's packets taken by a thread of its own; return whether that had to be done.

    One that is not connected has no queues yet, and Linux refuses it (net/core/net-sysfs.c, modify_napi_threaded).
    """
    file = NET / card / "threaded"
    if not (NET / card).exists() or file.read_text().strip() != "0":
        return False
    try:
        file.write_text("1")
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return False
    return True
