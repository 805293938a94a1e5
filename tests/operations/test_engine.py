"""What was begun goes on after the server was killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from teig.control import guests, operations
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.operation import OperationState
from tests.simulated import server, wait

KILLED = """
import sys, time
from pathlib import Path
from teig.control import guests
from teig.fleet.simulated import SimulatedHost
from tests.simulated import server_with_hosts, wish

host = SimulatedHost("sim1")
host.volume_create = lambda *_: (Path(sys.argv[1], "reached").touch(), time.sleep(600))
with server_with_hosts(Path(sys.argv[1]), host) as services:
    guests.create(services, wish("web"))
    time.sleep(600)
"""


def test_an_operation_survives_kill_9(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=Path(__file__).parents[2]) as process:
        deadline = time.monotonic() + 30
        while not (tmp_path / "reached").exists():
            assert process.poll() is None, "the server ended by itself"
            assert time.monotonic() < deadline, "the volume step was not reached in 30 s"
            time.sleep(0.05)
        process.kill()
    host = SimulatedHost("sim1")
    with server(tmp_path, SimulatedFleet([host])) as services:
        image = guests.listed(services)[0].guest.spec.image
        host.images.add(image)
        [operation] = operations.listed(services, 10)
        assert wait(services, operation).state is OperationState.DONE
        assert guests.view(services, "web").on_host is not None
