"""A lab host with the agent on it, and the driver's way to it, for the tests on real Xen."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from teig.fleet.driver import Claim, Host, HostAddress
from teig.fleet.ssh import SshFleet
from teig.lab.hosts import LabHost
from teig.lab.options import LabOptions
from teig.model.errors import Busy, NotFound, TeigError
from teig.model.guest import Disk, GuestSpec, GuestType, Nic
from teig.model.image import Image
from teig.model.names import GuestId, ImageId
from teig.model.pool import DiskRate
from tests.carried import CarriedHost
from tests.fleet.server import LocalHost
from tests.lab.prepared import SITE, decided, prepared_lab

READY_S = 400
"""How long anything is waited for: lab hosts are emulated, and may share a slow machine with others."""
_fences = itertools.count(1)
_addresses = itertools.count(1)


@dataclasses.dataclass
class Stand:
    """A lab host seen from both sides: `lab` runs commands on it as root, `host` is the driver."""

    lab: LabHost
    key: asyncssh.SSHKey
    address: HostAddress
    fleet: SshFleet
    image: Image
    folder: Path
    made: list[GuestId] = dataclasses.field(default_factory=list)

    @property
    def host(self) -> CarriedHost:
        return CarriedHost(self.fleet.host(self.address))

    def run(self, command: str) -> str:
        return self.lab.run(command, timeout_s=240)

    def spec(self, **changes: Any) -> GuestSpec:
        number = next(_addresses)
        guest = GuestId(str(uuid.uuid4()))
        self.made.append(guest)
        nic = Nic(f"00:16:3e:01:00:{number:02x}", "xenbr0", f"10.77.17.{number}/16", "10.77.0.1")
        return dataclasses.replace(tiny(guest, f"g{number}", self.image.id, nic), **changes)

    def prepare(self, spec: GuestSpec) -> Claim:
        """Do everything up to the start."""
        claim, decision = Claim(spec.id, next(_fences)), decided(spec.id)
        self.host.image_put(decision, self.image, self.folder)
        for disk in spec.disks:
            self.host.volume_create(claim, decision, disk)
        self.host.volume_write_image(claim, decision, spec.disks[0], spec.image)
        self.host.guest_define(claim, decision, spec)
        return claim

    def start(self, spec: GuestSpec) -> Claim:
        """Make a guest, whole and answering."""
        claim = self.prepare(spec)
        self.host.guest_start(claim)
        self.host.guest_wait_ready(spec.id, 80, READY_S)
        return claim

    def remove(self, guest: GuestId) -> None:
        claim = Claim(guest, 2**40 + next(_fences))
        await_that(lambda: self._stopped(claim), "the guest's last verb to end")
        for index in volumes_of(self.host, guest):
            self.host.volume_delete(claim, index)
        self.host.guest_undefine(claim)

    def _stopped(self, claim: Claim) -> bool:
        """Stop a guest, unless a verb that a failed test left behind still holds it."""
        try:
            self.host.guest_stop(claim, 0)
        except Busy:
            return False
        return True

    def left(self) -> list[str]:
        """What is on the host of guests: domains, volumes, files."""
        listing = "find /var/lib/teig/guests -type f ! -name lock ! -name fence ! -name '*.gone'"
        return self.run(f"xl list | tail -n +3; lvs --noheadings -o lv_name; {listing}").split()

    def get(self, spec: GuestSpec, path: str = "/") -> bytes:
        """Fetch a page of a guest through the agent."""

        async def fetch() -> bytes:
            async with self.host.open_port(spec.id, 80) as stream:
                await stream.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                found = b""
                while data := await stream.read(65536):
                    found += data
                return found

        return asyncio.run(asyncio.wait_for(fetch(), 120))


def volumes_of(host: Host | CarriedHost, guest: GuestId) -> tuple[int, ...]:
    """Return the indices of a guest's volumes that are on a host."""
    try:
        return tuple(host.guest(guest).volumes)
    except NotFound:
        return ()


def tiny(guest: GuestId, name: str, image: ImageId, nic: Nic) -> GuestSpec:
    """The smallest guest that tests on hosts make."""
    return GuestSpec(
        id=guest,
        name=name,
        type=GuestType.PV,
        plan="tiny",
        site=SITE,
        image=image,
        memory_mib=96,
        vcpus=1,
        share_cores=0.1,
        ceiling_cores=1.0,
        weight=102,
        cap=0,
        disk_rate=DiskRate(2000, 1000, 32 << 20, 16 << 20),
        out_kbit=50000,
        in_kbit=50000,
        disks=(Disk(0, 64 << 20),),
        nics=(nic,),
    )


def await_that(holds: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + READY_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {READY_S} s: {what}"
        time.sleep(1.0)


@contextmanager
def stand_of(folder: Path, options: LabOptions | None = None) -> Iterator[Stand]:
    with prepared_lab(folder, options) as found:
        fleet = SshFleet(found.key)
        yield Stand(found.host, found.key, found.address, fleet, found.image, found.folder)
        fleet.close()


@pytest.fixture
def key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def there(tmp_path: Path, key: asyncssh.SSHKey) -> Iterator[LocalHost]:
    with LocalHost(tmp_path, key).running() as there:
        yield there


@pytest.fixture
def fleet(key: asyncssh.SSHKey) -> Iterator[SshFleet]:
    fleet = SshFleet(key)
    yield fleet
    fleet.close()


@pytest.fixture(scope="module")
def module_stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand_of(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture
def stand(module_stand: Stand) -> Iterator[Stand]:
    """The host, empty of guests before and after."""
    yield module_stand
    for guest in module_stand.made:
        module_stand.remove(guest)
    module_stand.made.clear()
    assert module_stand.left() == []


@pytest.fixture
def refused() -> Callable[[Callable[[], object]], TeigError]:
    """Return a function that calls something which must fail, and gives the error."""

    def call(work: Callable[[], object]) -> TeigError:
        with pytest.raises(TeigError) as caught:
            work()
        return caught.value

    return call
