"""The boot loader's arguments as one string.

What: `bootloader_args` is a string.

Why: xl splits it at blanks and warns that this is deprecated. An argument with a blank in it cannot be given this way.

Example::

    name = "web"
    bootloader_args = "-q --offset=512"

Instead::

    name = "web"
    bootloader_args = ["-q", "--offset=512"]

Fix: `--fix` writes the list that xl makes of it.

Source: xl.cfg(5), `bootloader_args`.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule
from teig.xen.config_edit import quoted, replace


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find arguments in one string."""
    value = guest.text("bootloader_args")
    if value is not None:
        setting = guest.config.settings["bootloader_args"]
        single = len(setting.made_by) == 1
        edit = replace(setting.value, "[" + ", ".join(quoted(one) for one in value.split()) + "]") if single else None
        yield guest.found("bootloader_args", "bootloader_args should be a list of strings.", edit)


RULE = GuestRule("CFG010", Severity.NOTE, check)
