"""How far long work is: told at every step by who does it, to whoever asked for it, who may also end it there."""

from __future__ import annotations

from collections.abc import Callable

_REPORTS: list[Callable[[int, int], None]] = []


def report_to(report: Callable[[int, int], None]) -> None:
    """Have this process's work reported from now on, as bytes done and in all; what `report` raises ends the work."""
    _REPORTS[:] = [report]


def step(done: int = 0, total: int = 0) -> None:
    """Tell how far the work is, at a moment when it can be ended and begun again."""
    for report in _REPORTS:
        report(done, total)
