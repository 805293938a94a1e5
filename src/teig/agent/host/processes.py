"""The processes of Domain-0, read from /proc as cheaply as Python can: it is done often, and there are many."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
_MOST_BYTES = 1 << 16


def numbers(proc: Path = PROC) -> list[int]:
    """Return the ids of all processes, kernel threads among them."""
    return [int(name) for name in os.listdir(proc) if name.isdigit()]  # noqa: PTH208  (many, and often)


def read(number: int, file: str, proc: Path = PROC) -> bytes:
    """Return the beginning (64 KiB) of a file of a process; OSError where it has ended."""
    handle = os.open(f"{proc}/{number}/{file}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(handle, _MOST_BYTES)
    finally:
        os.close(handle)
