"""States that tests of several folders start from, and in which order and company the tests are run."""

from __future__ import annotations

import signal
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from tests.postgres import Postgres, cluster
from tests.simulated import server, server_with_hosts

TEMPLATE = "migrated"
LAB_LIMIT_S = 1800
"""What a test on an emulated host may take on a slow machine; all others have the limit in pyproject.toml."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests on lab hosts more time, and put files with most of them first: what takes long must not begin last."""
    on_labs = [item for item in items if item.get_closest_marker("lab")]
    for item in on_labs:
        item.add_marker(pytest.mark.timeout(LAB_LIMIT_S))
    labs = Counter(item.path for item in on_labs)
    items.sort(key=lambda item: -labs[item.path])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a skipped test fail: it would hide that something is missing, which `make test` ought to have installed."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped: {report.longrepr}"
    return report


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let the programs that tests start heed SIGINT, although it is ignored where the suite runs in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
