"""What guests have transferred, by calendar months."""

from __future__ import annotations

import time
from dataclasses import dataclass

from teig.model.names import GuestId


@dataclass(frozen=True)
class MonthOfTransfer:
    """What a guest sent and received in a month: `2026-11`, in UTC. `name` is what it was called then."""

    guest: GuestId
    name: str
    month: str
    sent_bytes: int
    received_bytes: int


def month_of(seconds: float) -> str:
    """Return the month in which a moment was, in seconds since 1970."""
    return time.strftime("%Y-%m", time.gmtime(seconds))
