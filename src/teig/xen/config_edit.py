"""Writing xl.cfg(5): changes to a text that leave everything else as it was, comments and order included.

Neighbours: `config_file` says where things stand; `teig.audit` makes its fixes of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from teig.model.errors import InvalidRequest
from teig.xen.config_file import Assignment, Atom, ConfigFile, ListValue, Value
from teig.xen.config_text import Span

_ESCAPES: Final = {
    "\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v",
}  # fmt: skip


class Edit(NamedTuple):
    """What is to stand in place of a piece of the text."""

    span: Span
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return a text with all edits made. Those that overlap an earlier one are left out: make them in a second run."""
    pieces: list[str] = []
    done = 0
    for edit in sorted(set(edits)):
        if edit.span.start < done or (edit.span.start == done and edit.span.end == done and pieces[-1:] == [edit.text]):
            continue
        pieces += [text[done : edit.span.start], edit.text]
        done = edit.span.end
    return "".join([*pieces, text[done:]])


def quoted(text: str) -> str:
    """Return a string as xl reads it back. InvalidRequest where it holds a NUL, which no configuration can."""
    if "\0" in text:
        raise InvalidRequest("A configuration cannot hold the character NUL.")
    return '"' + "".join(_ESCAPES.get(char, char) for char in text) + '"'


def written(value: Value) -> str:
    """Return a value as it stands in a file."""
    if isinstance(value, Atom):
        return quoted(value.text) if value.quoted else value.text
    return "[" + ", ".join(written(item) for item in value.items) + "]"


def render(assignments: Iterable[Assignment]) -> str:
    """Return a whole file with these assignments, one a line."""
    return "".join(f"{one.name} {'+=' if one.added else '='} {written(one.value)}\n" for one in assignments)


def replace(value: Atom | ListValue, text: str) -> Edit:
    """Put another value in a value's place; `text` is as it is to stand in the file."""
    return Edit(value.span, text)


def append(config: ConfigFile, line: str) -> Edit:
    """Add a line at the end of the file."""
    text = config.text
    end = len(text)
    return Edit(Span(end, end), ("" if not text or text.endswith("\n") else "\n") + line + "\n")


def insert_after(config: ConfigFile, assignment: Assignment, line: str) -> Edit:
    """Add a line behind the one on which an assignment ends, and whatever else begins on that line."""
    end = config.text.find("\n", assignment.span.end)
    for one in config.assignments:
        if one.span.start < end < one.span.end:
            end = config.text.find("\n", one.span.end)
    if end < 0:
        return append(config, line)
    return Edit(Span(end + 1, end + 1), line + "\n")


def remove(config: ConfigFile, assignment: Assignment) -> Edit | None:
    """Take an assignment out with its lines; None where something else stands on them."""
    text, span = config.text, assignment.span
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    end = len(text) if end < 0 else end + 1
    if text[start : span.start].strip() or text[span.end : end].strip():
        return None
    return Edit(Span(start, end), "")
