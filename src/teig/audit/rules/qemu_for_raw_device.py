"""QEMU between a guest and a raw block device.

What: A disk whose target is a block device of format raw asks for `backendtype=qdisk` or `tap`.

Why: The kernel's blkback takes the guest's requests to the device in a thread of its own, which the host's limits apply
to. With qdisk a QEMU process copies them: more of Domain-0's processor for each request, and for a PV guest a QEMU
that would not be there at all. `tap` is gone from Xen since 4.13.

Example::

    name = "web"
    disk = ["format=raw, vdev=xvda, access=rw, backendtype=qdisk, target=/dev/vg0/web"]

Instead::

    name = "web"
    disk = ["format=raw, vdev=xvda, access=rw, target=/dev/vg0/web"]

Fix: Remove `backendtype`; xl then chooses blkback for a block device. Nothing is changed by `--fix`: whether blkback
is there is not in the file.

Source: xl-disk-configuration(5), `backendtype`: "Normally this option should not be specified".
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find block devices behind QEMU."""
    for item in guest.disks:
        disk = item.value
        if disk.block_device and not disk.cdrom and disk.format == "raw" and disk.backendtype in {"qdisk", "tap"}:
            text = f"backendtype={disk.backendtype} puts QEMU before {disk.target}, where blkback would do."
            yield guest.found(item.where("backendtype"), text)


RULE = GuestRule("DSK006", Severity.WARNING, check)
