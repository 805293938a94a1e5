"""What a host can be asked to do, whatever carries the request.

`teig.fleet.ssh` asks a real host's agent over SSH; `teig.fleet.simulated` keeps hosts in memory. Changing calls take a
`Claim`, which the host checks against the highest fencing number it has seen for that guest, and calls that write a
guest's bytes take the `PlacementDecision` that allows it. All of them are idempotent: a call that was carried out
already changes nothing and succeeds.

No call waits for what takes long: making, filling and wiping a volume, starting and stopping a guest are jobs. The host
begins one, under the guest's lock and the claim's fence, and answers at once; `job` says how far it is. A guest has one
job at a time. To begin the one that runs already, or that has ended well under the same fence, begins nothing and tells
of it; a newer fence takes a running one over. Another one is refused (Busy) until the running one has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from teig.audit.host import AuditedHost
from teig.model.guest import Disk, GuestSpec
from teig.model.host import GuestOnHost, HostFacts, Inventory
from teig.model.image import Image
from teig.model.job import Job
from teig.model.names import GuestId, HostId, ImageId
from teig.model.pool import PoolRating
from teig.policy.placement import PlacementDecision


@dataclass(frozen=True)
class Claim:
    """The right to change one guest: whoever holds the highest fence, and for which operation it is.

    A job that has ended well is not begun again for the same operation, whichever server works on that by now.
    """

    guest: GuestId
    fence: int
    operation: str = ""


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

    def facts(self, timeout_s: float = 60.0) -> HostFacts:
        """Measure and return what the host is and has; Unreachable after `timeout_s` seconds, connecting included."""

    def audit_facts(self) -> AuditedHost:
        """Read how the host is set up, and its guests' configuration files in /etc/xen, for `teig audit`."""

    def inventory(self, timeout_s: float = 60.0) -> Inventory:
        """Return all guests and foreign domains, within `timeout_s` seconds."""

    def guest(self, guest: GuestId, timeout_s: float = 60.0) -> GuestOnHost:
        """Return one guest, within `timeout_s` seconds; NotFound where the host knows nothing of it."""

    def image_present(self, image: ImageId) -> bool:
        """Return whether the host holds all files of an image, whole."""

    def image_put(self, decision: PlacementDecision, image: Image, folder: Path, check: Callable[[], None]) -> None:
        """Send an image's files from `folder` to the host; the host checks every checksum.

        `check` is called at least once a second; what it raises ends the sending.
        """

    def pool_bench(self, name: str) -> PoolRating:
        """Measure what a volume group's disks can do, on a volume made for it and removed; takes half a minute.

        Guests on the host feel it. HostFault where there is no such volume group, or no room for the volume.
        """

    def volume_create(self, claim: Claim, decision: PlacementDecision, disk: Disk, pool: str) -> Job:
        """Make a guest's volume in a volume group, of which every byte reads as zero. HostFault where that is full."""

    def volume_write_image(self, claim: Claim, decision: PlacementDecision, disk: Disk, image: ImageId) -> Job:
        """Put an image's root file system onto a volume; ImageCorrupt where the host's copy is not whole."""

    def volume_delete(self, claim: Claim, index: int) -> Job:
        """Remove a guest's volume, wherever it is; its bytes can no longer be read by anyone."""

    def guest_define(self, claim: Claim, decision: PlacementDecision, spec: GuestSpec) -> None:
        """Write the guest's xl.cfg and what it needs at its first boot; runs nothing."""

    def guest_start(self, claim: Claim) -> Job:
        """Start a defined guest; the job's result has its `domid`. HostFault, in Xen's words, where it does not run."""

    def guest_enforce(self, claim: Claim) -> None:
        """Hold a running guest to its files at once: maxmem, weight, cap, disk and network rates.

        Its memory and vCPUs are the domain's own and are not touched. There is nothing to do for a stopped one.
        """

    def keeper_start(self) -> None:
        """Start the host's keeper, anew where it runs; HostFault where it does not come up."""

    def guest_stop(self, claim: Claim, grace_s: float) -> Job:
        """Ask the guest to shut down, and destroy its domain after `grace_s` seconds (0: at once).

        Done when its end is final: whatever would have made the domain anew has been ended first.
        """

    def guest_reboot(self, claim: Claim, grace_s: float) -> Job:
        """Stop and start the guest; the job's result has the new `domid`."""

    def job(self, claim: Claim) -> Job:
        """Return the newest job of a guest; NotFound where there was none.

        A job whose process was killed is failed with the code `job_lost`: begin it again.
        """

    def job_cancel(self, claim: Claim) -> Job:
        """End the running job of a guest as soon as that leaves nothing half done, and return it as it is now."""

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

    def forget(self, host: HostId) -> None:
        """End all connections to a host that is not enrolled, whatever it is being asked."""

    def close(self) -> None:
        """End all connections."""
