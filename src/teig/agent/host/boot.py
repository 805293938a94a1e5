"""Starting the guests that should run when the host has booted, and stopping them before it goes down (teig-guests).

`guests` keeps a file `wanted` beside each guest's description. They start in the order in which they were first
wanted, by the same code and under the same locks as when the server asks. One that does not start is tried again when
all others had their turn: a bridge or a volume group may come late.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from teig.agent.contract.failure import failure_of
from teig.agent.guests.asked import Asked
from teig.agent.guests.guests import Guests
from teig.agent.guests.wanted import since
from teig.agent.host.state import GOING_DOWN, State, make_private

ROUNDS = 5
PAUSE_S = 15.0
GRACE_S = 90.0
_LOOK_S = 0.5


def wanted(state: State) -> list[str]:
    """Return the guests that should run, in the order in which they are to be started."""
    found = [(when, guest) for guest in state.guests() if (when := since(state.guest_dir(guest))) is not None]
    return [guest for _, guest in sorted(found)]


def start_all(
    state: State, guests: Guests, rounds: int = ROUNDS, pause_s: float = PAUSE_S, down: Path = GOING_DOWN
) -> list[str]:
    """Start all guests that should run; return those that could not be started, after saying why.

    It ends where the host goes down meanwhile.
    """
    down.unlink(missing_ok=True)
    left = wanted(state)
    for attempt in range(rounds):
        if attempt and left and not down.exists():
            time.sleep(pause_s)
        left = [guest for guest in left if down.exists() or not _started(guests, guest)]
    return left


def stop_all(state: State, guests: Guests, grace_s: float = GRACE_S, down: Path = GOING_DOWN) -> None:
    """Ask all guests to shut down, and destroy those that still run after `grace_s` seconds. They stay wanted.

    All have that time, whoever else does not shut down; who reboots instead is asked again.
    """
    make_private(down.parent)
    down.touch()
    for guest in _not_ended(state, guests, time.monotonic() + grace_s):
        try:
            guests.halt(guest)
        except Exception as error:  # noqa: BLE001  (xenstore's errors are RuntimeErrors; the others must stop too)
            _say(f"{guest} was not stopped: {failure_of(error).message}")


def _not_ended(state: State, guests: Guests, deadline: float) -> list[str]:
    """Ask until all have ended or the time is over; return who has not, which is anybody where that is not known."""
    asked, said = Asked(), ""
    while True:
        try:
            left = guests.ask_all_to_stop(asked)
        except Exception as error:  # noqa: BLE001  (whatever it is may pass, and guests must have their time)
            left = state.guests()
            said, before = failure_of(error).message, said
            if said != before:
                _say(f"The guests cannot be asked to shut down now: {said}")
        if not left or time.monotonic() >= deadline:
            return left
        time.sleep(_LOOK_S)


def _started(guests: Guests, guest: str) -> bool:
    """Start a guest that should run; say whether it runs, or need not any more."""
    try:
        domid = guests.start(guest, None)["domid"]
        if domid is not None:
            _say(f"{guests.spec(guest).name} runs as domain {domid}")
    except Exception as error:  # noqa: BLE001  (xenstore's errors are RuntimeErrors; the others must start too)
        failure = failure_of(error)
        _say(f"{guest} did not start: {failure.message} {failure.todo}".strip())
        return False
    return True


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
