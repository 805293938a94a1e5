"""A UUID in two files.

What: Two files set the same `uuid`.

Why: Xen refuses the guest that starts second, and everything that knows guests by UUID (xenstore's /vm, monitoring,
libvirt, licences inside the guest) mixes the two up. It is what happens when a configuration file is copied.

Example::

    # /etc/xen/a.cfg
    name = "a"
    uuid = "5a6f8e0c-61f1-4c1a-9b5e-7d7c0f5c1a01"
    # /etc/xen/b.cfg
    name = "b"
    uuid = "5a6f8e0c-61f1-4c1a-9b5e-7d7c0f5c1a01"

Instead::

    # /etc/xen/a.cfg
    name = "a"
    uuid = "5a6f8e0c-61f1-4c1a-9b5e-7d7c0f5c1a01"
    # /etc/xen/b.cfg
    name = "b"
    uuid = "5a6f8e0c-61f1-4c1a-9b5e-7d7c0f5c1a02"

Fix: Give the copy its own, from `uuidgen`.

Source: xl.cfg(5), `uuid`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest, first_of
from teig.audit.host import HostSettings
from teig.audit.rule import GuestsRule


def check(guests: Sequence[Guest], _: HostSettings | None) -> Iterator[Found]:
    """Find UUIDs that are there twice."""
    seen: dict[str, Guest] = {}
    for guest in guests:
        uuid = (guest.text("uuid") or "").lower().replace("-", "")
        other = first_of(seen, uuid, guest) if uuid else None
        if other is not None:
            yield guest.found("uuid", f"{other.file} has the same uuid.")


RULE = GuestsRule("GST008", Severity.ERROR, check)
