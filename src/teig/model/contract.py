"""The agent's contract, asked from this side: what a host's agent would refuse is no noun of ours to begin with."""

from __future__ import annotations

from typing import Any

from teig.agent.contract.arguments import Check
from teig.agent.contract.failure import Failure
from teig.model.errors import InvalidRequest


def held(check: Check, name: str, untrusted: Any) -> Any:
    """Return what a check of the contract makes of a value; what it refuses, InvalidRequest says with the `name`."""
    try:
        return check(name, untrusted)
    except Failure as failure:
        raise InvalidRequest(failure.message, failure.todo, code=failure.code) from failure
