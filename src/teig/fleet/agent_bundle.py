"""The agent as one file that Python runs: `teig/agent` packed into a zipapp. The same sources give the same bytes."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import teig.agent

_START = b"#!/usr/bin/python3 -I\n"
_MAIN = b"import sys\n\nfrom teig.agent.__main__ import main\n\nsys.exit(main(sys.argv[1:]))\n"
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Bundle:
    """The file's bytes, and its version: the first 16 digits of the SHA-256 of its sources."""

    data: bytes
    version: str


@cache
def bundle() -> Bundle:
    """Return the agent of this Teig."""
    folder = Path(teig.agent.__file__).parent
    entries = {f"teig/agent/{path.relative_to(folder)}": path.read_bytes() for path in sorted(folder.rglob("*.py"))}
    entries |= {"__main__.py": _MAIN, "teig/__init__.py": b""}
    digest = hashlib.sha256()
    for name, data in sorted(entries.items()):
        digest.update(f"{name} {len(data)}\n".encode() + data)
    version = digest.hexdigest()[:16]
    entries["teig/agent/version.txt"] = f"{version}\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(entries.items()):
            archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)
    return Bundle(_START + packed.getvalue(), version)
