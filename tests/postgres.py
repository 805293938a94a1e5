"""A PostgreSQL of the tests' own: made from Debian's package in a temporary directory, run by an unprivileged user.

It listens on a unix socket only, and it ends with this process, however that ends (`setpriv --pdeathsig`). fsync is
off: nothing in it is worth a disk's time.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from teig.store.database import shared_url

_SETTINGS = {
    "fsync": "off", "full_page_writes": "off", "listen_addresses": "", "max_connections": "400",
    "shared_buffers": "64MB", "autovacuum": "off", "log_min_messages": "fatal", "unix_socket_permissions": "0777",
}  # fmt: skip
_DURABLE = {"fsync": "on", "full_page_writes": "on", "autovacuum": "on"}
START_S = 60.0
# The parent-death signal is sent when the thread that started the program ends: this one ends with the process.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="postgres-starter")
USER = "teig"


class Postgres:
    """A running cluster. `database` makes a new database in it."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = settings

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [_program("postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            argv = _unprivileged(command)
            self._process = process = _STARTER.submit(
                lambda: subprocess.Popen(argv, stdout=log, stderr=log, cwd="/")
            ).result()
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                self.run("SELECT 1")
                return
            said = (self.folder / "log").read_text(errors="replace")
            assert process.poll() is None, f"PostgreSQL ended: {said}"
            assert time.monotonic() < deadline, f"PostgreSQL does not answer: {said}"
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it at once, as a crash would (SIGQUIT), or in good order (SIGINT)."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=30)
            self._process = None

    def url(self, database: str) -> sa.URL:
        """Return the address of a database."""
        return shared_url(f"postgresql://{USER}@/{database}?host={self.folder}")

    def database(self, template: str = "template0") -> sa.URL:
        """Make a database and return its address."""
        name = f"teig{next(self._numbers)}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def run(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement outside of any transaction and return its rows."""
        with psycopg.connect(host=str(self.folder), user=USER, dbname=database, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[Postgres]:
    """Make and run a cluster until the block ends; a `durable` one waits for its disk, for benchmarks."""
    with tempfile.TemporaryDirectory(prefix="teig-pg-", ignore_cleanup_errors=True) as path:
        folder = Path(path)
        if os.geteuid() == 0:
            shutil.chown(folder, *_who())
        made = subprocess.run(
            _unprivileged([_program("initdb"), "-D", f"{path}/data", "-U", USER, "-A", "trust", "-E", "UTF8", "-N"]),
            capture_output=True, text=True, check=False, cwd="/", timeout=120,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout + made.stderr
        postgres = Postgres(folder, {**_SETTINGS, **(_DURABLE if durable else {})})
        try:
            postgres.start()
            yield postgres
        finally:
            postgres.stop()


def _program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, which Debian keeps out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")) or [Path(shutil.which(name) or "")]
    if not found[-1].is_file():
        pytest.fail("PostgreSQL is not installed: run setup/prepare.sh", pytrace=False)
    return str(found[-1])


def _who() -> tuple[str, str]:
    """Return the user and group that PostgreSQL runs as where the tests are run by root, as which it does not."""
    users = {user.pw_name for user in pwd.getpwall()}
    return ("postgres", "postgres") if "postgres" in users else ("nobody", "nogroup")


def _unprivileged(command: list[str]) -> list[str]:
    """Return the command that runs another without privileges and ends it when this process ends."""
    end = f"--pdeathsig={signal.SIGQUIT.name.removeprefix('SIG')}"
    if os.geteuid() != 0:
        return ["setpriv", end, *command]
    user, group = _who()
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", end, *command]
