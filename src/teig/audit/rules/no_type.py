"""A guest without a type.

What: The file sets neither `type` nor `builder`.

Why: The guest is then PV on x86 and PVH on Arm. Nobody who reads the file sees which, or whether anybody chose.

Example::

    name = "web"
    memory = 512

Instead::

    name = "web"
    memory = 512
    type = "pv"

Fix: `--fix` writes `type = "pv"`, which is what it is now. Where the kernel can do it and the processor too,
`type = "pvh"` is faster and has less of Xen's code before it.

Source: xl.cfg(5), Selecting Guest Type.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule
from teig.xen.config_edit import insert_after


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find files without a type."""
    if guest.has("type") or guest.has("builder"):
        return
    first = guest.assignment("name") if guest.has("name") else guest.config.assignments[0]
    edit = insert_after(guest.config, first, 'type = "pv"')
    yield guest.found("name", "The guest has no type, and is PV by default; say so.", edit)


RULE = GuestRule("GST002", Severity.NOTE, check)
