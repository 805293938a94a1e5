"""A guest: an unprivileged domain (DomU) and all that belongs to it."""

from __future__ import annotations

import ipaddress
import re
import uuid
from dataclasses import dataclass
from enum import StrEnum

from teig.model.errors import InvalidRequest
from teig.model.names import GuestId, ImageId, check_name
from teig.model.pool import DiskRate
from teig.model.units import MIB

_MAC = re.compile(r"00:16:3e:[0-7][0-9a-f](:[0-9a-f]{2}){2}", re.ASCII)
_BRIDGE = re.compile(r"[a-z][a-z0-9._-]{0,14}", re.ASCII)
_KEY_KINDS = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
              "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")  # fmt: skip
MOST_DISKS = 8
MOST_NICS = 4


class GuestType(StrEnum):
    """How Xen runs the guest (xl.cfg(5), `type`)."""

    PV = "pv"
    PVH = "pvh"


class OnCrash(StrEnum):
    """What Xen does when the guest's kernel has crashed (xl.cfg(5), `on_crash`)."""

    RESTART = "restart"
    STOP = "stop"


class GuestState(StrEnum):
    """What a guest is doing, as Teig knows it."""

    CREATING = "creating"
    RUNNING = "running"
    STOPPED = "stopped"
    DELETING = "deleting"
    CRASHED = "crashed"
    MISSING = "missing"
    """It should run, and Xen has no such domain."""
    NOT_ANSWERING = "not answering"
    """It runs, and its network does not answer long after its start."""
    UNKNOWN = "unknown"
    """Its host does not answer."""


@dataclass(frozen=True)
class Disk:
    """A guest's disk: `index` 0 is xvda, 1 is xvdb and so on; its size in bytes, a multiple of 4 MiB."""

    index: int
    size_bytes: int

    def __post_init__(self) -> None:
        """Refuse what no logical volume can be."""
        if not 0 <= self.index < MOST_DISKS:
            raise InvalidRequest(f"A guest can have {MOST_DISKS} disks.", "Ask for fewer.")
        if self.size_bytes <= 0 or self.size_bytes % (4 * MIB):
            raise InvalidRequest("A disk's size must be a multiple of 4 MiB, LVM's extent size.", "Round it up.")

    @property
    def device(self) -> str:
        """Its name in the guest, for example `xvda`."""
        return f"xvd{'abcdefgh'[self.index]}"


@dataclass(frozen=True)
class Nic:
    """A guest's network card: MAC (in Xen's range, 00:16:3e), the host's bridge, IPv4 address with prefix, gateway."""

    mac: str
    bridge: str
    address: str
    gateway: str

    def __post_init__(self) -> None:
        """Refuse addresses that are none."""
        if not _MAC.fullmatch(self.mac):
            raise InvalidRequest(f"{self.mac!r} is not a MAC address in Xen's range 00:16:3e:00-7f.")
        if not _BRIDGE.fullmatch(self.bridge):
            raise InvalidRequest(f"{self.bridge!r} is not the name of a bridge.")
        try:
            interface = ipaddress.IPv4Interface(self.address)
            inside = ipaddress.IPv4Address(self.gateway) in interface.network
        except ValueError as error:
            raise InvalidRequest(f"The address {self.address!r} or the gateway {self.gateway!r} is none.") from error
        if not inside:
            raise InvalidRequest(f"The gateway {self.gateway} is not in the network of {self.address}.")

    @property
    def ip(self) -> str:
        """The address without its prefix length."""
        return self.address.split("/", 1)[0]


@dataclass(frozen=True)
class GuestSpec:
    """All that a host must know to make and keep a guest; xl.cfg is rendered from this and nothing else.

    `memory_mib` is both memory and maxmem. `share_cores` and `ceiling_cores` are the plan's, in cores; `weight` (1 to
    65535, and it counts for each vCPU) and `cap` (percent of one core, 0: none) are what they become for the scheduler.
    See xl.cfg(5), `cpu_weight` and `cap`. `disk_rate` is the limit for all its disks together, `out_kbit` and `in_kbit`
    what each network card may send and receive, in kbit/s. With `own_cores` each vCPU has a CPU that no other domain
    is scheduled on.
    """

    id: GuestId
    name: str
    type: GuestType
    plan: str
    site: str
    image: ImageId
    memory_mib: int
    vcpus: int
    share_cores: float
    ceiling_cores: float
    weight: int
    cap: int
    disk_rate: DiskRate
    out_kbit: int
    in_kbit: int
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]
    ssh_keys: tuple[str, ...] = ()
    on_crash: OnCrash = OnCrash.RESTART
    own_cores: bool = False

    def __post_init__(self) -> None:
        """Refuse what Xen could not run."""
        check_name("guest", self.name)
        if str(uuid.UUID(self.id)) != self.id:
            raise InvalidRequest(f"{self.id!r} is not a UUID in its canonical form.")
        if not 1 <= self.weight <= 65535 or not 0 <= self.cap <= 100 * self.vcpus:
            raise InvalidRequest(f"Guest {self.name}: weight {self.weight} or cap {self.cap} is out of range.")
        if [disk.index for disk in self.disks] != list(range(len(self.disks))) or not self.disks:
            raise InvalidRequest(f"Guest {self.name}: its disks must be numbered from 0 without a gap.")
        if not 1 <= len(self.nics) <= MOST_NICS:
            raise InvalidRequest(f"A guest has between 1 and {MOST_NICS} network cards.")
        for key in self.ssh_keys:
            check_ssh_key(key)

    @property
    def entitled(self) -> Entitled:
        """What this says the hypervisor must show."""
        return Entitled(
            memory_mib=self.memory_mib,
            maxmem_mib=self.memory_mib,
            vcpus=self.vcpus,
            weight=self.weight,
            cap=self.cap,
            own_cores=self.vcpus if self.own_cores else 0,
            read_iops=self.disk_rate.read_iops,
            write_iops=self.disk_rate.write_iops,
            read_bps=self.disk_rate.read_bps,
            write_bps=self.disk_rate.write_bps,
        )

    @property
    def disk_bytes(self) -> int:
        """The sum of its disks, in bytes."""
        return sum(disk.size_bytes for disk in self.disks)


@dataclass(frozen=True)
class Entitled:
    """The figures that are compared between plan, host and hypervisor: the same names in each.

    `cap` 0 means no cap, and a disk rate of 0 that nothing limits it. The disk rates' live figures are what the kernel
    holds every backend thread of the guest to. `own_cores` is the number of CPUs in the guest's own cpupool, 0 where
    it shares the host's.
    """

    memory_mib: int
    maxmem_mib: int
    vcpus: int
    weight: int
    cap: int
    read_iops: int
    write_iops: int
    read_bps: int
    write_bps: int
    own_cores: int = 0


def check_ssh_key(untrusted_key: str) -> str:
    """Return an OpenSSH public key (one line: kind, base64, comment), or raise InvalidRequest."""
    words = untrusted_key.strip().split()
    good = len(words) >= 2 and words[0] in _KEY_KINDS and re.fullmatch(r"[A-Za-z0-9+/]{40,}={0,2}", words[1])
    if not good or "\n" in untrusted_key.strip() or not untrusted_key.isprintable():
        raise InvalidRequest(
            "That is not an OpenSSH public key.",
            "Give the file that ends in .pub, for example ~/.ssh/id_ed25519.pub.",
            code="bad_ssh_key",
        )
    return untrusted_key.strip()
