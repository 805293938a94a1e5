"""Real hosts: the driver's calls, carried over SSH to the agent that runs in each host's Dom0.

The fleet has an event loop in a thread of its own; the driver's blocking calls hand their work to it and wait. A stream
(`open_port`, `open_console`) may be used in any other event loop: each of its reads and writes is carried over to the
fleet's loop and back.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncssh

from teig.agent.contract.verbs import VERBS, check_request
from teig.audit.host import AuditedHost
from teig.fleet.driver import ByteStream, Claim, HostAddress
from teig.fleet.old_agent import BlockingJobs
from teig.fleet.ssh_channel import UPGRADE, AgentChannel, AgentTooOld
from teig.fleet.ssh_errors import FOREIGN, translated
from teig.fleet.ssh_lanes import Lane, Use
from teig.fleet.ssh_link import Link
from teig.fleet.upload import Paced, check_local, chunks_of, time_s
from teig.model.contract import held
from teig.model.errors import HostFault, InternalFault, InvalidRequest, Unreachable
from teig.model.guest import Disk, GuestSpec
from teig.model.host import GuestOnHost, HostFacts, Inventory
from teig.model.image import Image, ImageFile
from teig.model.job import Job
from teig.model.names import GuestId, HostId, ImageId
from teig.model.pool import DiskRate, PoolRating
from teig.policy.placement import PlacementDecision
from teig.record import dump, load

T = TypeVar("T")
ANSWER_S: Final = 60.0
AUDIT_S: Final = 180.0
BENCH_S: Final = 180.0
UPLOAD_WAIT_S: Final = 900.0
"""How long an upload waits for those before it, which end when they stand still; its caller is asked meanwhile."""
LEFT_S: Final = 60.0
"""How long an address of a host is kept after it was last asked for, where the host has another by then."""
_CHECK_S: Final = 0.5


class SshFleet:
    """Hosts behind SSH. `key` is the server's private key, which the hosts let run their agent and nothing else."""

    def __init__(self, key: asyncssh.SSHKey) -> None:
        self._key = key
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="teig-fleet", daemon=True)
        self._thread.start()
        self._hosts: dict[HostAddress, SshHost] = {}
        self._ways: dict[HostId, dict[HostAddress, float]] = {}
        """When each address of a host was last asked for, by the monotonic clock."""
        self._lock = threading.Lock()

    def host(self, address: HostAddress) -> SshHost:
        """Return the host at an address; nothing is sent to it before it is asked for something."""
        with self._lock:
            ways = self._ways.setdefault(address.id, {})
            ways[address] = time.monotonic()
            if address not in self._hosts:
                self._hosts[address] = SshHost(Link(address, self._key), self._loop)
            if len(ways) > 1:
                self._leave_old(ways)
            return self._hosts[address]

    def forget(self, host: HostId) -> None:
        """End all ways to a host; who asks it all the same goes a new one."""
        with self._lock:
            for address in self._ways.pop(host, {}):
                asyncio.run_coroutine_threadsafe(self._hosts.pop(address).link.close(), self._loop)

    def _leave_old(self, ways: dict[HostAddress, float]) -> None:
        """End the ways to a host that nobody has asked for lately: it was enrolled anew, with another address or key.

        Not at once: who has read the old address just before, as an observer does, must not end the new way for it.
        """
        for address in [known for known, asked in ways.items() if asked < time.monotonic() - LEFT_S]:
            del ways[address]
            asyncio.run_coroutine_threadsafe(self._hosts.pop(address).link.close(), self._loop)

    def close(self) -> None:
        """End all connections and the event loop."""
        with self._lock:
            hosts, self._hosts, self._ways = list(self._hosts.values()), {}, {}
        if not self._thread.is_alive():
            return
        for host in hosts:
            asyncio.run_coroutine_threadsafe(host.link.close(), self._loop).result(10)
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class SshHost:
    """One host: the driver's calls as the agent's verbs. `teig.fleet.driver.Host` says what each does."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        self.link = link
        self._loop = loop
        self._blocking = BlockingJobs(self._ask_blocking)
        self._images: dict[ImageId, threading.Lock] = {}

    def facts(self, timeout_s: float = ANSWER_S) -> HostFacts:
        """Measure the host."""
        return self._load(HostFacts, self._ask("host_facts", {}, timeout_s))

    def audit_facts(self) -> AuditedHost:
        """Read the host's settings and its configuration files."""
        use = Use(Lane.BULK, "reading of its settings for an audit")
        return self._load(AuditedHost, self._ask("audit_facts", {}, AUDIT_S, use))

    def inventory(self, timeout_s: float = ANSWER_S) -> Inventory:
        """Return all guests and foreign domains."""
        return self._load_readable(Inventory, self._ask("inventory", {}, timeout_s), _readable_guests)

    def guest(self, guest: GuestId, timeout_s: float = ANSWER_S) -> GuestOnHost:
        """Return one guest."""
        return self._load_readable(GuestOnHost, self._ask("guest_show", {"guest": guest}, timeout_s), _readable)

    def image_present(self, image: ImageId) -> bool:
        """Return whether the host has an image whole."""
        return self._ask("image_present", {"image": image}).get("present") is True

    def image_put(self, decision: PlacementDecision, image: Image, folder: Path, check: Callable[[], None]) -> None:
        """Send what the host lacks of an image, after checking that our own copy is whole."""
        self._check(decision)
        with self._sending(image.id, check):
            for entry in self._missing(image):
                check_local(image, entry, folder / entry.file, Paced(check))
                self._send(image.id, entry, folder / entry.file, check)

    def pool_bench(self, name: str) -> PoolRating:
        """Measure a volume group's disks."""
        use = Use(Lane.BULK, f"measuring of {name}")
        answer = self._ask("pool_bench", {"pool": name}, BENCH_S, use)
        if "rate" not in answer:  # the first agents answer with the rate alone
            return PoolRating(self._load(DiskRate, answer))
        return self._load(PoolRating, answer)

    def volume_create(self, claim: Claim, decision: PlacementDecision, disk: Disk, pool: str) -> Job:
        """Make a volume that reads as zeros."""
        self._check(decision, claim)
        args = {"index": disk.index, "size_bytes": disk.size_bytes, "pool": pool}
        return self._begin(claim, "volume_create", args, disk.size_bytes)

    def volume_write_image(self, claim: Claim, decision: PlacementDecision, disk: Disk, image: ImageId) -> Job:
        """Put an image onto a volume."""
        self._check(decision, claim)
        return self._begin(claim, "volume_write_image", {"index": disk.index, "image": image}, disk.size_bytes)

    def volume_delete(self, claim: Claim, index: int) -> Job:
        """Remove a volume."""
        return self._begin(claim, "volume_delete", {"index": index})

    def guest_define(self, claim: Claim, decision: PlacementDecision, spec: GuestSpec) -> None:
        """Write the guest's files."""
        self._check(decision, claim)
        self._change(claim, "guest_define", {"spec": _said(spec)})

    def guest_start(self, claim: Claim) -> Job:
        """Start the guest."""
        return self._begin(claim, "guest_start", {})

    def guest_enforce(self, claim: Claim) -> None:
        """Bring the running guest to what its files say."""
        self._change(claim, "guest_enforce")

    def keeper_start(self) -> None:
        """Start the host's keeper."""
        self._ask("keeper_start", {})

    def guest_stop(self, claim: Claim, grace_s: float) -> Job:
        """Stop the guest."""
        return self._begin(claim, "guest_stop", {"grace_s": grace_s})

    def guest_reboot(self, claim: Claim, grace_s: float) -> Job:
        """Stop and start the guest."""
        return self._begin(claim, "guest_reboot", {"grace_s": grace_s})

    def job(self, claim: Claim) -> Job:
        """Return the guest's newest job."""
        try:
            return self._load(Job, self._change(claim, "job_show"))
        except AgentTooOld:
            return self._blocking.newest(claim.guest)

    def job_cancel(self, claim: Claim) -> Job:
        """Cancel the guest's job; with an agent that knows no jobs, it goes on to its end."""
        try:
            return self._load(Job, self._change(claim, "job_cancel"))
        except AgentTooOld:
            return self._blocking.newest(claim.guest)

    def guest_undefine(self, claim: Claim) -> None:
        """Remove the guest's files."""
        self._change(claim, "guest_undefine")
        self._blocking.forget(claim.guest)

    @asynccontextmanager
    async def open_port(self, guest: GuestId, port: int) -> AsyncIterator[ByteStream]:
        """Open a guest's TCP port."""
        use = Use(Lane.STREAMS, f"to port {port}", guest)
        async with self._stream("connect", {"guest": guest, "port": port}, use) as stream:
            yield stream

    @asynccontextmanager
    async def open_console(self, guest: GuestId) -> AsyncIterator[ByteStream]:
        """Open a guest's console."""
        async with self._stream("console", {"guest": guest}, Use(Lane.STREAMS, "to the console", guest)) as stream:
            yield stream

    def _ask(
        self, verb: str, args: dict[str, Any], timeout_s: float = ANSWER_S, use: Use | None = None
    ) -> dict[str, Any]:
        held(check_request, verb, args)
        use = use or Use(Lane.CALLS, verb, str(args.get("guest", "")))
        return self._run(self.link.call(verb, args, timeout_s, use, needs=VERBS[verb].needs))

    def _change(self, claim: Claim, verb: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._ask(verb, {"guest": claim.guest, "fence": claim.fence, **(args or {})})

    def _begin(self, claim: Claim, verb: str, args: dict[str, Any], size_bytes: int | None = None) -> Job:
        """Begin a job; an agent that knows none does the work at once."""
        order = {"verb": verb, "args": args}
        if claim.operation:
            with suppress(AgentTooOld):
                once = {"operation": claim.operation, **order}
                return self._load(Job, self._change(claim, "job_begin_once", once))
        try:
            return self._load(Job, self._change(claim, "job_begin", order))
        except AgentTooOld:
            return self._blocking.begin(claim, verb, args, size_bytes)

    def _ask_blocking(self, verb: str, args: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        use = Use(Lane.BULK, verb, str(args["guest"]), wait_s=timeout_s)
        return self._run(self.link.call(verb, args, timeout_s, use))

    def _load(self, kind: type[T], untrusted_answer: dict[str, Any]) -> T:
        """Return what an agent tells; HostFault where that cannot be so."""
        try:
            return load(kind, untrusted_answer)
        except InvalidRequest as error:
            name = self.link.host.name
            raise HostFault(
                f"The agent on host {name} tells what cannot be: {error.message}", UPGRADE.format(name),
                code="agent_version",
            ) from error  # fmt: skip

    def _load_readable(self, kind: type[T], untrusted_answer: dict[str, Any], readable: Callable[[Any], Any]) -> T:
        """Return what an agent tells, what of it is `readable` where not all is."""
        try:
            return load(kind, untrusted_answer)
        except InvalidRequest:
            return self._load(kind, readable(untrusted_answer))

    def _run(self, work: Coroutine[Any, Any, T], check: Callable[[], None] | None = None) -> T:
        """Do something in the fleet's loop and wait for it; what `check` raises meanwhile ends it."""
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            while check and not concurrent.futures.wait([running], _CHECK_S).done:
                check()
            return running.result()
        except concurrent.futures.CancelledError as error:
            raise self._ended() from error
        finally:
            running.cancel()  # where it has not ended, nobody waits for it any more

    def _check(self, decision: PlacementDecision, claim: Claim | None = None) -> None:
        if decision.host != self.link.host.id or (claim and decision.guest != claim.guest):
            raise InternalFault(
                f"A placement decision for guest {decision.guest} on host {decision.host} was used for another one."
            )

    @contextmanager
    def _sending(self, image: ImageId, check: Callable[[], None]) -> Iterator[None]:
        """Let one at a time send an image: who comes second finds it there."""
        lock = self._images.setdefault(image, threading.Lock())
        while not lock.acquire(timeout=_CHECK_S):
            check()
        try:
            yield
        finally:
            lock.release()

    def _missing(self, image: Image) -> list[ImageFile]:
        """Return the files that the host lacks of an image."""
        missing = self._ask("image_begin", {"image": image.id, "manifest": dump(image.manifest)}).get("missing")
        files = image.manifest.files
        wanted = {str(name) for name in missing} if isinstance(missing, list) else set()
        return [entry for entry in (files.kernel, files.initrd, files.root) if entry.file in wanted]

    def _send(self, image: ImageId, entry: ImageFile, path: Path, check: Callable[[], None]) -> None:
        args = {"image": image, "file": entry.file, "size": entry.size, "sha256": entry.sha256}
        held(check_request, "image_receive", args)
        use = Use(Lane.BULK, f"upload of {entry.file}", wait_s=UPLOAD_WAIT_S)
        timeout_s = UPLOAD_WAIT_S + time_s(entry.size)
        self._run(self.link.upload("image_receive", args, lambda: chunks_of(path, entry.size), timeout_s, use), check)

    @asynccontextmanager
    async def _stream(self, verb: str, args: dict[str, Any], use: Use) -> AsyncIterator[ByteStream]:
        """Open a raw stream, which lives in one task of the fleet's loop: however its user ends, so does it."""
        held(check_request, verb, args)
        opened: concurrent.futures.Future[AgentChannel] = concurrent.futures.Future()
        opened.set_running_or_notify_cancel()  # nobody can cancel it: it is told of every outcome
        life = asyncio.run_coroutine_threadsafe(self._live(verb, args, use, opened), self._loop)
        try:
            yield _Stream(self, await asyncio.wrap_future(opened))
        finally:
            life.cancel()

    async def _live(
        self, verb: str, args: dict[str, Any], use: Use, opened: concurrent.futures.Future[AgentChannel]
    ) -> None:
        try:
            async with self.link.stream(verb, args, ANSWER_S, use) as channel:
                opened.set_result(channel)
                await asyncio.Event().wait()  # until it is cancelled
        except asyncio.CancelledError:
            if not opened.done():
                opened.set_exception(self._ended())
            raise
        except Exception as error:  # noqa: BLE001  (whoever waits for the stream is told, whatever it is)
            if not opened.done():
                opened.set_exception(error)

    async def raw(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something with a raw stream, from any event loop; foreign errors become Teig's."""
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
        except FOREIGN as error:
            raise translated(self.link.host, error) from error

    def soon(self, call: Any) -> None:
        """Have something called in the fleet's loop."""
        self._loop.call_soon_threadsafe(call)

    def _ended(self) -> Unreachable:
        return Unreachable(f"The connection to host {self.link.host.name} was ended.", "Try again.")


_UNKNOWN: Final = {
    "spec": None, "started": None, "ran_s": None, "answers": None, "held": "", "cpu_time_ns": 0, "dom0_time": None,
    "transfer": None,
}  # fmt: skip
"""What a guest's own files on its host can make unreadable, and what stands for it then."""


def _readable(untrusted_guest: Any) -> Any:
    """Return what an agent says of a guest, without what of it cannot be so, which is that guest's alone."""
    if not isinstance(untrusted_guest, dict):
        return untrusted_guest
    bare = {**untrusted_guest, **_UNKNOWN}
    said = {part: untrusted_guest[part] for part in _UNKNOWN if part in untrusted_guest}
    return {**bare, **{part: value for part, value in said.items() if _fits({**bare, part: value})}}


def _fits(untrusted_guest: dict[str, Any]) -> bool:
    try:
        load(GuestOnHost, untrusted_guest)
    except InvalidRequest:
        return False
    return True


def _said(spec: GuestSpec) -> dict[str, Any]:
    """Return a guest's description without what it leaves unsaid: the first agents do not know of it."""
    plain = dump(spec)
    nics = [{key: value for key, value in nic.items() if key != "also" or value} for nic in plain["nics"]]
    return {**{key: value for key, value in plain.items() if key not in {"out_packets", "cut"} or value}, "nics": nics}


def _readable_guests(untrusted_inventory: dict[str, Any]) -> dict[str, Any]:
    """Return an inventory whose guests are readable."""
    guests = untrusted_inventory.get("guests")
    readable = [_readable(guest) for guest in guests] if isinstance(guests, list) else guests
    return {**untrusted_inventory, "guests": readable}


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


async def _cancel_others() -> None:
    """End what still runs in the fleet's loop, so that nobody waits for it any more."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
