"""Where Teig keeps things on this machine (XDG Base Directory Specification)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from teig.model.errors import OperatorError

SOCKET: Final = "teig.sock"
MOST_SOCKET_PATH: Final = 107
"""Bytes of a unix socket's path that Linux takes (unix(7))."""
_ELSEWHERE: Final = "XDG_STATE_HOME=/DIRECTORY"


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
    return server_dir() / SOCKET


def check_socket(path: Path) -> None:
    """Refuse a socket's path that is too long: OperatorError says how to get a shorter one."""
    if len(os.fsencode(path)) > MOST_SOCKET_PATH:
        raise OperatorError(
            f"The path of the server's socket has more than {MOST_SOCKET_PATH} bytes: {path}.",
            f"Choose a shorter one: {_ELSEWHERE}",
            code="long_socket",
        )


def make_private(folder: Path) -> None:
    """Make the server's directory where it is missing, for its owner alone; OperatorError says why it cannot be."""
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise OperatorError(
            f"The server's directory {folder} cannot be used: {error.strerror}.",
            f"Mend that, or choose another place: {_ELSEWHERE}",
            code="no_directory",
        ) from error


def _base(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / default
