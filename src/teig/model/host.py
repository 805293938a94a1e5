"""A host: a machine that runs Xen and its Dom0, as its agent describes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from teig.model.errors import InvalidRequest
from teig.model.guest import Entitled, GuestSpec
from teig.model.names import GuestId
from teig.model.pool import Medium, Redundancy
from teig.model.units import MIB

_MOST_DOMID: Final = 0x7FEF
"""xen/include/public/xen.h: DOMID_FIRST_RESERVED is the next."""


def check_figures(noun: object, least_of_all: int = 0) -> None:
    """Raise InvalidRequest where a figure of a noun is no number, or does not fit 64 bits, or a count is below 0."""
    for name, value in vars(noun).items():
        least = 1 if name == "extent_bytes" else least_of_all
        if isinstance(value, int) and not least <= value < 2**63:
            raise InvalidRequest(f"{name} cannot be {value!r:.40}.")
        if isinstance(value, float) and not abs(value) < 2**63:  # which NaN is not either
            raise InvalidRequest(f"{name} cannot be {value!r:.40}.")


def check_lengths(noun: object, **most: int) -> None:
    """Raise InvalidRequest where a text of a noun has more characters than that."""
    for name, length in most.items():
        if len(getattr(noun, name)) > length:
            raise InvalidRequest(f"{name} cannot have more than {length} characters.")


@dataclass(frozen=True)
class VolumeGroup:
    """An LVM volume group, which is a pool: name, size and what is free of it in bytes, and what it is made of.

    `extent_bytes` is the unit in which LVM gives space out, `guests_bytes` what Teig's guests' volumes take of it.
    `medium` and `redundancy` are read from the disks below (rotational or not; md and LVM RAID); `problem` says in
    plain words what is wrong with them, for example that a RAID lacks a disk, and is empty where nothing is.
    """

    name: str
    size_bytes: int
    free_bytes: int
    medium: Medium
    redundancy: Redundancy
    problem: str
    extent_bytes: int = 4 * MIB
    guests_bytes: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be: hosts tell it, sums are made of it, and it is stored."""
        check_figures(self)
        check_lengths(self, name=127)  # as LVM has it


@dataclass(frozen=True)
class ForeignDomain:
    """A domain that Teig did not make: counted in admission, never touched."""

    domid: int
    name: str
    uuid: str
    memory_mib: int
    vcpus: int
    weight: int

    def __post_init__(self) -> None:
        """Refuse figures that cannot be: hosts tell them, and sums are made of them."""
        check_figures(self)


KEEPER_LATE_S: Final = 60.0
"""A keeper looks at everything every ten seconds."""


@dataclass(frozen=True)
class HostFacts:
    """What is so on a host, as its agent measured it.

    `cores` are physical CPUs that Xen schedules on. `xen_memory_mib` and `free_memory_mib` are the hypervisor's own
    figures (xl info: total_memory, free_memory). `dom0_maxmem_mib` is None where Domain-0 has no `max:` bound.
    `guest_types` are those that this host can run. `keeper_beat` is how many seconds ago the keeper last looked at
    everything, None where it does not run. `dom0_cores` are the CPUs of Pool-0 where guests have a cpupool of their
    own, 0 where Domain-0 and the guests share theirs; `guest_cores` the CPUs on which guests are scheduled, those that
    guests have for themselves included. `lvm_failure` is why LVM could not name the volume groups, and
    empty where it could. `agent_version` and `keeper_version` are empty where they are not told,
    `capabilities` what this agent can do beyond the first one. Measured `uptime_ns` after the boot with the id `boot`,
    which is empty where that is not told.
    """

    hostname: str
    machine_id: str
    xen_version: str
    kernel: str
    cores: int
    xen_memory_mib: int
    free_memory_mib: int
    scheduler: str
    guest_types: tuple[str, ...]
    dom0_memory_mib: int
    dom0_maxmem_mib: int | None
    dom0_vcpus: int
    dom0_weight: int
    autoballoon: bool
    cgroup2: bool
    bridges: tuple[str, ...]
    volume_groups: tuple[VolumeGroup, ...]
    missing_programs: tuple[str, ...]
    foreign: tuple[ForeignDomain, ...]
    keeper_beat: float | None
    dom0_cores: int = 0
    guest_cores: int = 0
    agent_version: str = ""
    keeper_version: str = ""
    capabilities: tuple[str, ...] = ()
    boot: str = ""
    uptime_ns: int = 0
    lvm_failure: str = ""

    @property
    def kept(self) -> bool:
        """Whether the keeper runs, and looked at the guests a short while ago."""
        return self.keeper_beat is not None and self.keeper_beat <= KEEPER_LATE_S

    def __post_init__(self) -> None:
        """Refuse what cannot be: hosts tell it, sums are made of it, and it is stored."""
        check_figures(self)
        check_lengths(self, machine_id=64, boot=64)


