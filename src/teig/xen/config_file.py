"""Reading xl.cfg(5): a text becomes assignments whose values know where they stand. Nothing is ever executed.

The grammar is xl's own (Xen 4.17, tools/libs/util/libxlu_cfg_y.y): `name = value` or `name += value`, ended by a line
end, a semicolon or the end of the file; a value is a string, a number or a list of values; lines may end inside lists.
Plain assignments of xm's Python files that xl refuses (tuples, True, strings beside each other) are read too and listed
as `deviations`. Neighbours: `config_lexer` has the words, `config_keys` says which names mean what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from teig.xen.config_lexer import END, MARK, NAME, NEWLINE, NUMBER, PYTHON_TODO, STRING, Word, Words
from teig.xen.config_text import BadConfig, Lines, Span

DEEPEST: Final = 32
_XL_NAME: Final = re.compile(r"[a-z][._0-9a-z]*")
_XM_WORDS: Final = {"True": "1", "False": "0", "None": ""}
_PYTHON: Final = {
    "if", "import", "from", "def", "for", "while", "try", "class", "print", "return", "with", "else", "elif", "pass",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Atom:
    """A string or a number: xl keeps both as text. `span` holds the quotes."""

    text: str
    span: Span
    quoted: bool

    @property
    def number(self) -> int | None:
        """What xl reads where it wants a number (strtol with base 0), None where it reads none."""
        return parse_number(self.text)

    def inner(self, start: int, end: int) -> Span:
        """Return where some characters of the text stand in the file; escapes before them shift it."""
        return self.span.part(start + self.quoted, end + self.quoted)


@dataclass(frozen=True, slots=True)
class ListValue:
    """A list, and whatever stands in it."""

    items: tuple[Value, ...]
    span: Span


Value = Atom | ListValue


@dataclass(frozen=True, slots=True)
class Assignment:
    """One `name = value` or `name += value`; `span` reaches from the name to the value's end."""

    name: str
    name_span: Span
    added: bool
    value: Value
    span: Span


@dataclass(frozen=True, slots=True)
class Setting:
    """What a name is set to in the end: the value with all `+=`, and the assignments that made it, in order."""

    name: str
    value: Value
    made_by: tuple[Assignment, ...]

    @property
    def last(self) -> Assignment:
        """The assignment that a message should point at."""
        return self.made_by[-1]


@dataclass(frozen=True)
class ConfigFile:
    """A configuration file as it was read. `text` is the file, byte for byte when encoded as it was decoded."""

    text: str
    assignments: tuple[Assignment, ...]
    comments: tuple[tuple[int, str], ...]
    deviations: tuple[BadConfig, ...]
    settings: dict[str, Setting] = field(default_factory=dict)

    @cached_property
    def lines(self) -> Lines:
        """The text, to find lines and columns."""
        return Lines(self.text)


def decode(data: bytes) -> str:
    """Return a file's bytes as text; bytes that are not UTF-8 stay what they are when `encode` writes them."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Return the bytes that `decode` read."""
    return text.encode("utf-8", "surrogateescape")


def parse(text: str) -> ConfigFile:
    """Read a configuration file. Raises BadConfig at the first place that is no plain assignment."""
    words = Words(text)
    reader = _Reader(words)
    assignments = tuple(reader.assignments())
    deviations = tuple(sorted(words.deviations, key=lambda deviation: deviation.offset))
    return ConfigFile(
        text, assignments, tuple(words.comments), deviations, {
            setting.name: setting for setting in _settings(assignments)
        },
    )  # fmt: skip


def parse_number(text: str) -> int | None:
    """Return what C's strtol(text, 0) reads of a whole text; None where it is no number or does not fit a long."""
    stripped = text.lstrip(" \t\n\r\f\v")
    digits = stripped.lstrip("+-") if stripped[:2] not in {"+-", "-+", "--", "++"} else ""
    if not digits or len(digits) > 40 or not digits.isascii() or not digits.isalnum():
        return None
    octal = digits[0] == "0" and digits[1:2] not in {"x", "X"}
    try:
        value = int(digits, 8 if octal else 0)
    except ValueError:
        return None
    value = -value if stripped[0] == "-" else value
    return value if -(2**63) <= value < 2**63 else None


def _settings(assignments: tuple[Assignment, ...]) -> Iterator[Setting]:
    found: dict[str, Setting] = {}
    for one in assignments:
        before = found.get(one.name)
        if one.added and before is not None:
            found[one.name] = Setting(one.name, _sum(before.value, one), (*before.made_by, one))
        else:
            found[one.name] = Setting(one.name, one.value, (one,))
    yield from found.values()


def _sum(before: Value, one: Assignment) -> Value:
    value = one.value
    if isinstance(before, ListValue) and isinstance(value, ListValue):
        return ListValue((*before.items, *value.items), value.span)
    if isinstance(before, Atom) and isinstance(value, Atom):
        return Atom(before.text + value.text, value.span, value.quoted)
    raise BadConfig(
        value.span.start,
        f"{one.name} cannot be added to: one value is a list and the other is not.",
        "Make both lists.",
    )


