"""The rows of a progress board, on a terminal and elsewhere."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from teig.cli import progress
from teig.cli.progress import Board


def _board(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> tuple[Board, io.StringIO]:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=80, markup=False, highlight=False)
    monkeypatch.setattr(progress, "console", lambda **_: console)
    return Board(), written


def test_elsewhere_each_step_is_one_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    board, written = _board(monkeypatch, terminal=False)
    with board:
        with board.step("boot") as note:
            note.say("half way")
            note.say("resumed")
        with pytest.raises(ValueError, match="no"), board.step("enrol"):
            raise ValueError("no")
    assert re.fullmatch(r"boot +\d\.\d s  resumed\nenrol +\d\.\d s  failed\n", written.getvalue())


def test_a_step_that_was_broken_off_ends_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    board, written = _board(monkeypatch, terminal=False)
    with board:
        board.show([progress.Row("boot", started=1.0)])
    assert written.getvalue().split() == ["boot"]
    assert written.getvalue().endswith("\n")


def test_on_a_terminal_a_long_note_takes_nothing_from_mark_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    board, written = _board(monkeypatch, terminal=True)
    with board:
        board.show(
            [
                progress.Row("build", started=1.0, ended=3541.0, note="x" * 300),
                progress.Row("boot", started=1.0, ended=2.0, failed=True),
            ]
        )
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.getvalue()).strip().splitlines()[-2:]
    assert re.match(r"✓  build +59 min 0 s  x+…", last[0])
    assert re.match(r"✗  boot +1\.0 s", last[1])
    assert max(map(len, last)) <= 80
