"""Progress: one row per step with its time. On a terminal the rows live; elsewhere each is one plain line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from teig.cli.output import console, duration, printable

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

NAME_WIDTH = 34
TIME_WIDTH = 11  # 59 min 59 s


@dataclass(frozen=True)
class Row:
    """One step: what is done, when it began and ended (seconds since 1970), whether it failed, and what came of it."""

    name: str
    started: float | None = None
    ended: float | None = None
    failed: bool = False
    note: str = ""


class Board:
    """The rows of some work. Use it as a context manager; `show` replaces all rows, `step` adds one of our own."""

    def __init__(self, *, stderr: bool = True) -> None:
        self._console = console(stderr=stderr)
        self._rows: list[Row] = []
        self._printed: set[int] = set()
        self._open: int | None = None
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Begin to show the rows."""
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(get_renderable=self._table, console=self._console, refresh_per_second=6)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the rows as they are."""
        if self._live:
            self._live.stop()
        elif self._open is not None:
            self._print("")

    @property
    def rows(self) -> list[Row]:
        """The rows as they are now."""
        return list(self._rows)

    def show(self, rows: list[Row]) -> None:
        """Replace all rows by these; rows keep their places."""
        self._rows = rows
        if not self._live:
            for index, row in enumerate(rows):
                self._print_row(index, row)

    @contextmanager
    def step(self, name: str) -> Iterator[Note]:
        """Add a row for as long as the block runs; the block can leave a note of what came of it."""
        index = len(self._rows)
        row = Row(name, time.time())
        note = Note(self, index)
        self.show([*self._rows, row])
        try:
            yield note
        except BaseException:
            self._change(index, ended=time.time(), failed=True, note=note.text)
            raise
        self._change(index, ended=time.time(), failed=False, note=note.text)

    def note(self, index: int, text: str) -> None:
        """Change what stands behind a row."""
        self._change(index, note=text)

    def _change(self, index: int, **changes: object) -> None:
        rows = list(self._rows)
        rows[index] = replace(rows[index], **changes)  # type: ignore[arg-type]
        self.show(rows)

    def _table(self) -> Table:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        plain = self._console.options.ascii_only
        good, bad, later = ("+", "!", " ") if plain else ("✓", "✗", "·")
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(min_width=1)
        table.add_column(min_width=NAME_WIDTH, no_wrap=True)
        table.add_column(justify="right", min_width=TIME_WIDTH, no_wrap=True)
        room = self._console.width - NAME_WIDTH - TIME_WIDTH - 8  # else Rich would make the other columns narrower
        table.add_column(overflow="ellipsis", no_wrap=True, max_width=max(10, room))
        for row in self._rows:
            if row.failed:
                mark: Text | Spinner = Text(bad, style="bold red")
            elif row.ended is not None:
                mark = Text(good, style="green")
            elif row.started is not None:
                mark = Spinner("line" if plain else "dots")
            else:
                mark = Text(later, style="dim")
            note = Text(printable(row.note), style="dim")
            table.add_row(mark, Text(printable(row.name)), Text(_elapsed(row), style="cyan"), note)
        return table

    def _print_row(self, index: int, row: Row) -> None:
        if index in self._printed or row.started is None:
            return
        name = f"{printable(row.name):<{NAME_WIDTH}}"
        if self._open != index:
            if self._open is not None:
                self._print("")
            self._print(f"{name} ", end="")
            self._open = index
        if row.ended is not None:
            note = " ".join(part for part in ("failed" if row.failed else "", printable(row.note)) if part)
            self._print(f"{_elapsed(row):>{TIME_WIDTH}}  {note}".rstrip())
            self._printed.add(index)
            self._open = None

    def _print(self, text: str, end: str = "\n") -> None:
        self._console.print(text, end=end)
        self._console.file.flush()


class Note:
    """What came of a step, shown behind it; may change while the step runs."""

    def __init__(self, board: Board, index: int) -> None:
        self.text = ""
        self._board = board
        self._index = index

    def say(self, text: str) -> None:
        """Show this behind the step."""
        self.text = text
        self._board.note(self._index, text)


def _elapsed(row: Row) -> str:
    if row.started is None:
        return ""
    return duration((row.ended or time.time()) - row.started)
