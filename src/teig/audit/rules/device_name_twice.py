"""Two disks of one name.

What: Two disks of a guest have the same `vdev`.

Why: Xen makes one of them, or refuses the guest: "Device already exists". Which one the guest gets depends on the
order.

Example::

    name = "web"
    disk = [
        "format=raw, vdev=xvda, access=rw, target=/dev/vg0/web",
        "format=raw, vdev=xvda, access=rw, target=/dev/vg0/web-data",
    ]

Instead::

    name = "web"
    disk = [
        "format=raw, vdev=xvda, access=rw, target=/dev/vg0/web",
        "format=raw, vdev=xvdb, access=rw, target=/dev/vg0/web-data",
    ]

Fix: Give each disk its own name; xvda, sda and hda are three.

Source: xen-vbd-interface(7).
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find names that are taken."""
    seen: set[str] = set()
    for item in guest.disks:
        vdev = item.value.vdev or ""
        if vdev and vdev in seen:
            yield guest.found(item.where("vdev"), f"Another disk of this guest is {vdev} already.")
        seen.add(vdev)


RULE = GuestRule("DSK008", Severity.ERROR, check)
