"""root or extra beside cmdline.

What: The file sets `cmdline`, and `root` or `extra` too.

Why: With `cmdline`, xl ignores the other two. A guest whose console or root device stands in `extra` does not get it.

Example::

    name = "web"
    cmdline = "quiet"
    extra = "root=/dev/xvda"

Instead::

    name = "web"
    cmdline = "root=/dev/xvda quiet"

Fix: Put all of it into `cmdline`. Nothing is changed by `--fix`: the guest boots today without what stands there.

Source: xl.cfg(5), `cmdline`: "When cmdline is set, root and extra will be ignored."
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find what cmdline makes void."""
    if guest.has("cmdline"):
        for name in ("root", "extra"):
            if guest.has(name):
                yield guest.found(name, f"xl ignores {name}, because cmdline is set.")


RULE = GuestRule("CFG011", Severity.WARNING, check)
