"""What a rule is about, from its docstring: for `teig audit --explain` and for docs/audit-rules.md.

A docstring's first line is the title. Then come paragraphs that begin with What:, Why:, Fix: and Source:, and blocks
Example:: (which the rule finds) and, for rules about files, Instead:: (which it does not).
"""

from __future__ import annotations

import difflib
import inspect
import re
import textwrap
from typing import Final

from teig.audit.registry import Entry, entries
from teig.audit.rule import GuestRule, GuestsRule
from teig.model.errors import InvalidRequest

PARTS: Final = ("What", "Why", "Example", "Instead", "Fix", "Source")
_PART: Final = re.compile(rf"^({'|'.join(PARTS)}):(:?)[ \n]", re.MULTILINE)
FAMILIES: Final = {
    "CFG": "The file itself",
    "CPU": "Processor",
    "DEV": "Devices passed through, consoles and emulation",
    "DSK": "Disks",
    "GST": "The guest",
    "HST": "The host",
    "MEM": "Memory",
    "NET": "Network",
}


def parts_of(entry: Entry) -> dict[str, str]:
    """Return a docstring's parts by name, and its first line as Title."""
    text = inspect.cleandoc(entry.documentation)
    found = {"Title": text.splitlines()[0].rstrip(".") if text else ""}
    pieces = _PART.split(text)
    for name, code, content in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        found[name] = inspect.cleandoc("\n" + content) if code else " ".join(content.split())
    return found


def explain(code: str) -> str:
    """Return all about one rule, or a list of all rules for `all`. InvalidRequest names the nearest codes."""
    if code.lower() == "all":
        return "\n".join(_listed(entry) for entry in entries().values())
    by_name = {entry.name: entry for entry in entries().values()}
    entry = entries().get(code.upper()) or by_name.get(code.lower())
    if entry is None:
        near = difflib.get_close_matches(code.upper(), entries(), n=3, cutoff=0.5)
        todo = f"Did you mean {' or '.join(near)}?" if near else "See them all with: teig audit --explain all"
        raise InvalidRequest(f"There is no rule {code:.40}.", todo)
    parts = parts_of(entry)
    lines = [f"{entry.rule.code} {entry.name} ({entry.rule.severity})", parts["Title"] + "."]
    for name in PARTS:
        if name in parts:
            shown = "\n".join(f"    {line}".rstrip() for line in parts[name].splitlines())
            block = name in {"Example", "Instead"}
            lines.append(f"{name}:\n{shown}" if block else textwrap.fill(f"{name}: {parts[name]}", 100))
    return "\n\n".join(lines)


def page() -> str:
    """Return the page of all rules, in Markdown."""
    lines = [
        "# The rules of `teig audit`",
        "",
        "Made from the rules' own docstrings by `python -m teig.audit.explaining`; a test says when it is out of date.",
        "`teig audit --explain CODE` prints one of them. What severities and codes mean is in [audit.md](audit.md).",
        "",
        "| code | severity | what it finds |",
        "|---|---|---|",
    ]
    for code, entry in entries().items():
        title = parts_of(entry)["Title"]
        lines.append(f"| [{code}](#{code.lower()}) | {entry.rule.severity} | {title} |")
    family = ""
    for code, entry in entries().items():
        if code[:3] != family:
            family = code[:3]
            lines += ["", f"## {FAMILIES[family]}"]
        lines += ["", f"### {code}", "", *_section(entry)]
    return "\n".join(lines) + "\n"


def _section(entry: Entry) -> list[str]:
    parts = parts_of(entry)
    scope = "each file" if isinstance(entry.rule, GuestRule) else "the host"
    scope = "all files together" if isinstance(entry.rule, GuestsRule) else scope
    lines = [f"**{parts['Title']}.** `{entry.name}`, {entry.rule.severity}, looks at {scope}."]
    for name in PARTS:
        if name in {"Example", "Instead"} and name in parts:
            lines += ["", f"{name}:", "", "```", parts[name], "```"]
        elif name in parts:
            lines += ["", f"*{name}.* {parts[name]}"]
    return lines


def _listed(entry: Entry) -> str:
    return f"{entry.rule.code}  {entry.rule.severity:<8}{parts_of(entry)['Title']}"


if __name__ == "__main__":
    print(page(), end="")