@dataclass(frozen=True)
class VolumeOnHost:
    """A logical volume of a guest: which disk it is (`index`), its volume group, and its true size in bytes."""

    index: int
    pool: str
    size_bytes: int

    def __post_init__(self) -> None:
        """Refuse what cannot be: hosts tell it, sums are made of it, and it is stored."""
        check_figures(self)
        check_lengths(self, pool=127)


@dataclass(frozen=True)
class Dom0Time:
    """How many seconds of a processor Domain-0 has worked for a guest since its domain began.

    `disks_s` for its disks, `sends_s` for what its network cards send, `receives_s` for what they receive: a flood is
    copied in its victim's. What was done in the moment before the keeper saw a back end connect is not in it.
    """

    disks_s: float
    sends_s: float
    receives_s: float

    def __post_init__(self) -> None:
        """Refuse what cannot be: hosts tell it, and it is stored."""
        check_figures(self)
        if min(self.disks_s, self.sends_s, self.receives_s) < 0:
            raise InvalidRequest("Seconds of work cannot be below 0.")


MOST_TRANSFER: Final = 1 << 60
"""Bytes; sums of two fit into a column."""
_COUNT: Final = re.compile(r"[0-9a-z-]{1,36}", re.ASCII)


@dataclass(frozen=True)
class Transfer:
    """What a guest's network cards have sent and received together since its host began to count, or a bit less.

    The figures of one counting, which has the id `count`, only grow, over the guest's reboots and the host's. A host
    that has lost them counts anew, and so does another one that the guest is moved to, under another id.
    """

    count: str
    sent_bytes: int
    sent_packets: int
    received_bytes: int
    received_packets: int

    def __post_init__(self) -> None:
        """Refuse what cannot be: hosts tell it, sums are made of it, and it is stored."""
        check_figures(self)
        if not _COUNT.fullmatch(self.count):
            raise InvalidRequest(f"{self.count!r:.80} is no id of a counting.")
        if max(self.sent_bytes, self.sent_packets, self.received_bytes, self.received_packets) > MOST_TRANSFER:
            raise InvalidRequest("No guest can have transferred so much.")


@dataclass(frozen=True)
class GuestOnHost:
    """A guest as its host has it: what its files there say (`spec`) and what the hypervisor says (`live`).

    `live` and `domid` are None while no such domain runs. `fence` is the highest fencing number that acted on it.
    `volumes` are the device indices whose logical volumes exist, `disks` the same with pool and size. `cpu_time_ns` is
    processor time used, in ns. `started` is what the domain was started with, and is forgotten only when the agent has
    seen that domain's end; None where it does not run, and where an older agent does not tell. `answers` is whether it
    takes connections on its image's port, None where nobody knows; `ran_s` how many seconds ago Teig started it.
    `held` says in a sentence why the keeper holds the guest back, and is empty where it does not. `dom0_time` is None
    where it does not run, where no keeper counts, and where an older agent does not tell; `transfer` is what it has
    sent and received, None where its host has not counted that. It was read `uptime_ns` after the boot with the id
    `boot`.
    """

    id: GuestId
    fence: int
    spec: GuestSpec | None
    domid: int | None
    state: str
    live: Entitled | None
    volumes: tuple[int, ...]
    cpu_time_ns: int = 0
    disks: tuple[VolumeOnHost, ...] = ()
    started: GuestSpec | None = None
    answers: bool | None = None
    ran_s: float | None = None
    held: str = ""
    boot: str = ""
    uptime_ns: int = 0
    dom0_time: Dom0Time | None = None
    transfer: Transfer | None = None

    @property
    def has_domain(self) -> bool:
        """Whether it has a domain, or is between two: one that reboots has none for 2 s, and keeps `started`."""
        return self.domid is not None or self.started is not None

    @property
    def runs(self) -> bool:
        """Whether it has a domain that goes on, or will: one that has shut down and stays is there, and is stopped."""
        return self.has_domain and (self.domid is None or self.state != "stopped")

    def __post_init__(self) -> None:
        """Refuse what cannot be: hosts tell it, sums are made of it, and it is stored."""
        check_figures(self)
        check_lengths(self, boot=64, state=16)
        if self.domid is not None and self.domid > _MOST_DOMID:
            raise InvalidRequest(f"domid cannot be {self.domid}.")
        if self.live is not None:
            check_figures(self.live, -1)  # agents of earlier releases say that of a domain that is being made


@dataclass(frozen=True)
class Inventory:
    """All domains and guests of a host at one moment: `uptime_ns` after the boot with the id `boot`."""

    guests: tuple[GuestOnHost, ...]
    foreign: tuple[ForeignDomain, ...]
    boot: str = ""
    uptime_ns: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be: hosts tell it, sums are made of it, and it is stored."""
        check_figures(self)
        check_lengths(self, boot=64)
