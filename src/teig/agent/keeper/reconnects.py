"""What a guest may reconnect: its disks' threads begin without limits, so the time in which they have none is counted.

A guest has `BURST_S` seconds of it at once, far more than a boot needs, and `PART` of all time for ever. Who has used
more is paused until that is made up for: a domain that is paused can neither submit nor reconnect. Every change of a
back end's state counts for a little at least, so that nobody keeps the keeper busy with them either.
docs/keeper.md has the reasons and what was measured. Neighbours: `keeper` measures the time, `pauses` does the pausing.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any, Optional

from teig.agent.keeper import pauses
from teig.agent.keeper.allowance import Allowance
from teig.agent.xen.hypervisor import Domain, Hypervisor

BURST_S = 4.0
PART = 0.008
MOST_FIRST_S = 2.0
"""What the first connections of all of a domain's disks count for together: a host may be slow to see to a boot."""
MOST_AT_ONCE_S = 5.0
"""What is counted at once at most."""
MOST_S = BURST_S + MOST_AT_ONCE_S
"""What is remembered at most, so that no pause lasts longer than some ten minutes: a guest that is stopped is let go
for it, whatever it does then, and its owner has mended it perhaps."""
CHANGE_S = 0.02
"""What one change of state counts for at least."""
LEAST_PAUSE_S = 10.0
"""So that a guest which goes on with it is not paused and let go all the time, which is work too."""


class Reconnects:
    """The allowances of this host's guests, and who is paused for what it used. Times: CLOCK_BOOTTIME, in seconds."""

    def __init__(self, xen: Hypervisor, folder: Path) -> None:
        self._xen = xen
        self._folder = folder
        self._allowances: dict[str, Allowance] = {}
        self._told: set[str] = set()

    def restore(self, stored: Any) -> None:
        """Take up what `stored` gave to a keeper before this one; what cannot be read counts as nothing."""
        for guest, pair in stored.items() if isinstance(stored, dict) else ():
            if isinstance(pair, list) and len(pair) == 2 and all(isinstance(value, (int, float)) for value in pair):
                self._allowances[str(guest)] = _allowance(float(pair[0]), float(pair[1]))

    def stored(self, now: float) -> dict[str, tuple[float, float]]:
        """Return what guests have used, for the next keeper; those that have all of it again are forgotten."""
        used = {guest: round(allowance.used(now), 3) for guest, allowance in self._allowances.items()}
        self._allowances = {guest: self._allowances[guest] for guest, seconds in used.items() if seconds > 0}
        self._told &= self._allowances.keys()
        return {guest: (used[guest], round(now, 3)) for guest in self._allowances}

    def count(self, guest: str, seconds: float, now: float) -> None:
        """Count a time in which a guest may have been without limits."""
        if seconds > 0:
            self._allowances.setdefault(guest, _allowance()).use(seconds, now)

    def left(self, guest: str, now: float) -> float:
        """Return how many seconds a guest may still use at once."""
        allowance = self._allowances.get(guest)
        return BURST_S - (allowance.used(now) if allowance else 0.0)

    def enforce(self, domain: Domain, now: float) -> list[str]:
        """Pause a domain whose guest has used more than it may; return what was done, once until it has all again."""
        allowance = self._allowances.get(domain.uuid)
        wait = allowance.wait(now) if allowance else 0.0
        if not wait or domain.shutdown:
            return []
        pauses.pause(self._xen, domain, now + max(wait, LEAST_PAUSE_S), self._folder)
        if domain.uuid in self._told:
            return []
        self._told.add(domain.uuid)
        return ["paused, and will be again: it connects its disks anew too often, and is without limits each time"]

    def over(self, now: float) -> list[str]:
        """Return the guests whose pause is over."""
        return [guest for guest, pause in pauses.all_paused(self._folder).items() if pause.until <= now]

    def lift(self, guest: str) -> None:
        """Let a guest go on."""
        pauses.release(self._xen, guest, self._folder)

    def lift_all(self) -> None:
        """Let everybody go on, whoever cannot be let go. What was used stays used."""
        for guest in pauses.all_paused(self._folder):
            with contextlib.suppress(Exception):
                self.lift(guest)

    def next(self) -> float:
        """Return when the next pause is over; infinity where nobody is paused."""
        return min((pause.until for pause in pauses.all_paused(self._folder).values()), default=float("inf"))

    def is_paused(self, domain: Domain) -> bool:
        """Say whether a domain is paused here; the pause of one that its guest had before says nothing of it."""
        pause = pauses.paused(domain.uuid, self._folder)
        return pause is not None and pause.domid == domain.domid

    def reason(self, guest: str, domid: Optional[int], now: float) -> str:
        """Return why a guest's domain is held back, in a sentence; empty where it is not."""
        pause = pauses.paused(guest, self._folder)
        if pause is None or pause.domid != domid:
            return ""
        until = time.strftime("%H:%M:%S", time.gmtime(time.time() + pause.until - now))
        return (
            f"Paused until {until} UTC: it connects its disks anew more often than a guest needs to, and each time "
            "they are without limits for a moment. A guest that reboots or reloads its disk driver in a loop does that."
        )


def _allowance(used: float = 0.0, at: float = 0.0) -> Allowance:
    return Allowance(BURST_S, PART, used, at, most=MOST_S)
