"""How far guests are ahead of their disk limits, by blkback's own counters of what it submitted for them.

A guest that has filled its rings before it connects gets all of that submitted in the moment in which nothing limits
it, however short that is: up to a MiB for each request, hundreds of requests. So the amount counts besides the time.
blkback counts when it submits, so that what waits for the guest's limit is counted too: a full ring at most, once.
Source: drivers/block/xen-blkback/xenbus.c, VBD_SHOW_ALLRING; the counters are new with each connection.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple, Optional

from teig.agent.contract.spec import DiskRate
from teig.agent.xen import backends
from teig.agent.xen.hypervisor import Hypervisor

DEVICES = Path("/sys/bus/xen-backend/devices")
_SECTOR = 512


class _Seen(NamedTuple):
    at: float
    rate: DiskRate
    disks: dict[str, DiskRate]


class Submitted:
    """What was submitted for each domain when it was last asked for. Counts have the form of rates."""

    def __init__(self, xen: Hypervisor, devices: Path = DEVICES) -> None:
        self._xen = xen
        self._devices = devices
        self._seen: dict[int, _Seen] = {}

    def ahead_s(self, domid: int, rate: DiskRate, now: float, anew: Collection[str] = ()) -> float:
        """Return how many seconds of its limit a guest used, since it was last asked for, beyond those that passed.

        Of its limits then and now the larger one counts: what it did under the other was its right.
        `anew` are the disks that have connected since. Of a domain that is asked for the first time, all counts where
        they have connected under somebody's eyes, for then it has just been made; else nothing is known of it, and 0.
        """
        names = self._xen.below(f"{backends.BACKENDS}/vbd/{domid}")
        disks = {name: counts for name in names if (counts := self._counts(f"vbd-{domid}-{name}"))}
        known = self._seen.get(domid)
        self._seen[domid] = _Seen(now, rate, disks)
        if known is None and not anew:
            return 0.0
        known = known or _Seen(now, rate, {})
        before = {name: counts for name, counts in known.disks.items() if name not in anew}
        more = [_more(before.get(name, DiskRate(0, 0, 0, 0)), counts) for name, counts in disks.items()]
        limits = map(max, known.rate, rate)
        used = max((sum(column) / limit for column, limit in zip(zip(*more), limits)), default=0.0)  # noqa: B905
        return max(0.0, used - (now - known.at))

    def forget(self, domids: set[int]) -> None:
        """Forget all domains but these."""
        self._seen = {domid: seen for domid, seen in self._seen.items() if domid in domids}

    def _counts(self, device: str) -> Optional[DiskRate]:
        folder = self._devices / device / "statistics"
        try:
            count = {
                name: int((folder / name).read_text()) for name in ("rd_req", "wr_req", "f_req", "rd_sect", "wr_sect")
            }
        except (OSError, ValueError):
            return None
        return DiskRate(
            count["rd_req"], count["wr_req"] + count["f_req"], _SECTOR * count["rd_sect"], _SECTOR * count["wr_sect"]
        )


def _more(before: DiskRate, now: DiskRate) -> DiskRate:
    """Return what was added; all of it where the counters are those of another connection."""
    anew = any(new < old for old, new in zip(before, now))  # noqa: B905  (strict: Python 3.10)
    return now if anew else DiskRate(*(new - old for old, new in zip(before, now)))  # noqa: B905
