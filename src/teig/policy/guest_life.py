"""A guest's life: its phases, what may be asked of it in each, and where success and failure leave it.

A phase is what is meant to be so with a guest; whether it is so, its host says. A failure leaves a guest in the phase
in which it was, marked *attention* with the reason; what is different stands in `LIFE`. docs/architecture.md shows the
table below as a drawing, and a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from teig.model.errors import Conflict


class Phase(StrEnum):
    """What is meant to be so with a guest."""

    CREATING = "creating"
    RUNNING = "running"
    STOPPED = "stopped"
    DELETING = "deleting"


class Verb(StrEnum):
    """What can be asked of a guest; an operation's kind is `guest_VERB`."""

    CREATE = "create"
    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    RESIZE = "resize"
    MEND = "mend"
    READDRESS = "readdress"
    LIMIT = "limit"
    DELETE = "delete"


@dataclass(frozen=True)
class Change:
    """Where a verb may begin, and the phase that success and failure leave (None: the one before).

    `gone`: the guest is no more after success. `clears`: success takes the mark *attention* away.
    """

    begins: frozenset[Phase]
    done: Phase | None = None
    failed: Phase | None = None
    gone: bool = False
    clears: bool = False


_ALIVE: Final = frozenset({Phase.RUNNING, Phase.STOPPED})
LIFE: Final[dict[Verb, Change]] = {
    Verb.CREATE: Change(frozenset({Phase.CREATING}), done=Phase.RUNNING, failed=Phase.DELETING),
    Verb.START: Change(_ALIVE, done=Phase.RUNNING, clears=True),
    Verb.STOP: Change(_ALIVE, done=Phase.STOPPED, clears=True),
    Verb.REBOOT: Change(_ALIVE, done=Phase.RUNNING, clears=True),
    Verb.RESIZE: Change(_ALIVE),
    Verb.MEND: Change(_ALIVE, clears=True),
    Verb.READDRESS: Change(_ALIVE),
    Verb.LIMIT: Change(_ALIVE),
    Verb.DELETE: Change(frozenset(Phase), failed=Phase.DELETING, gone=True),
}


def kind_of(verb: Verb) -> str:
    """Return the kind of operation that does a verb."""
    return f"guest_{verb}"


def verb_of(kind: str) -> Verb:
    """Return the verb that a kind of operation does."""
    return Verb(kind.removeprefix("guest_"))


def check_may_begin(verb: Verb, name: str, phase: Phase) -> None:
    """Raise Conflict where a verb may not begin in a phase, with the verb that leads out of it."""
    if phase in LIFE[verb].begins:
        return
    raise Conflict(
        f"Guest {name} cannot be asked to {verb}: it is half {'deleted' if phase is Phase.DELETING else 'made'}.",
        f"Finish it: {way_out(name, phase, attention=True)}",
        code=phase.value,
    )


def way_out(name: str, phase: Phase, *, attention: bool) -> str | None:
    """Return the command that leads out of a phase or clears the mark *attention*; None where nothing need be done."""
    if phase is Phase.DELETING or (phase is Phase.CREATING and attention):
        return f"teig guest delete {name}"
    if not attention or phase is Phase.CREATING:
        return None
    return f"teig guest {'mend' if phase is Phase.RUNNING else 'start'} {name}"


def drawing() -> str:
    """Return the phases and what leads from one to another, as a Mermaid state diagram (https://mermaid.js.org)."""
    lines = ["stateDiagram-v2", "    [*] --> creating: create"]
    for verb, change in LIFE.items():
        for phase in sorted(change.begins):
            if verb is not Verb.CREATE or phase is not Phase.CREATING:
                lines.append(f"    {phase} --> {'[*]' if change.gone else change.done or phase}: {verb}")
            else:
                lines.append(f"    {phase} --> {change.done}: done")
            if change.failed not in {None, phase}:
                lines.append(f"    {phase} --> {change.failed}: {verb} fails")
    return "\n".join(lines)
