"""A writable disk in two files.

What: Two guests have the same disk, and at least one of them may write to it.

Why: File systems are made for one kernel. When both guests run, each writes what it believes to be there, and both lose
data. It is what happens when a configuration file is copied and only the name is changed. xl does not notice where the
device has two names.

Example::

    # /etc/xen/a.cfg
    name = "a"
    disk = ["phy:/dev/vg0/web,xvda,w"]
    # /etc/xen/b.cfg
    name = "b"
    disk = ["phy:/dev/mapper/vg0-web,xvda,w"]

Instead::

    # /etc/xen/a.cfg
    name = "a"
    disk = ["phy:/dev/vg0/iso,xvda,r"]
    # /etc/xen/b.cfg
    name = "b"
    disk = ["phy:/dev/vg0/iso,xvda,r"]

Fix: Give each guest its own volume. For a cluster file system, where sharing is meant, say so with
`# teig: ignore DSK003`.

Source: xl-disk-configuration(5), `access`; Xen's block script refuses it only where it is asked (w against w!).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest, Item
from teig.audit.host import HostSettings, canonical
from teig.audit.rule import GuestsRule
from teig.xen.disk_spec import Disk


def check(guests: Sequence[Guest], host: HostSettings | None) -> Iterator[Found]:
    """Find disks that two lists name, one of them for writing."""
    users: dict[str, list[tuple[Guest, Item[Disk]]]] = {}
    for guest in guests:
        for item in guest.disks:
            if item.value.target and item.value.target_is_path:
                path = item.value.path
                users.setdefault(host.device(path) if host else canonical(path), []).append((guest, item))
    for several in users.values():
        if len(several) > 1 and not all(item.value.readonly for _, item in several):
            yield from _all(several)


def _all(users: list[tuple[Guest, Item[Disk]]]) -> Iterator[Found]:
    for number, (guest, item) in enumerate(users):
        other = users[0 if number else 1][0]
        who = "twice in this file" if other is guest else f"in {other.file} too"
        yield guest.found(item.where("target"), f"{item.value.target} is a disk {who}, and not read-only in both.")


RULE = GuestsRule("DSK003", Severity.ERROR, check)
