"""`teig serve`: one process with a database, an engine, connections to hosts, and the API on a unix socket.

All it keeps is in one directory of mode 0700: nobody but its owner (and root) reaches the socket or reads the key.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncssh
import structlog
import uvicorn

from teig.api.app import build
from teig.control import transfer_amounts
from teig.control.assembly import services_in
from teig.control.observing import observing
from teig.control.services import Services
from teig.control.telling import telling
from teig.fleet.driver import Fleet
from teig.fleet.name_server import NameServer, parse_place, read_key
from teig.fleet.ssh import SshFleet
from teig.model.errors import Conflict, Fenced, InvalidRequest
from teig.paths import SOCKET, check_socket, make_private
from teig.store.archive import load_all
from teig.store.database import shared_url, sqlite_url

KEY = "id_ed25519"
_M_ARENA_MAX = -8  # malloc.h
_GARBAGE = 50_000
"""How many more objects there must be before Python looks for cycles among the youngest (gc.set_threshold). With its
own 700 each large answer of a host makes it look. Seen with 1,000 hosts: 35 % of an idle server's samples fell into the
decoding of JSON, where it looked, and 1 % with this; the server's whole processor time fell by less."""
CLIENT_SILENT_S = 600.0
"""How long a client of a stream may be silent. One that sends to a guest that takes nothing is not heard meanwhile."""


def main(
    folder: Path,
    database: str | None,
    fleet: Callable[[asyncssh.SSHKey], Fleet] = SshFleet,
    name_server: str | None = None,
    name_server_key: Path | None = None,
) -> None:
    """Serve from `folder` until SIGINT or SIGTERM, alone or with others in the PostgreSQL `database`.

    The `name_server` at an address is told of addresses' names, with the key in a file.
    Conflict where another server has the folder already; Fenced where others have taken over this one's work.
    """
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    _manage_memory()
    check_socket(folder / SOCKET)
    make_private(folder)
    key = _ssh_key(folder / KEY)
    public_key = key.export_public_key().decode().strip()
    url = shared_url(database) if database else None
    lost = threading.Event()

    def lose() -> None:
        lost.set()
        os.kill(os.getpid(), signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again when it has ended
        signal.signal(number, _leave)
    names = _name_server(name_server, name_server_key)
    served = services_in(folder, public_key, fleet(key), url, lose, names)
    with suppress(SystemExit), _only_server(folder), served as services:
        config = _config(services, folder / SOCKET)
        structlog.get_logger().info("the server runs", directory=str(folder))
        with observing(services), telling(services), transfer_amounts.watching(services):
            uvicorn.Server(config).run()
    if lost.is_set():
        raise Fenced(
            "This server did not answer for a while, and others have taken over its work. It has ended.",
            "Start it again: teig serve",
        )


def _config(services: Services, socket: Path) -> uvicorn.Config:
    return uvicorn.Config(
        build(services),
        uds=str(socket),
        log_level="warning",
        access_log=False,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_timeout=CLIENT_SILENT_S,
        timeout_graceful_shutdown=2,
    )


def _name_server(place: str | None, key: Path | None) -> NameServer | None:
    """Return the name server that is told of names, None where there is none; InvalidRequest where half of it is."""
    if place is None and key is None:
        return None
    if place is None or key is None:
        raise InvalidRequest(
            "A name server needs an address and a key.", "Give both: --name-server ADDRESS --name-server-key FILE"
        )
    return NameServer(*parse_place(place), read_key(key))


def restore(folder: Path, untrusted_text: str, database: str | None) -> dict[str, int]:
    """Make a server's state from a backup, in `folder` or the PostgreSQL `database`; return how many rows there are.

    Conflict where the database is not empty, or another SSH key is in `folder`: hosts may know no other.
    """
    try:
        untrusted = json.loads(untrusted_text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("That is not a backup of Teig's state.") from error
    make_private(folder)
    with _only_server(folder):
        url = shared_url(database) if database else sqlite_url(folder / "teig.sqlite")
        key = untrusted.get("ssh_key") if isinstance(untrusted, dict) else None
        if not isinstance(key, str):
            return load_all(url, untrusted, time.time())
        _check_key(key)
        _check_no_other_key(folder / KEY, key)
        return load_all(url, untrusted, time.time(), lambda: _write_key(folder / KEY, key.encode()))


def _manage_memory() -> None:
    """Look for garbage seldom, and let glibc's malloc keep its memory in few places.

    By default each thread has its own, half empty (mallopt(3)).
    """
    gc.set_threshold(_GARBAGE, 20, 20)
    with suppress(AttributeError):  # another C library has no mallopt
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit


@contextmanager
def _only_server(folder: Path) -> Iterator[None]:
    """Hold the folder for this process alone, for as long as it lives."""
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise Conflict(
                f"A server runs in {folder} already (process {lock.read().strip() or 'unknown'}).",
                "Use that one, or stop it first.",
                code="server_running",
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _ssh_key(path: Path) -> asyncssh.SSHKey:
    """Return the server's own SSH key, made when there is none."""
    if not path.exists():
        fresh = asyncssh.generate_private_key("ssh-ed25519", comment="teig")
        _write_key(path, fresh.export_private_key())
    return asyncssh.read_private_key(path)


def _check_key(key: str) -> None:
    try:
        asyncssh.import_private_key(key)
    except (ValueError, asyncssh.KeyImportError) as error:  # UnicodeError is a ValueError
        raise InvalidRequest(
            "That backup of Teig's state is damaged: its SSH key is none.", "Restore another one."
        ) from error


def _check_no_other_key(path: Path, key: str) -> None:
    if path.exists() and path.read_text(errors="replace").strip() != key.strip():
        raise Conflict(
            f"The backup has another SSH key than {path}, and would replace it.",
            "Restore in another directory, or move that key out of the way if no host knows it.",
            code="other_key",
        )


def _write_key(path: Path, key: bytes) -> None:
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_bytes(key)
    partial.rename(path)
