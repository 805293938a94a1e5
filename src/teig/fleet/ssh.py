"""Real hosts: the driver's calls, carried over SSH to the agent that runs in each host's Dom0.

The fleet has an event loop in a thread of its own; the driver's blocking calls hand their work to it and wait. A stream
(`open_port`, `open_console`) may be used in any other event loop: each of its reads and writes is carried over to the
fleet's loop and back.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncssh

from teig.audit.host import AuditedHost
from teig.fleet.driver import ByteStream, Claim, HostAddress
from teig.fleet.ssh_channel import AgentChannel
from teig.fleet.ssh_errors import FOREIGN, translated
from teig.fleet.ssh_link import Link
from teig.model.errors import ImageCorrupt, InternalFault
from teig.model.guest import Disk, GuestSpec
from teig.model.host import GuestOnHost, HostFacts, Inventory
from teig.model.image import Image, ImageFile
from teig.model.names import GuestId, ImageId
from teig.model.pool import DiskRate
from teig.policy.placement import PlacementDecision
from teig.record import dump, load

T = TypeVar("T")
SHORT_S: Final = 60.0
START_S: Final = 420.0
STOP_S: Final = 240.0
AUDIT_S: Final = 180.0
BENCH_S: Final = 180.0
SLOWEST_DISK: Final = 4 << 20
"""Bytes a second that a host's disk and network are expected to do at the least; deadlines follow from it."""
_CHUNK: Final = 1 << 18


