"""Hosts that do not answer, and what is so when they do again."""

from __future__ import annotations

import time

import pytest

from teig.model.errors import Unreachable
from teig.model.guest import GuestSpec
from tests.fleet.conftest import await_that
from tests.fleet.contract.stand import Stand


def test_a_silent_host_is_told_so_in_time_and_goes_on_afterwards(stand: Stand) -> None:
    spec = stand.spec()
    claim = stand.prepare(spec)
    domid = stand.start(claim)
    with stand.silent():
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(Unreachable):
                stand.host.guest(spec.id, timeout_s=2.0)
        assert time.monotonic() - began < 30
    await_that(lambda: _answers(stand, spec), "the host to answer")
    assert stand.host.guest(spec.id).domid == domid
    assert stand.seen(spec) is not None


def _answers(stand: Stand, spec: GuestSpec) -> bool:
    """Ask once: on a slow machine it may take the host a minute to do all that was asked of it meanwhile."""
    try:
        stand.host.guest(spec.id)
    except Unreachable:
        return False
    return True
