"""A disk that is not there.

What: The target of a disk does not exist on the host.

Why: The guest does not start. Mostly the volume was renamed or removed, and the guest runs on until its next reboot.

Example::

    name = "web"
    disk = ["format=raw, vdev=xvda, access=rw, target=/dev/vg0/missing"]

Instead::

    name = "web"
    disk = ["format=raw, vdev=xvda, access=rw, target=/dev/vg0/web"]

Fix: Correct the path, activate the volume group (`vgchange -ay`), or remove the line.

Source: the host's own file system.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, host: HostSettings | None) -> Iterator[Found]:
    """Look for the targets."""
    kinds = host.kinds if host else {}
    for item in guest.disks:
        if item.value.target and item.value.target_is_path and kinds.get(item.value.path) == "missing":
            yield guest.found(item.where("target"), f"There is no {item.value.path} on the host.")


RULE = GuestRule("DSK009", Severity.ERROR, check)
