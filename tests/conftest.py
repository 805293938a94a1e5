"""States that tests of several folders start from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from tests.postgres import Postgres, cluster
from tests.simulated import server, server_with_hosts

TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for all tests, with a database that has the newest schema, to copy from."""
    with cluster() as postgres, tempfile.TemporaryDirectory() as folder:
        postgres.run(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
        with server(Path(folder), SimulatedFleet([]), postgres.url(TEMPLATE)):
            pass
        yield postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> sa.URL | None:
    """The database of a server: a file in its directory (None), or an empty one in PostgreSQL."""
    if request.param == "sqlite":
        return None
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.database(TEMPLATE)


@pytest.fixture
def host() -> SimulatedHost:
    return SimulatedHost("sim1", memory_mib=2048, cores=4)


@pytest.fixture
def services(tmp_path: Path, host: SimulatedHost, database: sa.URL | None) -> Iterator[Services]:
    with server_with_hosts(tmp_path, host, database=database) as services:
        yield services
