"""What guests transfer: by calendar months, and what their plans say of that."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from teig.model.guest import GuestSpec
from teig.model.names import GuestId
from teig.model.plan import PastTransfer, Plan


@dataclass(frozen=True)
class MonthOfTransfer:
    """What a guest sent and received in a month: `2026-11`, in UTC. `name` is what it was called then."""

    guest: GuestId
    name: str
    month: str
    sent_bytes: int
    received_bytes: int


@dataclass(frozen=True)
class TransferAmount:
    """What a guest may send and receive together in a month, and what happens `past` that.

    Its cards may then send and receive `past_kbit` where it is to be slow; `out_kbit` and `in_kbit` are what they may
    else. It is `limited` where it has been past its amount.
    """

    amount_bytes: int
    past: PastTransfer
    past_kbit: int
    out_kbit: int
    in_kbit: int
    limited: bool = False

    @classmethod
    def of(cls, plan: Plan) -> TransferAmount:
        """Return what a plan says."""
        return cls(plan.transfer_bytes, plan.past_transfer, plan.past_kbit, plan.out_kbit, plan.in_kbit)

    def applied(self, spec: GuestSpec) -> GuestSpec:
        """Return a guest's spec as it is where it is limited, or where it is not."""
        whole = replace(spec, out_kbit=self.out_kbit, in_kbit=self.in_kbit, cut=False)
        if not self.limited or self.past is PastTransfer.NOTHING:
            return whole
        if self.past is PastTransfer.CUT:
            return replace(whole, cut=True)
        out_kbit, in_kbit = min(self.out_kbit, self.past_kbit), min(self.in_kbit, self.past_kbit)
        return replace(whole, out_kbit=out_kbit, in_kbit=in_kbit)


def month_of(seconds: float) -> str:
    """Return the month in which a moment was, in seconds since 1970."""
    return time.strftime("%Y-%m", time.gmtime(seconds))
