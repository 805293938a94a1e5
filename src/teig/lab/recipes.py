"""What the lab's images are made of: one recipe each, and the folder of files beside it.

A recipe's hash covers everything that decides what comes out (packages, files, scripts), so an image whose recipe did
not change is never built twice. Neighbours: `images` builds them; `recipes/` holds the files.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from teig.model.errors import NotFound

FOLDER: Final = Path(__file__).parent / "recipes"
FORMAT: Final = 1
"""Changes when the builder itself does in a way that changes images."""


@dataclass(frozen=True)
class Recipe:
    """One image: Debian packages, how mmdebstrap treats them, and what its manifest says.

    `variant` and `hook` are mmdebstrap's: packages of `extract` are only unpacked. `space_mib` is what a build needs on
    the disk. `manifest` is None for the lab's own hosts, which no guest is made from.
    """

    name: str
    variant: str
    hook: str
    packages: tuple[str, ...]
    space_mib: int
    manifest: dict[str, Any] | None = None

    @property
    def hash(self) -> str:
        """The SHA-256 of the recipe and of all its files, in hexadecimal."""
        digest = hashlib.sha256(json.dumps([FORMAT, asdict(self)], sort_keys=True).encode())
        for folder in ("shared", self.name):
            for path in sorted((FOLDER / folder).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    digest.update(f"{path.relative_to(FOLDER)} {path.stat().st_mode & 0o100:o}\0".encode())
                    digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


_QUARRY = ("linux-image-cloud-amd64", "busybox-static", "e2fsprogs", "libc-bin", "kmod", "bash")

_RECIPES = (
    Recipe(
        name="dom0",
        variant="minbase",
        hook="customize",
        packages=(
            "linux-image-amd64", "xen-hypervisor-4.17-amd64", "xen-utils-4.17", "xenstore-utils",
            "systemd", "systemd-sysv", "udev", "kmod", "openssh-server", "python3",
            "lvm2", "thin-provisioning-tools", "dosfstools", "mtools", "busybox-static",
            "iproute2", "iputils-ping", "nftables", "ebtables",
        ),
        space_mib=4096,
    ),
    Recipe(
        name="micro",
        variant="extract",
        hook="extract",
        packages=_QUARRY,
        space_mib=1024,
        manifest={
            "cmdline": "root=/dev/xvda rw console=hvc0 quiet",
            "network": "kernel-ip",
            "ssh": False,
            "default_user": None,
            "min_memory_mib": 96,
            "min_disk_mib": 16,
            "ready_port": 80,
        },
    ),
    Recipe(
        name="debian",
        variant="minbase",
        hook="customize",
        packages=(
            "linux-image-cloud-amd64", "busybox-static", "e2fsprogs", "systemd", "systemd-sysv", "dbus", "udev",
            "openssh-server", "cloud-init", "sudo", "iproute2", "iputils-ping", "netbase", "ifupdown",
        ),
        space_mib=3072,
        manifest={
            "cmdline": "root=/dev/xvda rw console=hvc0 quiet",
            "network": "nocloud",
            "ssh": True,
            "default_user": "debian",
            "min_memory_mib": 192,
            "min_disk_mib": 1024,
            "ready_port": 22,
        },
    ),
)  # fmt: skip

NAMES: Final = tuple(recipe.name for recipe in _RECIPES)


def recipe(name: str) -> Recipe:
    """Return the recipe of that name; NotFound where there is none."""
    for candidate in _RECIPES:
        if candidate.name == name:
            return candidate
    raise NotFound(f"There is no recipe for an image called {name}.", f"Recipes: {', '.join(NAMES)}.")
