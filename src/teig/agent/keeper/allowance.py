"""What a guest may use up of something that is given out slowly: a bucket that empties by itself (a leaky bucket)."""

from __future__ import annotations

import math


class Allowance:
    """`burst` at once, and `per_second` for ever; in whatever is counted. Times are of any one clock, in seconds.

    Who uses more than `most` waits no longer for it than who uses that.
    """

    def __init__(
        self, burst: float, per_second: float, used: float = 0.0, at: float = 0.0, *, most: float = math.inf
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._most = most
        self._used = min(used, most)
        self._at = at

    def used(self, now: float) -> float:
        """Return what has been used and not been given anew."""
        return max(0.0, self._used - self._per_second * max(0.0, now - self._at))

    def use(self, amount: float, now: float) -> None:
        """Use something. Nobody is kept from using more than there is; see `wait`."""
        self._used = min(self.used(now) + amount, self._most)
        self._at = now

    def wait(self, now: float) -> float:
        """Return for how many seconds nothing more should be used, 0 where something may."""
        return max(0.0, (self.used(now) - self._burst) / self._per_second)
