"""An operation: a durable piece of work with steps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from teig.model.names import OperationId


class OperationState(StrEnum):
    """How far an operation is."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    """For its guest, which was asked to shut down, or for its host, which does not answer. Others go on meanwhile.

    This is how an operation that runs is shown. It is never stored: servers of an earlier release could not read it."""
    UNDOING = "undoing"
    DONE = "done"
    FAILED = "failed"
    """It failed and everything that it had done was undone."""
    CANCELLED = "cancelled"
    """Somebody did not want it any more, and what can be undone of it was undone."""
    STUCK = "stuck"
    """It failed and could not undo everything: a person must look."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self not in _OPEN


_OPEN = frozenset({OperationState.QUEUED, OperationState.RUNNING, OperationState.WAITING, OperationState.UNDOING})


@dataclass(frozen=True)
class StepRecord:
    """One step as it went: when it began and ended (seconds since 1970, UTC; None: not yet), and what to know of it."""

    name: str
    state: str
    started: float | None
    ended: float | None
    note: str = ""


@dataclass(frozen=True)
class Operation:
    """A durable piece of work: its kind, for example `guest_create`, what it is about, its steps and its error."""

    id: OperationId
    kind: str
    subject: str
    host: str | None
    state: OperationState
    steps: tuple[StepRecord, ...]
    error: dict[str, Any] | None
    created: float
    ended: float | None
