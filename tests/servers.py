"""Real servers over simulated hosts that they share: `python -m tests.servers FOLDER SOCKET [DATABASE]`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import sqlalchemy as sa

from teig.api.server import main
from teig.cli.client import Api
from teig.cli.main import say
from teig.control import images
from teig.fleet.driver import Fleet
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.fleet.ssh import SshFleet
from teig.model.errors import TeigError
from teig.model.operation import OperationState
from teig.record import dump
from tests.shared_fleet import SharedFleet
from tests.simulated import CONTENTS, HOST_KEY, manifest

ROOT = Path(__file__).parents[1]
DEADLINE_S = 60.0
REAL_HOSTS = Path("ssh")
"""In the place of the socket of shared hosts: real ones, over SSH."""
OWN_HOST = Path("own")
"""In its place: one simulated host in the server's own process, `sim0`, which costs next to nothing."""


class Served:
    """A server process and its API."""

    def __init__(
        self, folder: Path, socket: Path, database: sa.URL | None, program: tuple[str, ...] = ("-m", "tests.servers")
    ) -> None:
        self.folder = folder
        self.database = database
        self.api = Api(folder / "teig.sock")
        self._argv = [sys.executable, *program, str(folder), str(socket)]
        if database is not None:
            self._argv.append(database.render_as_string(hide_password=False))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.begin()
        until(lambda: self.up() or self.process is None or self.process.poll() is not None, "the server's start")
        assert self.process is not None
        assert self.process.poll() is None, self.log()

    def begin(self) -> None:
        """Start it, and do not wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            # Its words go through a pipe, so that a limit on the size of its files meets its database only.
            self.process = subprocess.Popen(self._argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            assert self.process.stdout is not None
            subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=log)
            self.process.stdout.close()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill it with SIGKILL and wait until it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=30)

    def ended(self) -> bool:
        """Return whether it has ended."""
        return self.process is None or self.process.poll() is not None

    def log(self) -> str:
        """Return what it said."""
        return (self.folder / "log").read_text(errors="replace")

    def up(self) -> bool:
        """Return whether it answers."""
        try:
            pid = self.api.get("/server", timeout_s=5.0)["pid"]
        except TeigError:
            return False
        return self.process is not None and bool(pid == self.process.pid)


@contextmanager
def serving(base: Path, count: int, socket: Path, database: sa.URL | None) -> Iterator[list[Served]]:
    """Run servers until the block ends. They share the database, one SSH key and the images."""
    servers = [Served(base / f"server{number}", socket, database) for number in range(count)]
    images_dir = base / "images"
    images_dir.mkdir(parents=True, exist_ok=True)
    for server in servers:
        server.folder.mkdir(parents=True, exist_ok=True)
        (server.folder / "images").symlink_to(images_dir)
    try:
        servers[0].start()
        for server in servers[1:]:
            (server.folder / "id_ed25519").write_bytes((servers[0].folder / "id_ed25519").read_bytes())
            (server.folder / "id_ed25519").chmod(0o600)
            server.begin()
        for server in servers[1:]:
            until(server.up, "a server's start")
        yield servers
    finally:
        for server in servers:
            server.kill()


def enrol(server: Served, hosts: list[str], last_address: str = "10.77.31.255") -> None:
    """Add a site, hosts with rated pools, and an image."""
    api = server.api
    api.post(
        "/sites",
        {
            "name": "lab", "country": "NO", "operator": "us", "network": "10.77.0.0/16", "gateway": "10.77.0.1",
            "first_address": "10.77.16.0", "last_address": last_address, "bridge": "xenbr0",
        },
    )  # fmt: skip
    for name in hosts:
        api.post("/hosts", {"name": name, "address": name, "port": 22, "host_key": HOST_KEY, "site": "lab"})
        api.post(f"/pools/{name}/bench", {})
    announced = manifest()
    folder = server.folder / "images" / images.identity(announced)
    folder.mkdir(parents=True)
    for file, data in CONTENTS.items():
        (folder / file).write_bytes(data)
    api.post("/images", {"manifest": dump(announced)})


def create(server: Served, name: str, **more: Any) -> dict[str, Any]:
    """Begin to make a tiny guest and return the operation."""
    made: dict[str, Any] = server.api.post("/guests", {"name": name, "plan": "tiny", "image": "micro", **more})
    return made


def ended(server: Served, operation: dict[str, Any], deadline_s: float = DEADLINE_S) -> dict[str, Any]:
    """Return an operation once it has ended."""
    deadline = time.monotonic() + deadline_s
    while True:
        found: dict[str, Any] = server.api.get(f"/operations/{operation['id']}", wait_s=5, seen=operation["seen"])
        if OperationState(found["state"]).ended:
            return found
        operation = found
        assert time.monotonic() < deadline, f"it has not ended after {deadline_s} s: {found}"


def until(holds: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> float:
    """Wait until something holds and return how many seconds that took."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() < begin + deadline_s, f"{what}: not after {deadline_s} s"
        time.sleep(0.05)
    return time.monotonic() - begin


def _fleet(key: asyncssh.SSHKey) -> Fleet:
    """Return the fleet that the arguments name."""
    socket = Path(sys.argv[2])
    if socket == OWN_HOST:
        return SimulatedFleet([SimulatedHost("sim0", memory_mib=65536)])
    return SshFleet(key) if socket == REAL_HOSTS else SharedFleet(socket)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[3] if len(sys.argv) > 3 else None, _fleet)
    except TeigError as error:
        say(error.message, error.todo)
        os._exit(error.exit_code)
    os._exit(0)
