"""A whole server around simulated hosts, and an image to make guests from. For what stands above the drivers."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from teig.control import hosts, images, operations, pools, sites
from teig.control.assembly import services_in
from teig.control.guest_making import Wish
from teig.control.services import Services
from teig.fleet.driver import Fleet
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.guest import Entitled, GuestType
from teig.model.image import Image, ImageFile, ImageFiles, Manifest, NetworkSetup
from teig.model.operation import Operation
from teig.model.site import Site
from teig.model.units import MIB
from teig.policy.admission import Candidate
from teig.store import guests
from teig.store.guests import StoredGuest

SITE = Site("lab", "NO", "us", "10.77.0.0/16", "10.77.0.1", "10.77.16.0", "10.77.16.9", quarantine_s=0)
"""It has few addresses, which are given again at once."""
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX"
TINY = Entitled(
    memory_mib=96,
    maxmem_mib=96,
    vcpus=1,
    weight=102,
    cap=0,
    read_iops=500,
    write_iops=250,
    read_bps=16 * MIB,
    write_bps=8 * MIB,
)
CONTENTS = {"vmlinuz": b"a kernel", "initrd.img": b"an initrd", "root.img.gz": gzip.compress(b"\0" * 4096, mtime=0)}


def manifest(name: str = "micro", ssh: bool = False) -> Manifest:
    files = {file: ImageFile(file, hashlib.sha256(data).hexdigest(), len(data)) for file, data in CONTENTS.items()}
    return Manifest(
        name=name,
        version="1",
        recipe="0" * 64,
        arch="amd64",
        files=ImageFiles(files["vmlinuz"], files["initrd.img"], files["root.img.gz"]),
        cmdline="root=/dev/xvda",
        network=NetworkSetup.KERNEL_IP,
        ssh=ssh,
        default_user="debian" if ssh else None,
        min_memory_mib=64,
        min_disk_mib=16,
        ready_port=80,
    )


def put_image(services: Services, name: str = "micro", ssh: bool = False) -> Image:
    image = Image(images.identity(manifest(name, ssh)), manifest(name, ssh))
    (services.image_dir / image.id).mkdir(parents=True)
    for file, data in CONTENTS.items():
        (services.image_dir / image.id / file).write_bytes(data)
    images.announce(services, image.manifest)
    return image


def wish(name: str, plan: str = "tiny", **changes: object) -> Wish:
    values = {"site": None, "host": None, "type": GuestType.PV, "disks": (), "nics": None, "ssh_keys": ()}
    return Wish(name=name, plan=plan, image="micro", **{**values, **changes})  # type: ignore[arg-type]


def wait(services: Services, operation: Operation, deadline_s: float = 30) -> Operation:
    deadline = time.monotonic() + deadline_s
    while not (found := operations.by_id(services, operation.id)).state.ended:
        assert time.monotonic() < deadline, f"{found.kind} has not ended after {deadline_s} s: {found}"
        time.sleep(0.02)
    return found


def candidate(services: Services, host: str) -> Candidate:
    """Return what a host has and what is reserved there, observed now."""
    found = hosts.view(services, host).candidate
    assert found is not None
    return found


def stored(services: Services) -> list[StoredGuest]:
    """Return what the database holds of all guests, by name."""
    return services.db.read(guests.listed)


@contextmanager
def server(folder: Path, fleet: Fleet, database: sa.URL | None = None) -> Iterator[Services]:
    with services_in(folder, HOST_KEY, fleet, database) as services:
        yield services


@contextmanager
def server_with_hosts(
    folder: Path, *simulated: SimulatedHost, site: Site = SITE, database: sa.URL | None = None
) -> Iterator[Services]:
    with server(folder, SimulatedFleet(list(simulated)), database) as services:
        enrol(services, [host.name for host in simulated], site)
        yield services


def enrol(services: Services, names: list[str], site: Site = SITE) -> None:
    """Add a site, these hosts and an image."""
    sites.add(services, site)
    for name in names:
        hosts.add(services, name, name, 22, HOST_KEY, site.name)
        pools.bench(services, name)
    put_image(services)
