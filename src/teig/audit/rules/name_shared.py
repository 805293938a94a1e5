"""A name in two files.

What: Two files set the same `name`.

Why: Only one of the two guests can run. Whoever destroys or migrates a guest by its name gets the one that happens to.

Example::

    # /etc/xen/a.cfg
    name = "web"
    # /etc/xen/b.cfg
    name = "web"

Instead::

    # /etc/xen/a.cfg
    name = "web"
    # /etc/xen/b.cfg
    name = "shop"

Fix: Rename one. Old copies of a file belong into another directory than /etc/xen.

Source: xl.cfg(5), `name`: "Names of domains existing on a single host must be unique."
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest, first_of
from teig.audit.host import HostSettings
from teig.audit.rule import GuestsRule


def check(guests: Sequence[Guest], _: HostSettings | None) -> Iterator[Found]:
    """Find names that are there twice."""
    seen: dict[str, Guest] = {}
    for guest in guests:
        other = first_of(seen, guest.name, guest) if guest.name else None
        if other is not None:
            yield guest.found("name", f"{other.file} is a guest of the name {guest.name:.60} too.")


RULE = GuestsRule("GST007", Severity.ERROR, check)
