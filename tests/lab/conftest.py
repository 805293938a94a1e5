"""States that the lab's own tests start from. A failed test shows the last lines of the serial consoles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from teig.lab.hosts import LabHost
from teig.lab.lab import Lab, running_lab
from teig.lab.options import LabOptions
from tests.lab.prepared import prepared_lab
from tests.lab.states import get, start_micro

GUEST_ADDRESS = "10.77.16.1"


@pytest.fixture(scope="package")
def lab_booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(LabOptions(), tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="package")
def host_booted(lab_booted: Lab) -> LabHost:
    return lab_booted.hosts[0]


@pytest.fixture(scope="package")
def host_prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHost]:
    """A host that has image micro."""
    with prepared_lab(tmp_path_factory.mktemp("prepared")) as prepared:
        yield prepared.host


@pytest.fixture(scope="package")
def guest_running(host_prepared: LabHost) -> str:
    """The address of a PV guest with two virtual processors on `host_prepared`."""
    start_micro(host_prepared, "two", GUEST_ADDRESS, vcpus=2)
    get(host_prepared, GUEST_ADDRESS)
    return GUEST_ADDRESS


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and state directory, for tests that build or fail to."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "cache"
