"""An image: the root file system that guests are made from, with the kernel that boots it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from teig.agent.contract.arguments import check, port, whole
from teig.agent.contract.spec import image_file, parse_manifest
from teig.model.contract import held
from teig.model.names import ImageId, check_name

_HERE = {"min_memory_mib": whole(0, 2**30), "min_disk_mib": whole(0, 2**40), "ready_port": port}
"""What this side alone reads."""


class NetworkSetup(StrEnum):
    """How a guest learns its address."""

    KERNEL_IP = "kernel-ip"
    """The kernel argument `ip=` (Linux, Documentation/admin-guide/nfs/nfsroot.rst)."""
    NOCLOUD = "nocloud"
    """cloud-init's NoCloud data source: a small disk with the label CIDATA."""


@dataclass(frozen=True)
class ImageFile:
    """One file of an image: its name, the SHA-256 of its bytes and its size in bytes.

    `raw_size` is what a compressed file (`.gz`) holds, in bytes; None where the file is not compressed.
    """

    file: str
    sha256: str
    size: int
    raw_size: int | None = None

    def __post_init__(self) -> None:
        """Refuse names that could leave the image's directory, and sums that are none."""
        held(image_file, "file", vars(self))


@dataclass(frozen=True)
class ImageFiles:
    """The three files an image has: what Xen boots and what goes onto the volume."""

    kernel: ImageFile
    initrd: ImageFile
    root: ImageFile


@dataclass(frozen=True)
class Manifest:
    """What is in an image, as its `manifest.json` says.

    `cmdline` is the kernel's; `ready_port` the TCP port that answers once the guest is up. `default_user` is who the
    first SSH key lets in, None where the image has no SSH server.
    """

    name: str
    version: str
    recipe: str
    arch: str
    files: ImageFiles
    cmdline: str
    network: NetworkSetup
    ssh: bool
    default_user: str | None
    min_memory_mib: int
    min_disk_mib: int
    ready_port: int

    def __post_init__(self) -> None:
        """Refuse a manifest that no guest could be made from."""
        check_name("image", self.name)
        files = {name: vars(file) for name, file in vars(self.files).items()}
        held(lambda _, manifest: parse_manifest(manifest), self.name, {**vars(self), "files": files})
        held(lambda _, here: check(_HERE, here), self.name, {name: getattr(self, name) for name in _HERE})


@dataclass(frozen=True)
class Image:
    """A registered image: its manifest and the identity that follows from it."""

    id: ImageId
    manifest: Manifest
