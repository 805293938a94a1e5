"""The type given as builder.

What: The file sets `builder` and not `type`.

Why: `builder` is deprecated and cannot say PVH. A new version of xl may stop reading it, and the guest becomes PV.

Example::

    name = "web"
    builder = "hvm"

Instead::

    name = "web"
    type = "hvm"

Fix: `--fix` writes `type` with the same meaning.

Source: xl.cfg(5), Deprecated guest type selection.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule
from teig.xen.config_edit import Edit


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find builders."""
    if not guest.has("builder") or guest.has("type"):
        return
    known = guest.text("builder") in {"hvm", "generic", "linux"} and len(guest.config.settings["builder"].made_by) == 1
    edit = Edit(guest.assignment("builder").span, f'type = "{guest.type}"') if known else None
    yield guest.found("builder", f'builder is deprecated; write type = "{guest.type}".', edit)


RULE = GuestRule("GST001", Severity.NOTE, check)
