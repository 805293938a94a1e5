"""An agent to talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.given import Asking, agent


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    with agent(tmp_path) as asking:
        assert "ok" in asking.ask("hello", protocol=1)
        yield asking
