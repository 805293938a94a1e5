"""Benchmarks run by hand, from the project's root and without further settings; here each only says how it is used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROCESSES = {"scale_hosts", "scale_server"}
"""What the benchmark scale starts for itself; nobody else runs these."""
BENCHMARKS = sorted(
    path
    for path in (ROOT / "bench").glob("*.py")
    if "__main__" in path.read_text(encoding="utf-8") and path.stem not in PROCESSES
)


def test_there_are_benchmarks() -> None:
    assert {"admission", "durability", "guarantees", "scale"} <= {path.stem for path in BENCHMARKS}


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_each_runs_from_the_root(path: Path) -> None:
    plain = {**os.environ, "PYTHONPATH": str(ROOT / "src")}  # what the environment of the project has, and no more
    argv = [sys.executable, str(path.relative_to(ROOT)), "--help"]
    done = subprocess.run(argv, cwd=ROOT, env=plain, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "--output" in done.stdout
