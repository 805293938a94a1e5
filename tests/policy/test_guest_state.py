"""The word for what a guest does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teig.model.guest import GuestState
from teig.policy.guest_life import Phase
from teig.policy.guest_state import state_of
from tests.policy.test_drift import SOUND


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.STOPPED])
def test_one_that_gets_no_processor_is_paused_and_not_said_to_run_or_not_to_answer(phase: Phase) -> None:
    paused = replace(SOUND, state="paused", answers=False, ran_s=1000.0)
    assert state_of(phase, paused, fresh=True) is GuestState.PAUSED
    assert state_of(phase, paused, fresh=False) is GuestState.UNKNOWN
    assert state_of(phase, replace(paused, state="running"), fresh=True) is GuestState.NOT_ANSWERING


def test_one_that_is_being_made_is_not_paused() -> None:
    assert state_of(Phase.CREATING, replace(SOUND, state="paused"), fresh=True) is GuestState.CREATING