class _Reader:
    """Goes through the words once."""

    def __init__(self, words: Words) -> None:
        self._source = words
        self._words = words.words
        self._next = 0

    def assignments(self) -> Iterator[Assignment]:
        while True:
            word = self._take()
            if word.kind == END:
                return
            if word.kind == NEWLINE or word.text == ";":
                continue
            yield self._assignment(word)
            end = self._take()
            if end.kind == END:
                return
            if end.kind != NEWLINE and end.text != ";":
                raise _unexpected(end, "a new line", _after_value(end))

    def _take(self) -> Word:
        word = self._words[self._next]
        if word.kind != END:
            self._next += 1
        return word

    def _peek(self) -> Word:
        return self._words[self._next]

    def _assignment(self, name: Word) -> Assignment:
        if name.kind != NAME:
            raise _unexpected(name, "a name", "Begin each line with NAME = VALUE; lines may be broken only inside [ ].")
        sign = self._take()
        if sign.kind != MARK or sign.text not in {"=", "+="}:
            python = name.text in _PYTHON or sign.text == "("
            raise _unexpected(sign, f"= after {name.text}", PYTHON_TODO if python else f"Write {name.text} = VALUE.")
        if not _XL_NAME.fullmatch(name.text):
            self._source.deviate(name.start, f"xl refuses {name.text}: names are in lower case.", "Write it so.")
        value = self._value(self._take(), 0)
        span = Span(name.start, value.span.end)
        return Assignment(name.text, Span(name.start, name.end), sign.text == "+=", value, span)

    def _value(self, word: Word, depth: int) -> Value:
        if word.text == "[" and word.kind == MARK:
            return self._list(word, "]", depth)
        if word.text == "(" and word.kind == MARK:
            self._source.deviate(word.start, "xl knows no ( ).", "Write a list as [ ], and a single value without ( ).")
            return _single(self._list(word, ")", depth))
        if word.kind in {STRING, NUMBER}:
            return self._atom(word)
        if word.kind == NAME and word.text in _XM_WORDS:
            number = _XM_WORDS[word.text]
            self._source.deviate(word.start, f"xl does not know {word.text}.", f"Write {number or chr(34) * 2} for it.")
            return Atom(number, Span(word.start, word.end), quoted=False)
        code = word.kind == NAME and self._peek().text in {"(", "["}
        todo = PYTHON_TODO if code else 'Write a number, a text in quotes, or a list as in ["a", "b"].'
        raise _unexpected(word, "a value", todo)

    def _atom(self, word: Word) -> Atom:
        """Return a string or number; strings beside each other are one in Python, and an error for xl."""
        text, end = word.text, word.end
        while word.kind == STRING and self._peek().kind == STRING:
            more = self._take()
            todo = "Put a comma between them, or join them into one."
            self._source.deviate(more.start, "Two strings stand beside each other, which xl refuses.", todo)
            text, end = text + more.text, more.end
        return Atom(text, Span(word.start, end), word.kind == STRING)

    def _list(self, opening: Word, closing: str, depth: int) -> ListValue:
        if depth >= DEEPEST:
            raise BadConfig(opening.start, f"Lists lie more than {DEEPEST} deep in each other.", "Nothing needs that.")
        items: list[Value] = []
        while True:
            word = self._skip_lines()
            if word.text == closing and word.kind == MARK:
                return ListValue(tuple(items), Span(opening.start, word.end))
            items.append(self._value(word, depth + 1))
            word = self._skip_lines()
            if word.text == closing and word.kind == MARK:
                return ListValue(tuple(items), Span(opening.start, word.end))
            if word.text != "," or word.kind != MARK:
                raise _unexpected(
                    word, f", or {closing}", f"Put commas between values, and end the list with {closing}."
                )

    def _skip_lines(self) -> Word:
        word = self._take()
        while word.kind == NEWLINE:
            word = self._take()
        return word


def _single(parts: ListValue) -> Value:
    """Return what Python makes of ( ): one value is itself, several are a tuple, which xm took as a list."""
    return parts.items[0] if len(parts.items) == 1 else parts


def _after_value(word: Word) -> str:
    if word.kind == NUMBER:
        return 'Put quotes around a text, as in cpus = "0-3".'
    if word.kind == NAME:
        return "Put each assignment on a line of its own, or ; between them."
    return "Only ; or a comment can follow a value; several values are a list: [ ]."


def _unexpected(word: Word, expected: str, todo: str) -> BadConfig:
    if word.trouble is not None:
        return word.trouble
    names = {END: "the end of the file", NEWLINE: "the end of the line"}
    found = names.get(word.kind) or (repr(word.text) if word.kind == STRING else word.text)
    return BadConfig(word.start, f"Expected {expected}, and found {found:.60}.", todo)
