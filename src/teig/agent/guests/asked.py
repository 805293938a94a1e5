"""Guests that are being asked to shut down, while the keeper may hold them back."""

from __future__ import annotations

import contextlib
from collections import Counter

from teig.agent.keeper import pauses
from teig.agent.xen.hypervisor import Domain, Hypervisor

LET_GO = 20
"""How often a guest is let go that the keeper pauses. It does so again whenever one that used all it may closes a disk,
which each shutdown does; who needs more than this reconnects, and is destroyed when its grace is over."""


class Asked:
    """Whom one stop, of a guest or of all of a host, has asked; and which guests it has seen to have ended."""

    def __init__(self) -> None:
        self.ended: set[str] = set()
        self._domids: set[int] = set()
        self._let_go: Counter[str] = Counter()

    def ask(self, xen: Hypervisor, domain: Domain) -> None:
        """Let a guest go on that the keeper holds back, and ask it to shut down where that was not done yet.

        What it used stays used, so the keeper pauses it again for whatever it does: it is let go each time. One that
        cannot be let go on hears the question later, or is destroyed when its grace is over.
        """
        if self._let_go[domain.uuid] < LET_GO:
            with contextlib.suppress(Exception):
                self._let_go[domain.uuid] += pauses.release(xen, domain.uuid)
        if domain.domid not in self._domids:
            xen.ask_to_stop(domain.domid)
            self._domids.add(domain.domid)

    def withdraw(self, xen: Hypervisor) -> None:
        """Take the question back from all: a guest does what it is still asked."""
        for domid in self._domids:
            with contextlib.suppress(Exception):
                xen.withdraw(domid)
