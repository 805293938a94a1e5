"""An image: the root file system that guests are made from, with the kernel that boots it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from teig.model.errors import InvalidRequest
from teig.model.names import ImageId, check_name

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


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
        if not _FILE.fullmatch(self.file) or not _SHA256.fullmatch(self.sha256) or self.size <= 0:
            raise InvalidRequest(
                f"The image's manifest names a file that cannot be one: {self.file!r}.", "Build the image again."
            )


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
        if not re.fullmatch(r"[\x20-\x7e]{0,1024}", self.cmdline) or '"' in self.cmdline or "\\" in self.cmdline:
            raise InvalidRequest(f"Image {self.name}: its kernel command line has characters that are not allowed.")


@dataclass(frozen=True)
class Image:
    """A registered image: its manifest and the identity that follows from it."""

    id: ImageId
    manifest: Manifest