class SshFleet:
    """Hosts behind SSH. `key` is the server's private key, which the hosts let run their agent and nothing else."""

    def __init__(self, key: asyncssh.SSHKey) -> None:
        self._key = key
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="teig-fleet", daemon=True)
        self._thread.start()
        self._hosts: dict[HostAddress, SshHost] = {}
        self._lock = threading.Lock()

    def host(self, address: HostAddress) -> SshHost:
        """Return the host at an address; nothing is sent to it before it is asked for something."""
        with self._lock:
            if address not in self._hosts:
                for other in [known for known in self._hosts if known.id == address.id]:
                    # It was enrolled anew with another address or key: nobody may use the old way any more.
                    asyncio.run_coroutine_threadsafe(self._hosts.pop(other).link.close(), self._loop)
                self._hosts[address] = SshHost(Link(address, self._key), self._loop)
            return self._hosts[address]

    def close(self) -> None:
        """End all connections and the event loop."""
        with self._lock:
            hosts, self._hosts = list(self._hosts.values()), {}
        if not self._thread.is_alive():
            return
        for host in hosts:
            asyncio.run_coroutine_threadsafe(host.link.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class SshHost:
    """One host: the driver's calls as the agent's verbs. `teig.fleet.driver.Host` says what each does."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        self.link = link
        self._loop = loop

    def facts(self) -> HostFacts:
        """Measure the host."""
        return load(HostFacts, self._ask("host_facts", {}))

    def audit_facts(self) -> AuditedHost:
        """Read the host's settings and its configuration files."""
        return load(AuditedHost, self._ask("audit_facts", {}, AUDIT_S, long=True))

    def inventory(self) -> Inventory:
        """Return all guests and foreign domains."""
        return load(Inventory, self._ask("inventory", {}))

    def guest(self, guest: GuestId) -> GuestOnHost:
        """Return one guest."""
        return load(GuestOnHost, self._ask("guest_show", {"guest": guest}))

    def image_present(self, image: ImageId) -> bool:
        """Return whether the host has an image whole."""
        return self._ask("image_present", {"image": image}).get("present") is True

    def image_put(self, decision: PlacementDecision, image: Image, folder: Path) -> None:
        """Send what the host lacks of an image, after checking that our own copy is whole."""
        self._check(decision)
        answer = self._ask("image_begin", {"image": image.id, "manifest": dump(image.manifest)})
        files = image.manifest.files
        for entry in (files.kernel, files.initrd, files.root):
            if entry.file in answer.get("missing", ()):
                _check_local(image, entry, folder / entry.file)
                self._send(image.id, entry, folder / entry.file)

    def pool_bench(self, name: str) -> DiskRate:
        """Measure a volume group's disks."""
        return load(DiskRate, self._ask("pool_bench", {"pool": name}, BENCH_S, long=True))

    def image_delete(self, image: ImageId) -> None:
        """Remove an image that no guest there boots from."""
        self._ask("image_delete", {"image": image})

    def volume_create(self, claim: Claim, decision: PlacementDecision, disk: Disk) -> None:
        """Make a volume that reads as zeros."""
        self._check(decision, claim)
        self._change(claim, "volume_create", _work_s(disk.size_bytes), index=disk.index, size_bytes=disk.size_bytes)

    def volume_write_image(self, claim: Claim, decision: PlacementDecision, disk: Disk, image: ImageId) -> None:
        """Put an image onto a volume."""
        self._check(decision, claim)
        self._change(claim, "volume_write_image", _work_s(disk.size_bytes), index=disk.index, image=image)

    def volume_delete(self, claim: Claim, index: int) -> None:
        """Remove a volume."""
        self._change(claim, "volume_delete", WIPE_S, index=index)

    def guest_define(self, claim: Claim, decision: PlacementDecision, spec: GuestSpec) -> None:
        """Write the guest's files."""
        self._check(decision, claim)
        self._change(claim, "guest_define", SHORT_S, spec=dump(spec))

    def guest_start(self, claim: Claim) -> int:
        """Start the guest."""
        return int(self._change(claim, "guest_start", START_S)["domid"])

    def guest_enforce(self, claim: Claim) -> None:
        """Hold the running guest to its files."""
        self._change(claim, "guest_enforce", SHORT_S)

    def keeper_start(self) -> None:
        """Start the host's keeper."""
        self._ask("keeper_start", {})

    def guest_stop(self, claim: Claim, grace_s: float) -> None:
        """Stop the guest."""
        self._change(claim, "guest_stop", grace_s + STOP_S, grace_s=grace_s)

    def guest_reboot(self, claim: Claim, grace_s: float) -> int:
        """Stop and start the guest."""
        return int(self._change(claim, "guest_reboot", grace_s + STOP_S + START_S, grace_s=grace_s)["domid"])

    def guest_wait_ready(self, guest: GuestId, port: int, timeout_s: float) -> None:
        """Wait for the guest."""
        args = {"guest": guest, "port": port, "timeout_s": timeout_s}
        self._ask("guest_wait_ready", args, timeout_s + SHORT_S, long=True)

    def guest_undefine(self, claim: Claim) -> None:
        """Remove the guest's files."""
        self._change(claim, "guest_undefine", SHORT_S)

    @asynccontextmanager
    async def open_port(self, guest: GuestId, port: int) -> AsyncIterator[ByteStream]:
        """Open a guest's TCP port."""
        async with self._stream("connect", {"guest": guest, "port": port}) as stream:
            yield stream

    @asynccontextmanager
    async def open_console(self, guest: GuestId) -> AsyncIterator[ByteStream]:
        """Open a guest's console."""
        async with self._stream("console", {"guest": guest}) as stream:
            yield stream

    def _ask(
        self, verb: str, args: dict[str, Any], timeout_s: float = SHORT_S, *, long: bool = False
    ) -> dict[str, Any]:
        return self._run(self.link.call(verb, args, timeout_s, long=long))

    def _change(self, claim: Claim, verb: str, timeout_s: float, **args: Any) -> dict[str, Any]:
        return self._ask(verb, {"guest": claim.guest, "fence": claim.fence, **args}, timeout_s)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _check(self, decision: PlacementDecision, claim: Claim | None = None) -> None:
        if decision.host != self.link.host.id or (claim and decision.guest != claim.guest):
            raise InternalFault(
                f"A placement decision for guest {decision.guest} on host {decision.host} was used for another one."
            )

    def _send(self, image: ImageId, entry: ImageFile, path: Path) -> None:
        args = {"image": image, "file": entry.file, "size": entry.size, "sha256": entry.sha256}
        self._run(self.link.upload("image_receive", args, _chunks(path, entry.size), _work_s(entry.size)))

    @asynccontextmanager
    async def _stream(self, verb: str, args: dict[str, Any]) -> AsyncIterator[ByteStream]:
        stream = self.link.stream(verb, args, SHORT_S)
        channel = await self._over(stream.__aenter__())
        try:
            yield _Stream(self, channel)
        finally:
            await self._over(stream.__aexit__(None, None, None))

    async def _over(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the fleet's loop, awaited from any other."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def raw(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something with a raw stream; foreign errors become Teig's."""
        try:
            return await self._over(work)
        except FOREIGN as error:
            raise translated(self.link.host, error) from error

    def soon(self, call: Any) -> None:
        """Have something called in the fleet's loop."""
        self._loop.call_soon_threadsafe(call)


class _Stream:
    """A raw stream, to be used from any event loop."""

    def __init__(self, host: SshHost, channel: AgentChannel) -> None:
        self._host = host
        self._channel = channel

    async def read(self, most: int) -> bytes:
        return await self._host.raw(self._channel.read_raw(most))

    async def write(self, data: bytes) -> None:
        await self._host.raw(self._channel.write_raw(data))

    def write_eof(self) -> None:
        self._host.soon(self._channel.write_raw_eof)


def _work_s(size_bytes: int) -> float:
    return SHORT_S + size_bytes / SLOWEST_DISK


WIPE_S: Final = _work_s(1 << 40)


async def _chunks(path: Path, size: int) -> AsyncIterator[bytes]:
    """Yield a file's bytes, neither more nor fewer than `size`; reading from a local disk may block for a moment."""
    with path.open("rb") as file:
        left = size
        while left:
            chunk = file.read(min(_CHUNK, left))
            if not chunk:
                raise EOFError(f"{path} became shorter while it was sent")
            left -= len(chunk)
            yield chunk


def _check_local(image: Image, entry: ImageFile, path: Path) -> None:
    """Raise ImageCorrupt where the server's own copy of a file is not what the manifest promises."""
    try:
        with path.open("rb") as file:
            whole = (
                path.stat().st_size == entry.size and hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
            )
    except FileNotFoundError:
        whole = False
    if not whole:
        raise ImageCorrupt(
            f"The server's copy of {entry.file} of image {image.manifest.name} is not what its manifest promises.",
            "Build or import the image again.",
        )
