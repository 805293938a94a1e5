"""Which agent this is, and whether another one was put in its place."""

from __future__ import annotations

import os
import pkgutil
import sys
from typing import Optional


def version() -> str:
    """Return the version that `teig.fleet.agent_bundle` put into the bundle, `source` where this is not a bundle."""
    try:
        packed = pkgutil.get_data("teig.agent", "version.txt")
    except OSError:
        packed = None
    return packed.decode().strip() if packed else "source"


def _file() -> Optional[tuple[int, int]]:
    """Return what tells the file that this process runs from another one with its name."""
    try:
        found = os.stat(sys.argv[0])  # noqa: PTH116
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


_STARTED_FROM = _file()


def replaced() -> bool:
    """Return whether the file that this process was started from is another one now, or gone."""
    return _file() != _STARTED_FROM
