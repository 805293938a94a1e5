"""What a host can be asked to do, whatever carries the request.

`teig.fleet.ssh` asks a real host's agent over SSH; `teig.fleet.simulated` keeps hosts in memory. Changing calls take a
`Claim`, which the host checks against the highest fencing number it has seen for that guest, and calls that write a
guest's bytes take the `PlacementDecision` that allows it. All of them are idempotent: a call that was carried out
already changes nothing and succeeds.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from teig.audit.host import AuditedHost
from teig.model.guest import Disk, GuestSpec
from teig.model.host import GuestOnHost, HostFacts, Inventory
from teig.model.image import Image
from teig.model.names import GuestId, HostId, ImageId
from teig.model.pool import DiskRate
from teig.policy.placement import PlacementDecision


@dataclass(frozen=True)
class Claim:
    """The right to change one guest: whoever holds the highest fence."""

    guest: GuestId
    fence: int


@dataclass(frozen=True)
class HostAddress:
    """How a host is reached: DNS name or IP, SSH port, and the public host key that it must show (OpenSSH's form)."""

    id: HostId
    name: str
    address: str
    port: int
    host_key: str


class ByteStream(Protocol):
    """Bytes both ways: to a guest's TCP port, or its console."""

    async def read(self, most: int) -> bytes:
        """Return up to `most` bytes; none when the other end has closed."""

    async def write(self, data: bytes) -> None:
        """Send bytes, waiting while the other end is slow."""

    def write_eof(self) -> None:
        """Say that no more bytes follow."""


class Host(Protocol):
    """One host. Calls block; call them from a worker thread.

    Raises Unreachable, HostUntrusted, HostFault, Busy, Fenced, NotFound, ImageCorrupt as their texts say.
    """

    def facts(self) -> HostFacts:
        """Measure and return what the host is and has."""

    def audit_facts(self) -> AuditedHost:
        """Read how the host is set up, and its guests' configuration files in /etc/xen, for `teig audit`."""

    def inventory(self) -> Inventory:
        """Return all guests and foreign domains."""

    def guest(self, guest: GuestId) -> GuestOnHost:
        """Return one guest; NotFound where the host knows nothing of it."""

    def image_present(self, image: ImageId) -> bool:
        """Return whether the host holds all files of an image, whole."""

    def image_put(self, decision: PlacementDecision, image: Image, folder: Path) -> None:
        """Send an image's files from `folder` to the host; the host checks every checksum."""

    def pool_bench(self, name: str) -> DiskRate:
        """Measure what a volume group's disks can do, on a volume made for it and removed; takes half a minute.

        Guests on the host feel it. HostFault where there is no such volume group, or no room for the volume.
        """

    def volume_create(self, claim: Claim, decision: PlacementDecision, disk: Disk) -> None:
        """Make a guest's volume, of which every byte reads as zero; HostFault where the volume group is full."""

    def volume_write_image(self, claim: Claim, decision: PlacementDecision, disk: Disk, image: ImageId) -> None:
        """Put an image's root file system onto a volume; ImageCorrupt where the host's copy is not whole."""

    def volume_delete(self, claim: Claim, index: int) -> None:
        """Remove a guest's volume; its bytes can no longer be read by anyone."""

    def guest_define(self, claim: Claim, decision: PlacementDecision, spec: GuestSpec) -> None:
        """Write the guest's xl.cfg and what it needs at its first boot; runs nothing."""

    def guest_start(self, claim: Claim) -> int:
        """Start a defined guest and return its domid; HostFault with Xen's reason where it does not run then."""

    def guest_enforce(self, claim: Claim) -> None:
        """Hold a running guest to its files at once: maxmem, weight, cap, disk and network rates.

        Its memory and vCPUs are the domain's own and are not touched. There is nothing to do for a stopped one.
        """

    def keeper_start(self) -> None:
        """Start the host's keeper, anew where it runs; HostFault where it does not come up."""

    def guest_stop(self, claim: Claim, grace_s: float) -> None:
        """Ask the guest to shut down, and destroy its domain after `grace_s` seconds (0: at once)."""

    def guest_reboot(self, claim: Claim, grace_s: float) -> int:
        """Stop and start the guest; return the new domid."""

    def guest_wait_ready(self, guest: GuestId, port: int, timeout_s: float) -> None:
        """Wait until the guest accepts TCP connections on `port`; HostFault when `timeout_s` has passed or it died."""

    def guest_undefine(self, claim: Claim) -> None:
        """Remove all files about a guest that does not run; its fence is remembered, its volumes stay."""

    def open_port(self, guest: GuestId, port: int) -> AbstractAsyncContextManager[ByteStream]:
        """Open a connection to a guest's TCP port, made on the host."""

    def open_console(self, guest: GuestId) -> AbstractAsyncContextManager[ByteStream]:
        """Open the guest's console."""


class Fleet(Protocol):
    """All hosts that can be reached, by address."""

    def host(self, address: HostAddress) -> Host:
        """Return the host at an address; connects when it is first asked for something."""

    def close(self) -> None:
        """End all connections."""
