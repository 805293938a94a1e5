"""A lab host with the agent and image micro on it, as most tests on real Xen need it: made once, then resumed.

Installing the agent and sending an image take minutes of an emulated processor, and each group of tests has a host of
its own. What a host is made from is in the snapshot's name; snapshots of other agents or images are removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from teig.cli import enrolment
from teig.cli.enrolment import Login
from teig.control.images import identity
from teig.fleet.driver import HostAddress
from teig.fleet.install import agent_version
from teig.fleet.ssh import SshFleet
from teig.lab import accelerator, seed, snapshots
from teig.lab.hosts import LabHost
from teig.lab.images import build, silent
from teig.lab.lab import Lab, running_lab
from teig.lab.options import LabOptions
from teig.model.image import Image, Manifest
from teig.model.names import GuestId, HostId
from teig.policy import placement
from teig.policy.placement import PlacementDecision
from teig.record import load

HOST_ID = HostId("lab-host")
SITE = "lab"
_PREFIX = "tests-"
_FORM = "3"
"""What is done to a host here; another word where that changes."""
_NOBODY = GuestId("00000000-0000-4000-8000-000000000000")


@dataclass(frozen=True)
class Prepared:
    """A running lab whose host lets `key` run the agent and has `image`, which lies in `folder` here."""

    lab: Lab
    key: asyncssh.SSHKey
    address: HostAddress
    image: Image
    folder: Path

    @property
    def host(self) -> LabHost:
        return self.lab.hosts[0]


@contextlib.contextmanager
def prepared_lab(state_dir: Path, options: LabOptions | None = None) -> Iterator[Prepared]:
    """Have a lab of one prepared host: resumed, or made here where other `options` are asked for."""
    image, folder = micro()
    key = _key()
    if options is not None:
        with running_lab(options, state_dir) as lab:
            yield _prepare(lab, key, image, folder)
        return
    with running_lab(LabOptions(), state_dir, snapshot=_snapshot(key, image, folder)) as lab:
        host = lab.hosts[0]
        yield Prepared(lab, key, _address(host), image, folder)


def micro() -> tuple[Image, Path]:
    """Return image micro, built if need be, and where its files are."""
    built = build("micro")
    manifest = load(Manifest, built.manifest)
    return Image(identity(manifest), manifest), built.folder


def decided(guest: GuestId) -> PlacementDecision:
    """Return the decision to have a guest on the lab's host."""
    return PlacementDecision(placement._SEAL, guest, HOST_ID, SITE)


def _snapshot(key: asyncssh.SSHKey, image: Image, folder: Path) -> str:
    """Return the name of the snapshot; one process makes it, the others wait."""
    with _locked(), tempfile.TemporaryDirectory(prefix="teig-tests-") as state_dir:
        options, dom0 = LabOptions(), build("dom0")
        booted = snapshots.booted(dom0, options, accelerator.choose(dom0, options), 1, silent, Path(state_dir))
        parts = [_FORM, booted.name, _public(key), agent_version(), image.id]
        name = f"{_PREFIX}{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:12]}"
        if not (snapshots.named_dir() / name).exists():
            for other in snapshots.named_dir().glob(f"{_PREFIX}*"):
                shutil.rmtree(other)
            with running_lab(options, Path(state_dir)) as lab:
                _prepare(lab, key, image, folder)
                lab.save(name)
            _share_processor(snapshots.named_dir() / name / "snapshot.json")
        return name


def _share_processor(file: Path) -> None:
    """Let a saved host emulate its processors in turns, on one of this machine's: two hosts run side by side here.

    With a thread for each, four of them would share two processors, and one that holds a lock of the kernel's or of
    Xen's would often be the one that waits: a guest's start then takes a quarter longer.
    """
    record = json.loads(file.read_text())
    file.write_text(json.dumps({**record, "accel": record["accel"].replace("thread=multi", "thread=single")}) + "\n")


def _prepare(lab: Lab, key: asyncssh.SSHKey, image: Image, folder: Path) -> Prepared:
    host = lab.hosts[0]
    address = _address(host)
    # Back ends serve a guest with as many queues as Domain-0 has vCPUs when their modules are loaded, and the keeper
    # leaves it one: two queues are the harder case.
    host.run("modprobe -a xen-blkback xen-netback")
    enrolment.install(Login(f"root@{host.name}", host.ssh_config), _public(key))
    fleet = SshFleet(key)
    try:
        fleet.host(address).image_put(decided(_NOBODY), image, folder, lambda: None)
    finally:
        fleet.close()
    return Prepared(lab, key, address, image, folder)


def _address(host: LabHost) -> HostAddress:
    return HostAddress(HOST_ID, host.name, host.address, host.ssh_port, host.host_key)


def _key() -> asyncssh.SSHKey:
    """Return the key that prepared hosts let in, made now if there is none."""
    return asyncssh.read_private_key(seed._keys("tests").private)


def _public(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key().decode().split()[:2])


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    with (seed.lab_dir() / ".tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
