"""A host in miniature, and the lab's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.conftest import module_stand, stand  # noqa: F401  (fixtures)
from tests.keeper.given import Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.disk("253:0", "254:16")
    host.disk("253:1", "254:16")
    return host
