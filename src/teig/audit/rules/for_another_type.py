"""A name that this type of guest does not use.

What: The file sets a name that xl reads for HVM guests only (or for PV, or PVH), and the guest is of another type.

Why: xl never looks at it. Mostly it is a rest of an earlier life of the guest, and it makes the reader believe that
something is there which is not.

Example::

    name = "web"
    type = "pv"
    boot = "cd"

Instead::

    name = "web"
    type = "hvm"
    boot = "cd"

Fix: Remove the line, or correct the type. Nothing is changed by `--fix`: one of the two is wrong, and it may be the
type.

Source: xl.cfg(5), the sections on PV, HVM and PVH guests; tools/xl/xl_parse.c, the switch over the guest's type.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule
from teig.xen.config_keys import KEYS


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find names of other types."""
    for name, setting in guest.config.settings.items():
        key = KEYS.get(name)
        if key is not None and key.types and guest.type not in key.types:
            types = " and ".join(sorted(one.upper() for one in key.types))
            text = f"{name} is for {types} guests; this one is {guest.type.upper()}, and xl ignores it."
            yield guest.found(setting.last.name_span, text)


RULE = GuestRule("CFG005", Severity.NOTE, check)
