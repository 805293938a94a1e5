"""A guest's disk that Domain-0 uses itself.

What: The target of a disk is mounted in Domain-0, is its swap, or has partitions that are.

Why: Two kernels then write to one file system without knowing of each other, and it is destroyed, mostly within
minutes. Even a read-only mount replays the journal.

Example::

    name = "web"
    disk = ["format=raw, vdev=xvda, access=rw, target=/dev/vg0/mounted"]

Instead::

    name = "web"
    disk = ["format=raw, vdev=xvda, access=rw, target=/dev/vg0/web"]

Fix: Unmount it in Domain-0 (and take it out of /etc/fstab), or give the guest another volume. To look into a guest's
file system, use a snapshot, in a guest that may break.

Source: /proc/mounts and /proc/swaps of the host; xl-disk-configuration(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule

_PARTITION: Final = re.compile(r"p?[0-9]+")


def check(guest: Guest, host: HostSettings | None) -> Iterator[Found]:
    """Compare the disks with what is mounted."""
    for item in guest.disks if host else ():
        where = _use(host, item.value.path) if host and item.value.target else None
        if where is not None:
            text = f"Domain-0 has {item.value.target} in use at {where}: both writing to it destroys what is there."
            yield guest.found(item.where("target"), text)


def _use(host: HostSettings, path: str) -> str | None:
    device = host.device(path)
    for mounted in host.mounted:
        used = host.device(mounted.device)
        if used == device or (used.startswith(device) and _PARTITION.fullmatch(used[len(device) :])):
            return mounted.where
    return None


RULE = GuestRule("DSK002", Severity.ERROR, check)
