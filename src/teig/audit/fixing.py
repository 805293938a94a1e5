"""Mending what is safe to mend: the edits of findings, as new texts and as a unified diff."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterable

from teig.audit.finding import Finding
from teig.audit.host import ConfigText, HostSettings
from teig.audit.review import review
from teig.audit.selection import Selection
from teig.xen.config_edit import apply
from teig.xen.config_file import parse
from teig.xen.config_text import BadConfig

MOST_ROUNDS = 10
"""A fix may bring another finding to light (two edits of one place are made one after the other); it ends quickly."""


def fixed(
    file: ConfigText, host: HostSettings | None = None, selection: Selection | None = None, *, xm: bool = False
) -> str:
    """Return a file's text with everything mended that is safe."""
    text = file.text if xm else _line_ends(file.text)
    for _ in range(MOST_ROUNDS):
        report = review([ConfigText(file.path, text)], host, selection, xm=xm)
        edits = [edit for finding in report.findings for edit in finding.edits]
        changed = apply(text, edits)
        if changed == text or not _readable(changed):
            break
        text = changed
    return text


def _readable(text: str) -> bool:
    """Return whether a text can be read: the last word before a file is written, whatever a rule has done to it."""
    try:
        parse(text)
    except BadConfig:
        return False
    return True


def diff(path: str, before: str, after: str) -> str:
    """Return a unified diff of a file's texts, empty where they are the same."""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{path.lstrip('/')}", f"b/{path.lstrip('/')}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _line_ends(text: str) -> str:
    """Return a text with line ends that xl reads: a carriage return is none, and a comment needs one."""
    try:
        config = parse(text)
    except BadConfig:
        return text
    plain = text.replace("\r\n", "\n")
    last = config.comments[-1] if config.comments else None
    open_end = last is not None and last[0] + len(last[1]) == len(text)
    return f"{plain}\n" if open_end else plain


def odd_line_ends(file: ConfigText) -> bool:
    """Return whether a file has line ends that xl refuses and that can be mended."""
    return _line_ends(file.text) != file.text


def fixable(findings: Iterable[Finding]) -> int:
    """Return how many findings can be mended."""
    return sum(1 for finding in findings if finding.edits)


def _lines(text: str) -> list[str]:
    return list(io.StringIO(text, newline="\n"))
