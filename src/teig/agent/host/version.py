"""Which agent this is."""

from __future__ import annotations

import pkgutil


def version() -> str:
    """Return the version that `teig.fleet.agent_bundle` put into the bundle, `source` where this is not a bundle."""
    try:
        packed = pkgutil.get_data("teig.agent", "version.txt")
    except OSError:
        packed = None
    return packed.decode().strip() if packed else "source"
