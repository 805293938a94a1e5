"""A guest without a name.

What: The file does not set `name`.

Why: xl refuses it: "Domain name must be specified." The guest cannot start, for example after the host's next boot.

Example::

    memory = 512

Instead::

    name = "web"
    memory = 512

Fix: Add `name = "..."`, different from those of all other guests of the host.

Source: xl.cfg(5), Mandatory Configuration Items.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find files without a name."""
    if guest.text("name") is None:
        yield guest.found("name", "The guest has no name, and xl does not start it.")


RULE = GuestRule("CFG006", Severity.ERROR, check)
