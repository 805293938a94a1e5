"""The jobs that an agent begins: what is seen of them on real and simulated hosts is in `tests.fleet.contract`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.guests.jobs import Jobs, Order
from teig.agent.host.state import State, make_private
from tests.agent.given import GUEST

FIRST, SECOND = "aaaaaaaa-0000-4000-8000-000000000000", "bbbbbbbb-0000-4000-8000-000000000000"


def test_a_job_that_was_called_off_becomes_nobody_else_s(tmp_path: Path) -> None:
    state = State(tmp_path)
    make_private(state.guest_dir(GUEST))
    jobs, may_end = Jobs(state), tmp_path / "may-end"

    def body(**_: Any) -> dict[str, Any]:
        while not may_end.exists():
            time.sleep(0.01)
        return {}

    first = Order(GUEST, 1, "guest_reboot", {"grace_s": 60}, FIRST)
    jobs.begin(first, body)
    assert jobs.begin(first._replace(fence=2, operation=SECOND), body)["state"] == "running", "taken over"
    jobs.cancel(GUEST, 2)
    with pytest.raises(Failure) as caught:
        jobs.begin(first._replace(fence=3), body)
    assert caught.value.code == "job_running"
    may_end.touch()
    deadline = time.monotonic() + 30
    while jobs.show(GUEST, 3)["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
