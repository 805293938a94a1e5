"""`teig serve`: one process with a database, an engine, connections to hosts, and the API on a unix socket.

All it keeps is in one directory of mode 0700: nobody but its owner (and root) reaches the socket or reads the key.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import structlog
import uvicorn

from teig.api.app import build
from teig.control.assembly import services_in
from teig.fleet.ssh import SshFleet
from teig.model.errors import Conflict


def main(folder: Path) -> None:
    """Serve from `folder` until SIGINT or SIGTERM. Conflict where another server has the folder already."""
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    key = _ssh_key(folder / "id_ed25519")
    public_key = key.export_public_key().decode().strip()
    with _only_server(folder), services_in(folder, public_key, SshFleet(key)) as services:
        config = uvicorn.Config(
            build(services),
            uds=str(folder / "teig.sock"),
            log_level="warning",
            access_log=False,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=2,
        )
        uvicorn.Server(config).run()


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
        partial = path.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_bytes(fresh.export_private_key())
        partial.rename(path)
    return asyncssh.read_private_key(path)
