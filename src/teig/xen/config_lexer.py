"""The words of xl.cfg(5).

What is a word follows xl's own lexer (Xen 4.17, tools/libs/util/libxlu_cfg_l.l): names and numbers in lower case,
strings in either quote on one line, comments to the end of a line that must have one. xm's files were Python, which
knows more: what xl refuses and a plain Python assignment may hold is read too, and noted as a deviation.
Neighbours: `config_file` puts the words together.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from teig.xen.config_text import BadConfig

END: Final = "end"
NEWLINE: Final = "newline"
NAME: Final = "name"
NUMBER: Final = "number"
STRING: Final = "string"
MARK: Final = "mark"
OTHER: Final = "other"

PYTHON_TODO: Final = "xl runs no Python: write the value itself, for example memory = 512."
_WORDS: Final = re.compile(
    r"""(?P<space>[ \t]+)
      | (?P<newline>\n)
      | (?P<comment>\#[^\n]*)
      | (?P<name>[A-Za-z_][A-Za-z0-9_.]*)
      | (?P<number>[+-]?[0-9][A-Za-z0-9_]*(?:\.[0-9]+)?)
      | (?P<string>"(?:[^"\\\n\0]|\\[^\n\0])*+"|'(?:[^'\\\n\0]|\\[^\n\0])*+')
      | (?P<mark>\+=|[=,;\[\]()])
      | (?P<return>\r(?=\n))
      | (?P<other>.)
    """,
    re.VERBOSE,
)
_XL_NUMBER: Final = re.compile(r"[0-9][0-9a-fx]*")
_XM_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|0[xX][0-9a-fA-F]+)[lL]?")
_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{2}|[0-7]{3}|.)", re.DOTALL)
_ESCAPED: Final = {
    "\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
}  # fmt: skip


class Word(NamedTuple):
    """A word: its kind, the text that it stands for, and where it is; of kind OTHER, what is wrong with it."""

    kind: str
    text: str
    start: int
    end: int
    trouble: BadConfig | None = None


class Words:
    """All words of a text, its comments (offset of the `#` and text), and what in it xl would refuse."""

    def __init__(self, text: str) -> None:
        self.words: list[Word] = []
        self.comments: list[tuple[int, str]] = []
        self.deviations: list[BadConfig] = []
        self._returned = False
        for match in _WORDS.finditer(text):
            kind = match.lastgroup
            if kind != "space":
                self._take(kind or OTHER, match[0], match.start(), match.end(), text)
            if self.words and self.words[-1].kind == OTHER:
                break  # nobody reads on from there
        self.words.append(Word(END, "", len(text), len(text)))

    def _take(self, kind: str, found: str, start: int, end: int, text: str) -> None:
        if kind == "comment":
            self._comment(found, start, end == len(text))
        elif kind == "return":
            if not self._returned:
                self.deviate(start, "The line ends as on Windows, with a carriage return.", "Write plain line ends.")
            self._returned = True
        elif kind == OTHER:
            self.words.append(Word(OTHER, found, start, end, _stranger(found, start)))
        elif kind == NUMBER:
            self.words.append(self._number(found, start, end))
        else:
            meant = self._unquoted(found, start) if kind == STRING else found
            self.words.append(Word(kind, meant, start, end))

    def deviate(self, offset: int, message: str, todo: str) -> None:
        """Note something that xm read and xl refuses."""
        self.deviations.append(BadConfig(offset, message, todo))

    def _comment(self, found: str, start: int, last: bool) -> None:
        self.comments.append((start, found))
        if last:
            self.deviate(
                start,
                "The file ends in a comment without a line end, and xl refuses the whole file for it.",
                "End the last line.",
            )

    def _number(self, found: str, start: int, end: int) -> Word:
        if not _XL_NUMBER.fullmatch(found):
            if not _XM_NUMBER.fullmatch(found):
                text = f"Expected a number, and found {found!r:.60}."
                return Word(OTHER, found, start, end, BadConfig(start, text, "Put quotes around a text."))
            todo = "Write it with digits and lower-case letters only, as in 512 or 0x1f, or in quotes."
            self.deviate(start, f"xl does not read {found!r:.60} as a number.", todo)
        return Word(NUMBER, found, start, end)

    def _unquoted(self, found: str, start: int) -> str:
        inner = found[1:-1]
        if "\\" not in inner:
            return inner

        def meant(match: re.Match[str]) -> str:
            if match[1] in _ESCAPED:
                return _ESCAPED[match[1]]
            todo = r"Write the character itself, and \\ for a backslash."
            self.deviate(start + 1 + match.start(), f"xl does not understand {match[0]} in a string.", todo)
            if match[1][0] == "x" and len(match[1]) == 3:
                return chr(int(match[1][1:], 16))
            return chr(int(match[1], 8)) if len(match[1]) == 3 else match[0]

        return _ESCAPE.sub(meant, inner)


def _stranger(found: str, start: int) -> BadConfig:
    if found in "\"'":
        return BadConfig(start, f"A string begins with {found} and does not end on this line.", f"End it with {found}.")
    shown = found if found.isprintable() else f"The character U+{ord(found):04X}"
    if "\udc80" <= found <= "\udcff":  # a byte that is not UTF-8, as `config_file.decode` keeps it
        shown = f"The byte 0x{ord(found) - 0xDC00:02X}"
    if found in "+-.:{}%*<>!@":
        return BadConfig(start, f"Expected a value or a new line, and found {shown}, as in Python code.", PYTHON_TODO)
    return BadConfig(start, f"{shown} cannot stand here.", "Remove it, or put quotes around a text.")
