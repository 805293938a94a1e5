"""A pool: where volumes live, with a rated capacity; and disk rates, which are what is promised out of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from teig.agent.contract.spec import disk_rate
from teig.model.contract import held


class Medium(StrEnum):
    """What a pool's bytes are kept on. `ANY` stands in plans only."""

    ANY = "any"
    SAS = "sas"
    """Spinning disks."""
    SSD = "ssd"


class Redundancy(StrEnum):
    """How many disks may fail. `ANY` stands in plans only."""

    ANY = "any"
    NONE = "none"
    RAID1 = "raid1"
    RAID10 = "raid10"


@dataclass(frozen=True)
class DiskRate:
    """Operations of 4 KiB per second and bytes per second, each way.

    One figure is a limit (what the host lets through), a guarantee (what a plan promises) or a capacity (what a pool
    was rated at). An operation larger than 4 KiB counts as one for each 4 KiB that it covers, because blkback cuts
    requests up before the limit sees them.
    """

    read_iops: int
    write_iops: int
    read_bps: int
    write_bps: int

    def __post_init__(self) -> None:
        """Refuse rates at which no guest could boot."""
        held(disk_rate, "disk_rate", vars(self))


@dataclass(frozen=True)
class PoolRating:
    """What a pool can do. `rate` holds for reads alone and for writes alone, which compete for the same disks.

    `together`: it was measured, or is stated, to do both at once.
    """

    rate: DiskRate
    together: bool = False


@dataclass(frozen=True)
class PoolClass:
    """What a plan wants of the pool that its disks are on."""

    medium: Medium = Medium.ANY
    redundancy: Redundancy = Redundancy.ANY

    def fits(self, medium: Medium, redundancy: Redundancy) -> bool:
        """Return whether a pool of this medium and redundancy is what is wanted; RAID 10 is good for RAID 1 too."""
        enough = {
            Redundancy.ANY: set(Redundancy),
            Redundancy.NONE: set(Redundancy),
            Redundancy.RAID1: {Redundancy.RAID1, Redundancy.RAID10},
            Redundancy.RAID10: {Redundancy.RAID10},
        }[self.redundancy]
        return self.medium in {Medium.ANY, medium} and redundancy in enough
