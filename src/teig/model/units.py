"""Sizes: MiB for memory, bytes for disks."""

from __future__ import annotations

import re
from typing import Final

from teig.model.errors import InvalidRequest

MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB

_FACTORS: Final = {"B": 1, "K": 1024, "M": MIB, "G": GIB, "T": 1024 * GIB}
_SIZE: Final = re.compile(r"(\d{1,30})\s*(B|[KMGT](?:i?B)?)", re.IGNORECASE | re.ASCII)


def parse_size(untrusted_text: str) -> int:
    """Return the bytes that a size such as `512M` or `10G` (powers of 1024, as LVM reads them) stands for.

    Raises InvalidRequest where it is no size, has no unit (who writes 10 means 10G, and not ten bytes), or is 0.
    """
    match = _SIZE.fullmatch(untrusted_text.strip())
    size = int(match[1]) * _FACTORS[match[2][0].upper()] if match else 0
    if size <= 0:
        raise InvalidRequest(
            f"{untrusted_text!r:.80} is not a size.", "Write a number and a unit, for example 512M or 10G."
        )
    return size


def show_size(size_bytes: int) -> str:
    """Return bytes in the largest unit that keeps a whole number or one decimal, for example `1.5 GiB`."""
    value, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"
