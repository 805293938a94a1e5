"""A disk that is cached in Domain-0's memory.

What: A writable image file, or a disk of another format than raw, without `direct-io-safe`.

Why: For fear of an old kernel bug with network file systems, xl lets QEMU go through Domain-0's page cache. What the
guest has written and not flushed lies in Domain-0's memory, twice as long as it thinks, and is lost with it; and one
guest that writes much pushes everything else out of that memory.

Example::

    name = "web"
    disk = ["format=qcow2, vdev=xvda, access=rw, target=/srv/xen/web.qcow2"]

Instead::

    name = "web"
    disk = ["format=qcow2, vdev=xvda, access=rw, direct-io-safe, target=/srv/xen/web.qcow2"]

Fix: Where the file does not lie on NFS or another network file system, add `direct-io-safe`. Nothing is changed by
`--fix`: whether it does is not in the file.

Source: xl-disk-configuration(5), `direct-io-safe`.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, host: HostSettings | None) -> Iterator[Found]:
    """Find writable disks behind the page cache."""
    kinds = host.kinds if host else {}
    for item in guest.written_disks():
        disk = item.value
        through_qemu = disk.script is None and (disk.image_file or disk.format != "raw")
        if through_qemu and not disk.direct_io_safe and kinds.get(disk.path) != "block":
            yield guest.found(item.where("target"), f"{disk.target} is cached in Domain-0: add direct-io-safe.")


RULE = GuestRule("DSK005", Severity.NOTE, check)
