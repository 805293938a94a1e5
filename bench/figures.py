"""What every benchmark prints: figures with their bars, and the machine they were measured on.

A benchmark is run as `python bench/NAME.py [-o json]` and exits with 1 where a figure misses its bar.
"""

from __future__ import annotations

import argparse
import json
import operator
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TESTS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    "==": operator.eq,
}


@dataclass(frozen=True)
class Figure:
    """One measured value; `bar` is what it must reach, for example `<= 1.25` (empty: only reported)."""

    name: str
    value: float
    unit: str
    bar: str = ""
    rounds: list[float] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether it reaches its bar."""
        if not self.bar:
            return True
        sign, limit = self.bar.split()
        return _TESTS[sign](self.value, float(limit))

    def as_record(self) -> dict[str, Any]:
        """Return it as plain values."""
        bar = self.bar or None
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "bar": bar,
            "ok": self.ok,
            "rounds": self.rounds,
        }


def options(text: str) -> argparse.ArgumentParser:
    """Return the parser that every benchmark has; add options of its own to it."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    return parser


def report(figures: Sequence[Figure], output: str) -> int:
    """Print the figures and return the exit status."""
    if output == "json":
        print(json.dumps({"machine": machine(), "figures": [figure.as_record() for figure in figures]}, indent=2))
    else:
        for figure in figures:
            verdict = "" if figure.ok else "  MISSED"
            print(f"{figure.name:<24} {figure.value:>10.3f} {figure.unit:<6} {figure.bar:<10}{verdict}")
    return 0 if all(figure.ok for figure in figures) else 1


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    cpu = next((line for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ": unknown")
    memory = next((line for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), ": 0 kB")
    return {
        "cpu": cpu.split(":", 1)[1].strip(),
        "cores": os.cpu_count(),
        "memory_mib": int(memory.split()[1]) // 1024,
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "kvm": Path("/dev/kvm").exists(),
        "load": os.getloadavg()[0],
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
