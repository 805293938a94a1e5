"""A writable disk that is a file.

What: A disk that the guest writes to is an image file on a file system of Domain-0.

Why: Each write goes through QEMU (through a loop device with xm), Domain-0's page cache and a file system with a
journal of its own, and steals Domain-0's processor and memory from all other guests. The elevators of guest, loop
device and disk are stacked, and how much is written when is up to none of them. A logical volume goes from blkback to
the disk.

Example::

    name = "web"
    disk = ["format=raw, vdev=xvda, access=rw, target=/srv/xen/web.img"]

Instead::

    name = "web"
    disk = ["format=raw, vdev=xvda, access=rw, target=/dev/vg0/web"]

Fix: With the guest stopped: `lvcreate -n web -L SIZE vg0`, `qemu-img convert -O raw web.img /dev/vg0/web`, then name
the volume as the target. Nothing is changed by `--fix`.

Source: xl-disk-configuration(5), `backendtype`; Xen wiki, Storage options.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, host: HostSettings | None) -> Iterator[Found]:
    """Find writable image files."""
    kinds = host.kinds if host else {}
    for item in guest.written_disks():
        disk = item.value
        if disk.image_file and kinds.get(disk.path) != "block":
            text = f"{disk.target} is a file, and the guest writes to it: every write goes through Domain-0's own."
            yield guest.found(item.where("target"), f"{text} Use a logical volume.")


RULE = GuestRule("DSK001", Severity.WARNING, check)
