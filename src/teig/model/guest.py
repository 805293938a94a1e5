"""A guest: an unprivileged domain (DomU) and all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from teig.agent.contract import spec as contract
from teig.agent.contract.arguments import check
from teig.agent.contract.spec import MOST_DISKS, MOST_NICS
from teig.model.contract import held
from teig.model.errors import InvalidRequest
from teig.model.names import GuestId, ImageId, check_name
from teig.model.pool import DiskRate

CARDS_KNOWN: Final = 32768
"""Network cards that were found sound and are remembered: each is told by its host twice a minute."""
_PLAIN = {name: check for name, check in contract.SPEC.items() if name not in {"disks", "nics", "disk_rate"}}


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
    PAUSED = "paused"
    """Xen gives its domain no processor: the keeper holds it back, or somebody has paused it."""
    NOT_ANSWERING = "not answering"
    """It runs, and its network does not answer long after its start."""
    UNKNOWN = "unknown"
    """Its host does not answer."""


@lru_cache(CARDS_KNOWN)
def _check_nic(mac: str, bridge: str, address: str, gateway: str, also: tuple[str, ...]) -> None:
    held(contract.nic, "nic", {"mac": mac, "bridge": bridge, "address": address, "gateway": gateway, "also": also})


@dataclass(frozen=True)
class Disk:
    """A guest's disk: `index` 0 is xvda, 1 is xvdb and so on; its size in bytes, a multiple of 4 MiB."""

    index: int
    size_bytes: int

    def __post_init__(self) -> None:
        """Refuse what no logical volume can be."""
        held(contract.disk, "disk", vars(self))

    @property
    def device(self) -> str:
        """Its name in the guest, for example `xvda`."""
        return contract.device(self.index)


@dataclass(frozen=True)
class Nic:
    """A guest's network card: MAC (in Xen's range, 00:16:3e), the host's bridge, IPv4 address with prefix, gateway.

    `also` are further addresses and networks, of IPv4 or IPv6, that lead to it.
    """

    mac: str
    bridge: str
    address: str
    gateway: str
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse addresses that are none."""
        _check_nic(self.mac, self.bridge, self.address, self.gateway, self.also)

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
    what each network card may send and receive, in kbit/s; `out_packets` the packets a second that it may send, 0: by
    its rate (`teig.agent.contract.spec.packets`). With `own_cores` each vCPU has a CPU that no other domain
    is scheduled on. Where it is `cut`, nothing passes its cards.
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
    out_packets: int = 0
    cut: bool = False

    def __post_init__(self) -> None:
        """Refuse what Xen could not run."""
        check_name("guest", self.name)
        held(lambda _, plain: check(_PLAIN, plain), self.name, {name: getattr(self, name) for name in _PLAIN})
        numbers = [disk.index for disk in self.disks]
        held(lambda *_: contract.check_whole(numbers, self.vcpus, self.cap), self.name, None)
        if not 1 <= len(self.disks) <= MOST_DISKS or not 1 <= len(self.nics) <= MOST_NICS:
            raise InvalidRequest(f"A guest has 1 to {MOST_DISKS} disks and 1 to {MOST_NICS} network cards.")

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
    def also(self) -> frozenset[str]:
        """All that leads to it beside the addresses of its cards."""
        return frozenset(address for nic in self.nics for address in nic.also)

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
    try:
        return str(held(contract.new_ssh_key, "key", untrusted_key.strip()))
    except InvalidRequest as error:
        raise InvalidRequest(
            "That is not an OpenSSH public key.",
            "Give the file that ends in .pub, for example ~/.ssh/id_ed25519.pub.",
            code="bad_ssh_key",
        ) from error
