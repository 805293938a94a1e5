"""What a guest may reconnect: its disks' threads begin without limits, so the time in which they have none is counted.

A guest has `BURST_S` seconds of it at once, far more than a boot needs, and `PART` of all time for ever. Who has used
more is paused until that is made up for: a domain that is paused can neither submit nor reconnect. Every change of a
back end's state counts for a little at least, so that nobody keeps the keeper busy with them either.
docs/keeper.md has the reasons and what was measured. Neighbours: `keeper` measures the time, `pauses` does the pausing.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from teig.agent.keeper import pauses
from teig.agent.keeper.allowance import Allowance
from teig.agent.xen.hypervisor import Domain, Hypervisor

BURST_S = 4.0
PART = 0.008
MOST_AT_ONCE_S = BURST_S / 2
"""What one connection counts for at most: one that a slow host was slow to see is not the guest's fault."""
CHANGE_S = 0.005
"""What one change of state counts for at least."""


class Reconnects:
    """The allowances of this host's guests, and who is paused for what it used. Times: CLOCK_BOOTTIME, in seconds."""

    def __init__(self, xen: Hypervisor, folder: Path) -> None:
        self._xen = xen
        self._folder = folder
        self._allowances: dict[str, Allowance] = {}

    def restore(self, stored: Any) -> None:
        """Take up what `stored` gave to a keeper before this one; what cannot be read counts as nothing."""
        for guest, pair in stored.items() if isinstance(stored, dict) else ():
            if isinstance(pair, list) and len(pair) == 2 and all(isinstance(value, (int, float)) for value in pair):
                self._allowances[str(guest)] = Allowance(BURST_S, PART, float(pair[0]), float(pair[1]))

    def stored(self, now: float) -> dict[str, tuple[float, float]]:
        """Return what guests have used, for the next keeper; those that have all of it again are forgotten."""
        used = {guest: round(allowance.used(now), 3) for guest, allowance in self._allowances.items()}
        self._allowances = {guest: self._allowances[guest] for guest, seconds in used.items() if seconds > 0}
        return {guest: (used[guest], round(now, 3)) for guest in self._allowances}

    def count(self, guest: str, seconds: float, changes: int, now: float) -> None:
        """Count a time in which a guest may have been without limits, and the changes of state that were seen."""
        amount = max(min(seconds, MOST_AT_ONCE_S), CHANGE_S * changes)
        if amount > 0:
            self._allowances.setdefault(guest, Allowance(BURST_S, PART)).use(amount, now)

    def enforce(self, domain: Domain, now: float) -> list[str]:
        """Pause a domain whose guest has used more than it may; return what was done."""
        allowance = self._allowances.get(domain.uuid)
        wait = allowance.wait(now) if allowance else 0.0
        if not wait or domain.shutdown:
            return []
        known = pauses.paused(domain.uuid, self._folder)
        pauses.pause(self._xen, domain, now + wait, self._folder)
        if known and known.domid == domain.domid:
            return []
        return [f"paused for {wait:.1f} s: it connects its disks anew too often, and is without limits each time"]

    def lift(self, now: float) -> dict[str, list[str]]:
        """Let those go on whose pause is over; return what was done, by guest."""
        over = [guest for guest, pause in pauses.all_paused(self._folder).items() if pause.until <= now]
        return {guest: ["goes on"] for guest in over if pauses.release(self._xen, guest, self._folder)}

    def lift_all(self) -> None:
        """Let everybody go on. What was used stays used."""
        for guest in pauses.all_paused(self._folder):
            pauses.release(self._xen, guest, self._folder)

    def next(self) -> float:
        """Return when the next pause is over; infinity where nobody is paused."""
        return min((pause.until for pause in pauses.all_paused(self._folder).values()), default=float("inf"))

    def is_paused(self, guest: str) -> bool:
        """Say whether a guest is paused here."""
        return pauses.paused(guest, self._folder) is not None

    def reason(self, guest: str, now: float) -> str:
        """Return why a guest is held back, in a sentence; empty where it is not."""
        pause = pauses.paused(guest, self._folder)
        if pause is None:
            return ""
        until = time.strftime("%H:%M:%S", time.gmtime(time.time() + pause.until - now))
        return (
            f"Paused until {until} UTC: it connects its disks anew more often than a guest needs to, and each time "
            "they are without limits for a moment. A guest that reboots or reloads its disk driver in a loop does that."
        )
