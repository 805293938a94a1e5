"""Jobs of simulated hosts: begun at once, ended when their time has come, lost or cancelled in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from teig.fleet.driver import Claim
from teig.model.errors import TeigError
from teig.model.job import Job, JobState

Key = tuple[object, ...]
"""A verb and its arguments: two jobs with the same are the same work."""


@dataclass(frozen=True)
class Work:
    """What a job does: `begin` at once, which may leave things half done, and `end` when it has lasted its time.

    `bytes` are those that it writes or wipes. One that is not `cancellable` goes on to its end.
    """

    key: Key
    begin: Callable[[], None]
    end: Callable[[], dict[str, Any]]
    lasts_s: float = 0.0
    bytes: int = 0
    cancellable: bool = True


@dataclass(eq=False)
class SimulatedJob:
    """The newest job of a guest: its work, under which fence, from when to when, and what came of it."""

    work: Work
    fence: int
    began: float
    state: JobState = JobState.RUNNING
    result: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    operation: str = ""

    def is_done_by(self, claim: Claim) -> bool:
        """Whether what was done counts for a claim: under the same fence, or for the same operation."""
        return self.fence == claim.fence or (self.operation != "" and self.operation == claim.operation)

    def taken_over(self, claim: Claim) -> SimulatedJob:
        """Let it be a newer claim's, and return it."""
        self.fence, self.operation = claim.fence, claim.operation
        return self

    @property
    def verb(self) -> str:
        """What it does."""
        return str(self.work.key[0])

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.state is JobState.RUNNING

    def do(self, part: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
        """Do a part of the work; it has failed where that raises."""
        try:
            return part() or {}
        except TeigError as error:
            self.fail(error)
            return {}

    def end(self) -> None:
        """Do the rest of the work, if it still runs."""
        if self.runs:
            result = self.do(self.work.end)
        if self.runs:
            self.state, self.result = JobState.DONE, result

    def fail(self, error: TeigError) -> None:
        """End it with an error."""
        self.state, self.error = JobState.FAILED, error.as_record()

    def told(self, now: float) -> Job:
        """Return it as a host tells of it."""
        part = 1.0 if self.work.lasts_s <= 0 else min(1.0, (now - self.began) / self.work.lasts_s)
        done = self.work.bytes if self.state is JobState.DONE else int(part * self.work.bytes)
        return Job(self.verb, self.state, done, self.work.bytes, self.result, self.error, self.operation)
