"""type and builder that contradict each other.

What: The file sets `type` and `builder` to different things.

Why: xl refuses it: "Contradicting builder and type options specified."

Example::

    name = "web"
    type = "pv"
    builder = "hvm"

Instead::

    name = "web"
    type = "hvm"

Fix: Keep `type`, with what is meant, and remove `builder`.

Source: tools/xl/xl_parse.c.
"""

from __future__ import annotations

from collections.abc import Iterator

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.audit.rule import GuestRule


def check(guest: Guest, _: HostSettings | None) -> Iterator[Found]:
    """Compare type and builder."""
    builder = guest.text("builder")
    if builder is None or not guest.has("type"):
        return
    built = "hvm" if builder == "hvm" else "pv"
    if built != guest.type:
        yield guest.found(
            "builder", f"builder says {built.upper()} and type says {guest.type.upper()}; xl refuses that."
        )


RULE = GuestRule("GST013", Severity.ERROR, check)
