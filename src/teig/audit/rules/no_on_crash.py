"""What happens after a crash is not said.

What: The file does not set `on_crash`.

Why: The default is to destroy the guest. A kernel panic at three in the morning then leaves nothing: no guest, no
memory image, no word. Whether it is to come back or to stay for a look should be somebody's decision.

Example::

    name = "web"
    memory = 512

Instead::

    name = "web"
    memory = 512
    on_crash = "restart"

Fix: Set `on_crash` to `restart` for guests that must be there, to `destroy` where something else starts them again, to
`coredump-restart` while a crash is being looked into. Nothing is changed by `--fix`.

Source: xl.cfg(5), Event Actions: "Default is destroy."
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find files without it."""
    if guest.text("on_crash") is None:
        yield guest.found("name", "on_crash is not set: after a crash the guest is gone without a trace.")


RULE = GuestRule("GST003", Severity.NOTE, check)
