"""A guest without a UUID.

What: The file does not set `uuid`.

Why: xl makes up another one at every start. The guest's firmware, its machine id and whatever counts its traffic see a
new machine each time.

Example::

    name = "web"
    memory = 512

Instead::

    name = "web"
    memory = 512
    uuid = "5a6f8e0c-61f1-4c1a-9b5e-7d7c0f5c1a01"

Fix: Add one from `uuidgen`; for a guest that runs, `xl list -l NAME` shows the one that it has. Nothing is changed by
`--fix`: no random numbers are drawn by an audit.

Source: xl.cfg(5), `uuid`: "If not specified, a fresh unique UUID will be generated."
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find files without a UUID."""
    if guest.text("uuid") is None:
        yield guest.found("name", "The guest has no uuid: it is another machine after every start.")


RULE = GuestRule("GST009", Severity.NOTE, check)
