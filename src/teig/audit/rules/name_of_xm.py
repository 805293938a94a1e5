"""A name that only xm knew.

What: The file sets a name that xm read and xl ignores.

Why: Such files came along when xm was replaced by xl in Xen 4.1 to 4.5. What the name asked for (a pinned processor, a
device model, the guest's address) is not done any more, and xl says nothing.

Example::

    name = "web"
    cpu = 3

Instead::

    name = "web"
    cpus = "3"

Fix: The finding says what does the same today, where something does. Nothing is changed by `--fix`: doing again what
has not been done for years is your decision.

Source: xmdomain.cfg(5) of Xen 4.4, compared with xl.cfg(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule
from teig.xen.config_keys import KEYS, XM_ONLY


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find names of xm."""
    for name, setting in guest.config.settings.items():
        if name in XM_ONLY and name not in KEYS:
            yield guest.found(setting.last.name_span, f"{name} is a name of xm: {XM_ONLY[name]}")


RULE = GuestRule("CFG002", Severity.WARNING, check)
