"""What a guest is said to be doing: its phase and what was seen of it, in one word."""

from __future__ import annotations

from typing import Final

from teig.model.guest import GuestState
from teig.model.host import GuestOnHost
from teig.policy.guest_life import Phase

ANSWERS_AFTER_S: Final = 180.0
"""A guest that does not take connections so long after its start is said not to answer."""


def state_of(phase: Phase, on_host: GuestOnHost | None, *, fresh: bool) -> GuestState:
    """Return the word for a guest from its host's own (None: it has nothing of it). Not `fresh`: seen too long ago."""
    if on_host is None:
        return word(phase, "stopped", running=False, answers=None, ran_s=None, fresh=fresh)
    running = on_host.runs
    return word(phase, on_host.state, running=running, answers=on_host.answers, ran_s=on_host.ran_s, fresh=fresh)


def word(
    phase: Phase, state: str, *, running: bool, answers: bool | None, ran_s: float | None, fresh: bool
) -> GuestState:
    """Return the word for a guest from single figures, as lists have them."""
    if phase in {Phase.CREATING, Phase.DELETING}:
        return GuestState(phase.value)
    if not fresh:
        return GuestState.UNKNOWN
    if state == "crashed":
        return GuestState.CRASHED
    if running and state == "paused":
        return GuestState.PAUSED
    if running:
        late = answers is False and ran_s is not None and ran_s >= ANSWERS_AFTER_S
        return GuestState.NOT_ANSWERING if late else GuestState.RUNNING
    return GuestState.STOPPED if phase is Phase.STOPPED else GuestState.MISSING
