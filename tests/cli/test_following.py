"""Waiting for a guest: what passes by itself is waited for, what somebody must see to is told at once."""

from __future__ import annotations

from typing import Any

import pytest

from teig.cli import following
from teig.cli.client import Api
from teig.model.errors import OperatorError


class Told(Api):
    """A server that tells of a guest what it is given, one after the other."""

    def __init__(self, *told: dict[str, Any]) -> None:
        self.told = [{"answers": None, "held": "", "ready_port": 80, **one} for one in told]

    def get(self, *_: Any, **__: Any) -> Any:
        return self.told.pop(0)


def test_a_guest_that_the_keeper_holds_back_for_a_while_is_waited_for() -> None:
    held = {"state": "paused", "held": "It connects its disks anew too often."}
    api = Told({"state": "running"}, held, {"state": "running", "answers": True})
    following.await_answer(api, "/guests/web", "web")
    assert api.told == []


def test_a_guest_that_somebody_has_paused_is_told_at_once() -> None:
    with pytest.raises(OperatorError, match="does not answer on port 80: it is paused"):
        following.await_answer(Told({"state": "paused"}), "/guests/web", "web")
