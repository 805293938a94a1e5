"""Guests of a benchmark's own making on a lab host: by the driver alone, with no server, so that no server keeps them.

`Bench.sample` reads Xen's own account of processor time in Domain-0, where the clock and the account are read together.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import asyncssh

sys.path.append(str(Path(__file__).parents[1]))  # the tests stand beside the benchmarks

from tests.carried import CarriedHost

from teig.fleet.driver import Claim, HostAddress
from teig.fleet.install import installed, installer
from teig.fleet.ssh import SshFleet
from teig.lab import images
from teig.lab.hosts import LabHost
from teig.lab.lab import running_lab
from teig.lab.options import LabOptions
from teig.model.guest import Disk, GuestSpec, GuestType, Nic
from teig.model.image import Image, Manifest
from teig.model.names import GuestId, HostId, ImageId
from teig.model.pool import DiskRate
from teig.policy.placement import _SEAL, PlacementDecision
from teig.record import load
from teig.xen.scheduler import weight_for

HOST = HostId("bench")
FAST = DiskRate(1_000_000, 1_000_000, 1 << 34, 1 << 34)
READY_S = 400
XEN = """
import glob, sys
sys.path += glob.glob("/usr/lib/xen-*/lib/python") + glob.glob("/usr/lib/xen-*/lib/python*/site-packages")
from xen.lowlevel import xc
xen = xc.xc()
"""
"""Begins a program for Domain-0's Python that asks the hypervisor."""
SETTLE_S = 10
SAMPLE = (
    XEN
    + f"SETTLE = {SETTLE_S}"
    + """
import json, time
seconds, wait, cores = [float(word) for word in sys.argv[1:4]]
busy = [int(word) for word in sys.argv[4:]]
look = lambda: (time.monotonic(), {row["domid"]: row["cpu_time"] / 1e9 for row in xen.domain_getinfo()})
def sample(seconds):
    (begin, first) = look()
    time.sleep(seconds)
    (end, last) = look()
    return end - begin, {domid: last[domid] - first[domid] for domid in first if domid in last}
until = time.monotonic() + wait
while busy:
    elapsed, used = sample(2.0)
    if all(used.get(domid, 0.0) > cores * elapsed for domid in busy):
        break
    if time.monotonic() > until:
        sys.exit("not all of domains %s have begun: %s in %.1f s" % (busy, used, elapsed))
print("begun", flush=True)
time.sleep(SETTLE if busy else 0)  # until all of their vCPUs are
print(json.dumps(sample(seconds)))
"""
)
BEGIN_S = 90.0
"""Within which all guests must have begun that are to be busy."""
BUSY_CORES = 0.03


