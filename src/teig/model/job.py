"""A job: work on one guest that takes its host longer than an answer may. It is begun, asked after, or cancelled."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from teig.model.errors import InvalidRequest

JOB_CANCELLED: Final = "job_cancelled"


class JobState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Job:
    """A job as its host tells of it: the verb, how far it is, its result or its error.

    `done_bytes` of `total_bytes` are written or wiped; both are 0 where the work is not counted in bytes. `error` is
    what `teig.model.errors.from_record` reads; a job that was cancelled failed with the code `JOB_CANCELLED`.
    `operation` is for which operation it was begun last, empty where the agent is too old to tell.
    """

    verb: str
    state: JobState
    done_bytes: int = 0
    total_bytes: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    operation: str = ""

    def __post_init__(self) -> None:
        """Refuse a job that has failed and says not why, or the reverse: it would be taken for done."""
        if (self.state is JobState.FAILED) != (self.error is not None):
            raise InvalidRequest(f"A job that is {self.state} with the error {self.error!r:.80} cannot be.")
        if min(self.done_bytes, self.total_bytes) < 0:
            raise InvalidRequest(f"{self.done_bytes} of {self.total_bytes} bytes cannot be done.")
