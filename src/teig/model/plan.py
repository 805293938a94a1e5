"""A plan: what a guest is entitled to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from teig.agent.contract.spec import MOST_NICS, SPEC, size
from teig.model.contract import held
from teig.model.errors import InvalidRequest
from teig.model.names import check_name
from teig.model.pool import DiskRate, PoolClass

MOST_TRANSFER: Final = 2**60
_NO_AMOUNT: Final = "past_transfer means nothing without transfer_gib"
LEAST_SHARE: Final = 0.01
"""Cores. Less is lost in the scheduler's own grain: weights are whole numbers, and admission counts thousandths."""


class PastTransfer(StrEnum):
    """What happens to a guest that has transferred more in a month than its plan's amount."""

    NOTHING = "nothing"
    SLOW = "slow"
    CUT = "cut"


@dataclass(frozen=True)
class Plan:
    """What every guest of this plan is entitled to; nothing in it can be taken back while the guest runs.

    `memory_mib` is the guest's memory and its maximum: there is no balloon. `share_cores` is the processor time that is
    guaranteed, `ceiling_cores` the most it may use while nobody else wants it, both in cores. `disk_bytes` is the size
    of the first volume. `disk_rate` is what all of the guest's disks together may do and are guaranteed; `pool` what
    they must lie on. `out_kbit` and `in_kbit` are what it may send and receive over each network card, in kbit/s (1000
    bits), `out_packets` how many packets a second it may send (0: one for each 500 bytes of `out_kbit`), and
    `addresses` the number of network cards with an address each. With `own_cores` no other domain is ever scheduled on
    the guest's cores; its share is then all of them.

    `transfer_bytes` is what it may send and receive together in a calendar month, 0: no amount is counted against.
    What is past it is `past_transfer`'s choice; with `slow`, each card may send and receive `past_kbit` then.
    """

    name: str
    memory_mib: int
    vcpus: int
    share_cores: float
    ceiling_cores: float
    disk_bytes: int
    disk_rate: DiskRate
    pool: PoolClass
    out_kbit: int
    in_kbit: int
    addresses: int
    own_cores: bool = False
    out_packets: int = 0
    transfer_bytes: int = 0
    past_transfer: PastTransfer = PastTransfer.NOTHING
    past_kbit: int = 0

    def __post_init__(self) -> None:
        """Refuse a plan that no host could keep."""
        check_name("plan", self.name)
        for field in ("memory_mib", "vcpus", "out_kbit", "in_kbit", "out_packets"):
            held(SPEC[field], field, getattr(self, field))
        self._want(
            LEAST_SHARE <= self.share_cores <= self.vcpus,
            f"share_cores must be at least {LEAST_SHARE:g} and at most the number of vcpus",
        )
        self._want(
            self.share_cores <= self.ceiling_cores <= self.vcpus,
            "ceiling_cores must lie between share_cores and the number of vcpus",
        )
        self._want(
            not self.own_cores or self.share_cores == self.vcpus,
            "with own_cores, share_cores must be the number of vcpus: nobody else can use what it leaves",
        )
        held(size, "disk_bytes", self.disk_bytes)
        self._want(0 <= self.transfer_bytes <= MOST_TRANSFER, "transfer must be at most 1 EiB a month")
        slow = self.past_transfer is PastTransfer.SLOW
        self._want(bool(self.transfer_bytes) or self.past_transfer is PastTransfer.NOTHING, _NO_AMOUNT)
        self._want(bool(self.past_kbit) == slow, "past_mbit is said with past_transfer = slow, and only then")
        if slow:
            held(SPEC["out_kbit"], "past_kbit", self.past_kbit)
        self._want(1 <= self.addresses <= MOST_NICS, f"addresses must be between 1 and {MOST_NICS}")

    def _want(self, holds: bool, rule: str) -> None:
        if not holds:
            raise InvalidRequest(f"Plan {self.name}: {rule}.", "Correct the plan.", code="bad_plan")
