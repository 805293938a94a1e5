"""What one can choose about a lab. Neighbour: `machine` turns it into QEMU's command line."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from teig.model.errors import InvalidRequest

MOST_HOSTS = 9
DOM0_MIB = 512


class Scheduler(StrEnum):
    """Xen's schedulers that have weights and caps."""

    CREDIT = "credit"
    CREDIT2 = "credit2"


@dataclass(frozen=True)
class LabOptions:
    """How many hosts, and what each of them has.

    `memory_mib` is a host's whole memory; Domain-0 keeps 512 MiB of it. `disk_gib` is the size of the volume group's
    disk, whose file grows with what is written. `disk_iops` and `disk_bandwidth` (bytes per second) slow that disk down
    to what a spinning one does; None leaves it as fast as it is. `pvh` emulates a processor that runs PVH guests too.
    `ssh_port` is the first host's on 127.0.0.1, the next host's is one higher; None takes free ones.
    """

    hosts: int = 1
    memory_mib: int = 2048
    cpus: int = 2
    scheduler: Scheduler = Scheduler.CREDIT2
    disk_gib: int = 16
    disk_iops: int | None = None
    disk_bandwidth: int | None = None
    pvh: bool = False
    ssh_port: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no lab can be."""
        _within("The number of hosts", self.hosts, 1, MOST_HOSTS)
        _within("A host's memory in MiB", self.memory_mib, 2 * DOM0_MIB, 65536)
        _within("A host's number of processors", self.cpus, 2, 16)
        _within("The size of a host's disk in GiB", self.disk_gib, 1, 2048)
        if self.disk_iops is not None:
            _within("The disk's operations per second", self.disk_iops, 10, 10_000_000)
        if self.disk_bandwidth is not None:
            _within("The disk's bytes per second", self.disk_bandwidth, 65536, 1 << 40)
        if self.ssh_port is not None:
            _within("The SSH port", self.ssh_port, 1, 65535 - self.hosts + 1)

    def as_record(self) -> dict[str, Any]:
        """Return the options as plain values; `from_record` is the way back."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> LabOptions:
        """Return the options that `as_record` wrote down; what this version does not know is left out."""
        known = {field.name for field in fields(cls)}
        values = {key: value for key, value in record.items() if key in known}
        return cls(**{**values, "scheduler": Scheduler(values.get("scheduler", Scheduler.CREDIT2))})


def _within(what: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise InvalidRequest(f"{what} must be from {lowest} to {highest}, not {value}.")


def check_lab_name(name: str) -> str:
    """Return the name of a lab or of a snapshot; InvalidRequest where it could not be a file's name."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name, re.ASCII):
        raise InvalidRequest(
            f"{name!r} cannot be a name here.", "Use up to 40 lower-case letters, digits and dashes, no dash first."
        )
    return name
