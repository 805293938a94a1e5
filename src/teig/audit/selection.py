"""Which rules speak: chosen by code or by its beginning, silenced for a line or a file by a comment.

# teig: ignore NET001             on a line of a file: for what begins on that line, or, alone on a line, the next
# teig: ignore-file NET001, DSK   anywhere: for the whole file
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from teig.audit.registry import entries
from teig.model.errors import InvalidRequest
from teig.xen.config_file import ConfigFile
from teig.xen.config_text import Span

_COMMENT: Final = re.compile(r"#\s*teig:\s*(ignore-file|ignore)\b\s*:?\s*([A-Z0-9, ]*)")


@dataclass(frozen=True)
class Selection:
    """The rules to use: all but `ignored`, or only `selected`; both are codes or beginnings of codes."""

    selected: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for prefix in (*self.selected, *self.ignored):
            if not any(code.startswith(prefix) for code in entries()):
                raise InvalidRequest(
                    f"No rule's code begins with {prefix!r:.40}.", "See them all with: teig audit --explain all"
                )

    def takes(self, code: str) -> bool:
        """Return whether a rule is used."""
        return (not self.selected or code.startswith(self.selected)) and not code.startswith(self.ignored)


@dataclass
class Silence:
    """What the comments of one file silence."""

    file: set[str] = field(default_factory=set)
    lines: dict[int, set[str]] = field(default_factory=dict)

    def covers(self, code: str, lines: Iterable[int]) -> bool:
        """Return whether a rule is to say nothing of these lines."""
        prefixes = set(self.file)
        for line in lines:
            prefixes |= self.lines.get(line, set())
        return any(code.startswith(prefix) for prefix in prefixes)


def silenced(config: ConfigFile) -> Silence:
    """Return what the comments of a file silence."""
    found = Silence()
    for offset, text in config.comments:
        match = _COMMENT.match(text)
        codes = set(re.split(r"[, ]+", match[2].strip())) - {""} if match else set()
        if match is None or not codes:
            continue
        if match[1] == "ignore-file":
            found.file |= codes
            continue
        place = config.lines.place(offset)
        alone = not config.lines.line(place.line)[: place.column - 1].strip()
        found.lines.setdefault(place.line + alone, set()).update(codes)
    return found


def lines_of(config: ConfigFile, span: Span) -> set[int]:
    """Return the lines on which comments speak for a place: its own, and that of the assignment it belongs to."""
    lines = {config.lines.place(span.start).line}
    for one in config.assignments:
        if one.span.start <= span.start < max(one.span.end, one.span.start + 1):
            lines.add(config.lines.place(one.span.start).line)
    return lines
