"""A value of the wrong kind.

What: A name is set to a string where xl wants a number, to a single value where it wants a list, or the other way.

Why: xl prints a warning that scrolls by, ignores the value and uses the default. A disk list that is a string means a
guest without disks.

Example::

    name = "web"
    memory = "2G"

Instead::

    name = "web"
    memory = 2048

Fix: Write the value as the finding says. Numbers are decimal, octal with a leading 0, or hexadecimal with 0x; sizes of
memory are in MiB. Nothing is changed by `--fix`.

Source: xl.cfg(5); tools/libs/util/libxlu_cfg.c, xlu_cfg_get_long and xlu_cfg_get_list.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule
from teig.xen.config_keys import KEYS, Kind


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find values that xl ignores for their kind."""
    for name, setting in guest.config.settings.items():
        key = KEYS.get(name)
        if key is None:
            continue
        if not key.kind.takes(setting.value):
            yield guest.found(name, f"{name} must be {key.kind.value}; xl ignores this and uses the default.")
        elif setting.last.added and key.kind in {Kind.NUMBER, Kind.BOOLEAN}:
            yield guest.found(
                name, f"Nothing can be added to a number with +=; xl ignores {name} and uses the default."
            )


RULE = GuestRule("CFG003", Severity.ERROR, check)
