"""Whether a guest is to run after the host's next boot: the file `wanted` beside its description.

The file's age gives the order in which guests are started.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Optional

from teig.agent.host.state import write_whole

RUNNING = "running"
STOPPED = "stopped"


def want(folder: Path, state: str) -> None:
    """Remember whether a guest is to run; what cannot be read is written anew."""
    if _read(folder) != state:
        write_whole(_file(folder), f"{state}\n".encode())


def since(folder: Path) -> Optional[float]:
    """Return since when a guest is to run, None where it is not; one of which that cannot be read comes last."""
    try:
        runs = _file(folder).read_bytes().strip() == RUNNING.encode() and (folder / "spec.json").exists()
        return _file(folder).stat().st_mtime if runs else None
    except FileNotFoundError:
        return None
    except OSError:
        return math.inf


def _read(folder: Path) -> Optional[str]:
    try:
        return _file(folder).read_bytes().decode(errors="replace").strip()
    except OSError:
        return None


def _file(folder: Path) -> Path:
    return folder / "wanted"
