"""Where Teig keeps things on this machine (XDG Base Directory Specification)."""

from __future__ import annotations

import os
from pathlib import Path


def state_dir() -> Path:
    """Return the directory for what must not be lost: the server's and the lab's state."""
    return _base("XDG_STATE_HOME", ".local/state") / "teig"


def cache_dir() -> Path:
    """Return the directory for what can be made again: images and their builds."""
    return _base("XDG_CACHE_HOME", ".cache") / "teig"


def server_dir() -> Path:
    """Return the private directory of `teig serve`: database, SSH key, images, socket and log."""
    return state_dir() / "server"


def socket_path() -> Path:
    """Return the unix socket that `teig serve` listens on and the command line talks to."""
    return server_dir() / "teig.sock"


def _base(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / default
