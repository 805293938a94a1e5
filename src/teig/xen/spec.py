"""What the small languages inside xl.cfg's strings have in common: `key=value` pairs, numbers, and where they stand.

Neighbours: `disk_spec`, `vif_spec`, `pci_spec` and `keyed_spec`, one for each language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from teig.model.errors import CallerError
from teig.xen.config_text import Span

_LEADING: Final = re.compile(r"[0-9]+")


class BadSpec(CallerError):
    """A string in xl.cfg that xl cannot read: `span` counts from the string's first character."""

    code = "bad_spec"
    exit_code = 1
    http_status = 422

    def __init__(self, span: Span, message: str, todo: str) -> None:
        super().__init__(message, todo)
        self.span = span


class Pair(NamedTuple):
    """One comma-separated part: its key, its value (None where there is no `=`), and where the part stands."""

    key: str
    value: str | None
    span: Span


def pairs(text: str) -> Iterator[Pair]:
    """Yield the parts between commas as xl does: empty ones are left out, blanks before a part too."""
    start = 0
    for part in text.split(","):
        stripped = part.lstrip(" ")
        begin = start + len(part) - len(stripped)
        if part:
            key, equals, value = stripped.partition("=")
            yield Pair(key, value if equals else None, Span(begin, start + len(part)))
        start += len(part) + 1


def leading_number(text: str) -> int:
    """Return what C's atoi reads at the beginning of a text: 0 where there is no number."""
    match = _LEADING.match(text.strip())
    return int(match[0][:9]) if match else 0
