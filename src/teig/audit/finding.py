"""What an audit says: findings of rules, and files that could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from teig.xen.config_edit import Edit
from teig.xen.config_text import Lines


class Severity(StrEnum):
    """How grave a finding is: `error` breaks or endangers a guest, `warning` costs or risks something."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that an audit says of a place. Line and column count from 1; both are 0 where a whole thing is meant.

    `edits` mend it where that is safe, and are empty where a person must decide.
    """

    file: str
    line: int
    column: int
    code: str
    severity: Severity
    message: str
    text: Lines | None = field(default=None, repr=False, compare=False)
    edits: tuple[Edit, ...] = ()

    @property
    def shown(self) -> str:
        """The line, for people."""
        return self.text.line(self.line) if self.text is not None else ""

    def as_record(self) -> dict[str, object]:
        """Return it as `-o json` prints it. Bytes that are no text become question marks, for JSON is text."""
        return {
            "file": _text(self.file),
            "line": self.line,
            "column": self.column,
            "code": self.code,
            "severity": self.severity.value,
            "message": _text(self.message),
        }


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
