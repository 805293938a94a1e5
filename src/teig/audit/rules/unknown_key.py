"""A name that xl does not know.

What: The file sets a name that is neither in xl.cfg(5) nor read by xl.

Why: xl says nothing of names that it does not know. A misspelt `memory` or `on_crash` is as if it were not there, and
the guest runs with the default until somebody wonders.

Example::

    name = "web"
    memroy = 2048

Instead::

    name = "web"
    memory = 2048

Fix: Correct the name, or remove the line. A name that belongs to another program is silenced with
`# teig: ignore CFG001`. Nothing is changed by `--fix`: nobody but you knows what was meant.

Source: xl.cfg(5); tools/xl/xl_parse.c asks for the names that it knows and never lists the others.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule
from teig.xen.config_keys import KEYS, XM_ONLY

MOST_HINTS = 50
"""A file with more unknown names is none of xl's; looking for what each may mean takes time."""


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find unknown names."""
    unknown = [setting for name, setting in guest.config.settings.items() if name not in KEYS and name not in XM_ONLY]
    for number, setting in enumerate(unknown):
        name = setting.name
        near = difflib.get_close_matches(name[:40], KEYS, n=1, cutoff=0.75) if number < MOST_HINTS else []
        hint = f" Is {near[0]} meant?" if near else ""
        yield guest.found(setting.last.name_span, f"xl does not know {name:.60} and ignores it.{hint}")


RULE = GuestRule("CFG001", Severity.WARNING, check)
