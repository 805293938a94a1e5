"""States that tests of several folders start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from tests.simulated import server_with_hosts


@pytest.fixture
def host() -> SimulatedHost:
    return SimulatedHost("sim1", memory_mib=2048, cores=4)


@pytest.fixture
def services(tmp_path: Path, host: SimulatedHost) -> Iterator[Services]:
    with server_with_hosts(tmp_path, host) as services:
        yield services