@dataclasses.dataclass
class Bench:
    """A lab host with the agent and its keeper."""

    lab: LabHost
    host: CarriedHost
    image: Image
    folder: Path
    numbers: Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))

    def start(
        self,
        *,
        vcpus: int = 1,
        share: float = 0.1,
        cap: int = 0,
        rate: DiskRate = FAST,
        memory_mib: int = 96,
        kind: GuestType = GuestType.PV,
        disks_mib: tuple[int, ...] = (64,),
        before: Callable[[GuestSpec], None] | None = None,
        **changes: Any,
    ) -> GuestSpec:
        """Make a guest and wait until it answers; `before` is called before its start, `changes` are of its spec."""
        number = next(self.numbers)
        spec = GuestSpec(
            id=GuestId(str(uuid.uuid4())), name=f"b{number}", type=kind, plan="bench", site="lab",
            image=self.image.id, memory_mib=memory_mib, vcpus=vcpus, share_cores=share, ceiling_cores=vcpus,
            weight=weight_for(share, vcpus), cap=cap, disk_rate=rate, out_kbit=100_000, in_kbit=100_000,
            disks=tuple(Disk(index, mib << 20) for index, mib in enumerate(disks_mib)),
            nics=(Nic(f"00:16:3e:02:00:{number:02x}", "xenbr0", f"10.77.18.{number}/16", "10.77.0.1"),),
        )  # fmt: skip
        spec = dataclasses.replace(spec, **changes)
        claim, decision = Claim(spec.id, 1), PlacementDecision(_SEAL, spec.id, HOST, "lab")
        self.host.image_put(decision, self.image, self.folder)
        for disk in spec.disks:
            self.host.volume_create(claim, decision, disk)
        self.host.volume_write_image(claim, decision, spec.disks[0], spec.image)
        self.host.guest_define(claim, decision, spec)
        if before:
            before(spec)
        self.host.guest_start(claim)
        self.ready(spec)
        return spec

    def ready(self, spec: GuestSpec) -> None:
        """Wait until the guest answers and every limit is in force."""
        self.host.guest_wait_ready(spec.id, 80, READY_S)
        deadline = time.monotonic() + 60
        while self.host.guest(spec.id).live != spec.entitled:
            if time.monotonic() > deadline:
                raise SystemExit(f"the limits of {spec.name} are not in force: {self.host.guest(spec.id).live}")
            time.sleep(0.5)

    def stop(self, *specs: GuestSpec) -> None:
        """Take guests away."""
        for spec in specs:
            claim = Claim(spec.id, 2)
            self.host.guest_stop(claim, 0)
            for disk in spec.disks:
                self.host.volume_delete(claim, disk.index)
            self.host.guest_undefine(claim)

    def domid(self, spec: GuestSpec) -> int:
        """Return the guest's domain."""
        domid: int | None = self.host.guest(spec.id).domid
        if domid is None:
            raise SystemExit(f"{spec.name} does not run")
        return domid

    def charged(self, spec: GuestSpec, what: str) -> int:
        """Return the bytes that the kernel has counted against the guest's control group: `read` or `write`."""
        lines = self.lab.run(f"cat /sys/fs/cgroup/teig/{spec.id}/io.stat").splitlines()
        key = f"{what[0]}bytes="
        return max((int(line.split(key)[1].split()[0]) for line in lines if key in line), default=0)

    def ask(self, spec: GuestSpec, path: str) -> Any:
        """Return the JSON, or text, that the guest answers."""
        body = asyncio.run(self._get(spec, path)).split(b"\r\n\r\n", 1)[1].decode()
        return json.loads(body) if body.startswith("{") else body

    async def _get(self, spec: GuestSpec, path: str) -> bytes:
        async with self.host.open_port(spec.id, 80) as stream:
            await stream.write(f"GET /cgi-bin/{path} HTTP/1.0\r\n\r\n".encode())
            found = b""
            while data := await stream.read(65536):
                found += data
            return found

    def sample(
        self, seconds: float, busy: Collection[int] = (), meanwhile: AbstractContextManager[None] | None = None
    ) -> tuple[float, dict[int, float]]:
        """Return the seconds that passed, and the processor time that each domain used in them.

        They begin some seconds after all domains in `busy` use the processor, and in `meanwhile`. That is waited for in
        Domain-0, so that it is seen at once however busy that is.
        """
        argv = self.lab.ssh_argv("python3", "-", *map(str, (seconds, BEGIN_S, BUSY_CORES, *busy)))
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            limit = threading.Timer(seconds + 2 * BEGIN_S, process.kill)
            limit.start()
            assert process.stdin, "it is a pipe"
            assert process.stdout, "it is one, too"
            process.stdin.write(SAMPLE.encode())
            process.stdin.close()
            begun = process.stdout.readline()
            with meanwhile or nullcontext():
                told = process.stdout.read()
            limit.cancel()
        if not begun or process.returncode:
            raise SystemExit(f"domains {list(busy)} could not be measured")
        elapsed, used = json.loads(told)
        return elapsed, {int(domid): value for domid, value in used.items()}


@contextmanager
def bench(options: LabOptions) -> Iterator[Bench]:
    """Have a lab host with the agent on it, and take all of it down at the end."""
    built = images.build("micro")
    image = Image(ImageId("a" * 64), load(Manifest, built.manifest))
    key = asyncssh.generate_private_key("ssh-ed25519")
    fleet = SshFleet(key)
    with tempfile.TemporaryDirectory(prefix="tb-") as state, running_lab(options, Path(state)) as lab:
        host = lab.hosts[0]
        try:
            yield Bench(host, CarriedHost(fleet.host(_install(host, key))), image, built.folder)
        finally:
            fleet.close()


def _install(lab: LabHost, key: asyncssh.SSHKey) -> HostAddress:
    command, data = installer(key.export_public_key().decode().strip())
    argv = lab.ssh_argv(*command)
    done = subprocess.run(argv, input=data, capture_output=True, timeout=300, check=False)
    told = installed(done.stdout.decode())
    return HostAddress(HOST, lab.name, lab.address, lab.ssh_port, told.host_keys[0])
