"""What commands print: tables for people, the API's own JSON for programs.

Texts that come from hosts and guests are shown without control characters: a terminal obeys those.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from teig.model.errors import InvalidRequest
from teig.model.units import MIB, show_size

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 500  # no terminal: never fold a line


class Format(StrEnum):
    """How a reading command prints."""

    TABLE = "table"
    JSON = "json"


Output = Annotated[Format, typer.Option("-o", "--output", help="table, or json: the API's own answer.")]


def printable(untrusted_text: object) -> str:
    """Return a text without anything that a terminal would obey; line breaks stay."""
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in str(untrusted_text))


def console(*, stderr: bool = False) -> Console:
    """Return a Rich console that takes no markup from texts and folds nothing where there is no terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=width, soft_wrap=width is not None)


def print_json(value: Any) -> None:
    """Print the API's answer as it is."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """Print rows under headings (> begins those of numbers), or the sentence `empty` where there are none."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        typer.echo(empty, err=True)
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(
            column.removeprefix(">"), justify="right" if column.startswith(">") else "left", no_wrap=not _wide(column)
        )
    for row in rows:
        table.add_row(*(Text(printable("-" if cell is None or cell == "" else cell)) for cell in row))
    console().print(table)


def print_facts(facts: Sequence[tuple[str, object]]) -> None:
    """Print names and values, one a line, the values under each other."""
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print(f"{name:<{width}}   {printable('-' if value is None or value == '' else value)}")


def mib(value: int | None) -> str:
    """Return a size given in MiB for people."""
    return "-" if value is None else show_size(value * MIB)


def moment(seconds: float | None) -> str:
    """Return seconds since 1970 as local date and time."""
    return "-" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def duration(seconds: float) -> str:
    """Return a length of time for people."""
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _wide(column: str) -> bool:
    return column in {"error", "addresses"}


def confirm(question: str, *, yes: bool) -> None:
    """Ask before what cannot be undone, unless `yes`; InvalidRequest where there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidRequest("This cannot be undone, and there is no terminal to ask on.", "Add --yes.")
    if not typer.confirm(question):
        typer.echo("Nothing was done.")
        raise typer.Exit(1)
