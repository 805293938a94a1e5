"""First contact with a host, over the administrator's own `ssh`: the server has no key there yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teig.cli.client import Api
from teig.cli.progress import Board


@dataclass(frozen=True)
class Login:
    """How the administrator reaches the machine: what ssh takes as its destination, its configuration file, a port."""

    target: str
    config: Path | None = None
    port: int | None = None


def enrol(api: Api, login: Login, site: str, name: str | None, board: Board) -> dict[str, Any]:
    raise NotImplementedError


def uninstall(login: Login) -> None:
    raise NotImplementedError
