"""A UUID that is none.

What: `uuid` is not 32 hexadecimal digits, with or without hyphens.

Why: xl refuses the file: "Failed to parse UUID".

Example::

    name = "web"
    uuid = "web-1"

Instead::

    name = "web"
    uuid = "5a6f8e0c-61f1-4c1a-9b5e-7d7c0f5c1a01"

Fix: Write one from `uuidgen`.

Source: xl.cfg(5), `uuid`; tools/libs/light/libxl_uuid.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find what is no UUID."""
    uuid = guest.text("uuid")
    if uuid is not None and not _UUID.fullmatch(uuid):
        yield guest.found("uuid", f"{uuid!r:.60} is no UUID; xl refuses the file.")


RULE = GuestRule("GST012", Severity.ERROR, check)
