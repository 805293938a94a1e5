"""The hosts of `scale.py`, in a process of their own: `scale_hosts.py HOSTS GUESTS`.

Each is a simulated host behind a real SSH server on an address of its own, and speaks the agent's protocol: what
servers ask passes SSH and the real encoder and parser. It prints its port when all listen, and takes orders on standard
input: `silence N` cuts the connections of the first N hosts and leaves new ones without an answer, `wake` ends that. It
ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh

sys.path.append(str(Path(__file__).parents[1]))  # the tests stand beside the benchmarks

from scale_world import HOST_CORES, HOST_MIB, POOL, Size, guests_of, host_ip, host_name, image
from teig.agent.contract.protocol import CAPABILITIES, PROTOCOL
from teig.fleet.agent_bundle import bundle
from teig.fleet.driver import Claim
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import TeigError
from teig.model.guest import Disk, GuestSpec
from teig.model.names import GuestId, HostId, ImageId
from teig.policy.placement import _SEAL, PlacementDecision
from teig.record import dump, load

DOWN_EVERY = 97
"""One guest of so many does not run though it should: it is what lists of drift have to tell."""


def simulated(size: Size, number: int) -> SimulatedHost:
    """Return a host on which its guests run, but for one in `DOWN_EVERY`."""
    host = SimulatedHost(host_name(number), memory_mib=HOST_MIB, cores=HOST_CORES)
    host.images.add(image().id)
    for spec in guests_of(size, number):
        claim, decision = Claim(spec.id, 1), decided(spec.id)
        for disk in spec.disks:
            host.volume_create(claim, decision, disk, POOL)
        host.volume_write_image(claim, decision, spec.disks[0], image().id)
        host.guest_define(claim, decision, spec)
        if int(spec.name[1:]) % DOWN_EVERY:
            host.guest_start(claim)
    guests = host.inventory().guests
    down = [guest for guest in guests if not guest.runs]
    if len(down) > 1 + len(guests) // DOWN_EVERY:
        raise AssertionError(f"{len(down)} of {len(guests)} guests do not run on {host.name}")
    return host


def decided(guest: GuestId) -> PlacementDecision:
    """Return what a simulated host wants to see and does not read."""
    return PlacementDecision(_SEAL, guest, HostId("here"), "lab")


def answer(host: SimulatedHost, verb: str, args: dict[str, Any]) -> dict[str, Any]:
    """Do what an agent does for a verb."""
    if verb == "hello":
        return {"protocol": PROTOCOL, "version": bundle().version, "capabilities": list(CAPABILITIES)}
    if verb == "inventory":
        for guest in host.guests:  # nearly all have sent something between two looks
            host.transfer(guest, 10**6, 10**6)
    if verb in {"host_facts", "inventory"}:
        return dict(dump(host.facts() if verb == "host_facts" else host.inventory()))
    if verb == "image_present":
        return {"present": host.image_present(ImageId(args["image"]))}
    if verb == "guest_show":
        return dict(dump(host.guest(GuestId(args["guest"]))))
    return changed(host, verb, Claim(GuestId(args["guest"]), args["fence"]), args)


def changed(host: SimulatedHost, verb: str, claim: Claim, args: dict[str, Any]) -> dict[str, Any]:
    """Do what an agent does for a verb that changes a guest."""
    if verb == "guest_define":
        host.guest_define(claim, decided(claim.guest), load(GuestSpec, args["spec"]))
        return {}
    if verb in {"job_begin", "job_begin_once"}:
        return begun(host, replace(claim, operation=args.get("operation", "")), args["verb"], args["args"])
    result = getattr(host, {"job_show": "job"}.get(verb, verb))(claim)
    return dict(dump(result)) if result is not None else {}


def begun(host: SimulatedHost, claim: Claim, verb: str, args: dict[str, Any]) -> dict[str, Any]:
    """Begin a job."""
    if verb == "volume_create":
        disk = Disk(args["index"], args["size_bytes"])
        return dict(dump(host.volume_create(claim, decided(claim.guest), disk, args["pool"])))
    if verb == "volume_write_image":
        disk = Disk(args["index"], 4 << 20)
        return dict(dump(host.volume_write_image(claim, decided(claim.guest), disk, ImageId(args["image"]))))
    return dict(dump(getattr(host, verb)(claim, **args)))


class _Open(asyncssh.SSHServer):
    """Lets everybody in."""

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        return False


class Hosts:
    """All hosts, their listening sockets, and which of them are silent."""

    def __init__(self, size: Size) -> None:
        self._hosts = [simulated(size, number) for number in range(size.hosts)]
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._silent: set[int] = set()
        self._connections: dict[int, set[asyncssh.SSHServerConnection]] = {}
        self._unanswered: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Listen on all addresses and do as is told until standard input ends."""
        port = 0
        for number in range(len(self._hosts)):
            listening = socket.create_server((host_ip(number), port), backlog=64)
            listening.setblocking(False)
            port = listening.getsockname()[1]
            self._start(self._accept(number, listening))
        key = self._key.export_public_key().decode().strip()
        print(json.dumps({"port": port, "host_key": key}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            word, _, count = line.partition(" ")
            self._silence(int(count) if word == "silence" else 0)
            print("done", flush=True)

    def _silence(self, count: int) -> None:
        self._silent = set(range(count))
        for number in self._silent:
            for connection in list(self._connections.get(number, ())):
                connection.abort()
        if not count:
            for waiting in self._unanswered:
                waiting.close()
            self._unanswered.clear()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, number: int, listening: socket.socket) -> None:
        while True:
            sock, _ = await asyncio.get_running_loop().sock_accept(listening)
            if number in self._silent:
                self._unanswered.append(sock)  # it says nothing, not even who it is
            else:
                self._start(self._serve(number, sock))

    async def _serve(self, number: int, sock: socket.socket) -> None:
        with suppress(OSError, asyncssh.Error):
            connection = await asyncssh.run_server(
                sock,
                server_factory=_Open,
                server_host_keys=[self._key],
                process_factory=lambda process: self._agent(number, process),
                encoding=None,
            )
            mine = self._connections.setdefault(number, set())
            mine.add(connection)
            await connection.wait_closed()
            mine.discard(connection)

    async def _agent(self, number: int, process: asyncssh.SSHServerProcess[bytes]) -> None:
        host = self._hosts[number]
        with suppress(OSError, asyncssh.Error, asyncio.IncompleteReadError):
            while line := await process.stdin.readline():
                request = json.loads(line)
                try:
                    told = {"ok": answer(host, request["verb"], request["args"])}
                except TeigError as error:
                    told = {"error": error.as_record()}
                process.stdout.write(json.dumps({"id": request["id"], **told}, separators=(",", ":")).encode() + b"\n")
        process.exit(0)


class HostsProcess:
    """The process, as others see it: the port and host key of all hosts, and how to silence some."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        told = json.loads(self._line())
        self.port = int(told["port"])
        self.host_key = str(told["host_key"])

    def silence(self, count: int) -> None:
        """Have so many hosts not answer, and all others again."""
        assert self._process.stdin
        self._process.stdin.write(f"silence {count}\n" if count else "wake\n")
        self._process.stdin.flush()
        self._line()

    def _line(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the hosts' process has ended")
        return line


@contextmanager
def hosts_running(size: Size) -> Iterator[HostsProcess]:
    """Have all hosts answer until the block ends."""
    argv = [sys.executable, __file__, str(size.hosts), str(size.guests)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield HostsProcess(process)
    finally:
        process.kill()
        process.wait(timeout=30)


if __name__ == "__main__":
    asyncio.run(Hosts(Size(int(sys.argv[1]), int(sys.argv[2]), 0)).run())
