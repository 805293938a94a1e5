"""A name that is set twice.

What: The file assigns to a name that an earlier line assigned to already, without `+=`.

Why: The last one counts. Whoever reads the file from the top sees the first and believes it: this is how a guest gets
512 MiB while everybody is sure that it has 2048.

Example::

    name = "web"
    memory = 2048
    memory = 512

Instead::

    name = "web"
    memory = 512

Fix: Keep the one that is meant. `--fix` removes the earlier line, which changes nothing of the guest; where it shares
its line with something else, it is left to you.

Source: tools/libs/util/libxlu_cfg.c: xl looks a name up from the end of the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule
from teig.xen.config_edit import remove
from teig.xen.config_file import Assignment


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Find assignments that a later one makes void."""
    before: dict[str, Assignment] = {}
    for one in guest.config.assignments:
        first = None if one.added else before.get(one.name)
        before[one.name] = one
        if first is not None:
            line = guest.config.lines.place(one.span.start).line
            text = f"{one.name} is set again on line {line}, so this value is not used."
            yield guest.found(first.name_span, text, remove(guest.config, first))


RULE = GuestRule("CFG004", Severity.WARNING, check)
