"""A mode that is written as a number.

What: `tsc_mode`, `timer_mode` or `altp2m` is set to a number.

Why: xl warns that this is deprecated, and nobody knows what 2 means. The names mean the same in every version.

Example::

    name = "web"
    tsc_mode = 2

Instead::

    name = "web"
    tsc_mode = "native"

Fix: `--fix` puts the name in its place; it means the same.

Source: xl.cfg(5); tools/libs/light/libxl_types.idl of Xen 4.17.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule
from teig.xen.config_edit import quoted, replace

NAMES: Final = {
    "tsc_mode": ("default", "always_emulate", "native", "native_paravirt"),
    "timer_mode": (
        "delay_for_missed_ticks", "no_delay_for_missed_ticks", "no_missed_ticks_pending", "one_missed_tick_pending",
    ),
    "altp2m": ("disabled", "mixed", "external", "limited"),
}  # fmt: skip


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find modes given as numbers."""
    for name, modes in NAMES.items():
        number = guest.number(name)
        if number is None:
            continue
        if 0 <= number < len(modes):
            mode = quoted(modes[number])
            edit = replace(guest.config.settings[name].value, mode)
            yield guest.found(name, f"{name} is a number; its name is {mode}.", edit)
        else:
            yield guest.found(name, f"xl knows no {name} {number}: {', '.join(modes)}.")


RULE = GuestRule("CFG009", Severity.NOTE, check)
