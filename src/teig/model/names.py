"""Names and identifiers, and what may be one."""

from __future__ import annotations

from typing import NewType

from teig.agent.contract.arguments import LABEL
from teig.model.errors import InvalidRequest

GuestId = NewType("GuestId", str)
"""A guest's UUID in its canonical form; the domain's UUID in Xen is the same one."""
HostId = NewType("HostId", str)
ImageId = NewType("ImageId", str)
"""The SHA-256 of an image's manifest, in hexadecimal."""
OperationId = NewType("OperationId", str)


def check_name(kind: str, untrusted_name: str) -> str:
    """Return a name that is one DNS label (RFC 1123: 1 to 63 of a-z, 0-9 and hyphen, no hyphen at an end).

    `kind` says what it names, for the message of the InvalidRequest that anything else raises.
    """
    if not LABEL.fullmatch(untrusted_name):
        raise InvalidRequest(
            f"{untrusted_name!r} cannot be the name of a {kind}.",
            "Use 1 to 63 of the characters a-z, 0-9 and -, with no - at either end.",
            code="bad_name",
        )
    if untrusted_name.isdigit():
        raise InvalidRequest(
            f"{untrusted_name!r} cannot be the name of a {kind}: xl would take a bare number for a domain id.",
            "Put a letter into it.",
            code="bad_name",
        )
    return untrusted_name
