"""A disk in the form of xm.

What: A disk begins with `phy:`, `file:`, `tap:aio:` or another prefix of old times.

Why: xl accepts it for now and ignores most of what it says: `file:` and `tap:` choose nothing any more. The form with
keys says what is meant, and cannot be misread where a path has a comma or a colon.

Example::

    name = "web"
    disk = ["phy:/dev/vg0/web,xvda,w"]

Instead::

    name = "web"
    disk = ["format=raw, vdev=xvda, access=rw, target=/dev/vg0/web"]

Fix: `--fix` writes the same disk with keys.

Source: xl-disk-configuration(5), Deprecated Parameters, Prefixes And Syntaxes.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule
from teig.xen.config_edit import quoted, replace
from teig.xen.disk_spec import modern


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find disks with prefixes."""
    for item in guest.disks:
        if item.value.prefixes:
            new = modern(item.value)
            edit = replace(item.atom, quoted(new)) if new else None
            text = f"{':'.join(item.value.prefixes)}: is the old form of a disk; write keys instead."
            yield guest.found(item.where("prefix"), text, edit)


RULE = GuestRule("DSK007", Severity.NOTE, check)
