"""Places in a text: offsets for programs, lines and columns for people; and the error of a file that cannot be read.

Neighbours: `config_lexer` and `config_file` read xl.cfg(5) with these, `config_edit` writes it.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

from teig.model.errors import CallerError


class Span(NamedTuple):
    """A piece of a text: the offset of its first character, and of the one behind its last."""

    start: int
    end: int

    def part(self, start: int, end: int) -> Span:
        """Return a piece of this piece, offsets counted from its start."""
        return Span(self.start + start, self.start + end)


class Place(NamedTuple):
    """A line and a column, both counted from 1; columns count characters."""

    line: int
    column: int


class Lines:
    """A text cut into lines, to find where an offset is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))[:-1]

    def place(self, offset: int) -> Place:
        """Return the line and column of an offset."""
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """Return a line, counted from 1, without its end."""
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[self._starts[number - 1] : end].rstrip("\r\n")


class BadConfig(CallerError):
    """A configuration file that cannot be read: where, what was found and expected (`message`), what to do (`todo`)."""

    code = "bad_config"
    exit_code = 1
    http_status = 422

    def __init__(self, offset: int, message: str, todo: str) -> None:
        super().__init__(message, todo)
        self.offset = offset
