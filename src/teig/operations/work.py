"""What the steps of an operation work with, and how a list of steps runs to its end or is undone.

An operation file holds its steps with their undo, and their bodies. Bodies are idempotent: after a crash the step that
was under way runs again. They take what they need from the database and the operation's parameters, never from one
another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
import structlog

from teig.fleet.driver import Claim, Fleet, Host, HostAddress
from teig.model.errors import (
    Busy,
    Conflict,
    DatabaseFault,
    Fenced,
    HostFault,
    InternalFault,
    NotFound,
    TeigError,
    Unreachable,
    from_record,
)
from teig.model.image import Image
from teig.model.job import JOB_CANCELLED, Job, JobState
from teig.model.names import GuestId, OperationId
from teig.model.operation import OperationState, StepRecord
from teig.policy.guest_life import Verb, kind_of
from teig.policy.placement import PlacementDecision, affirm
from teig.store import guests, hosts, images, observations, operations, reservations
from teig.store.database import Database
from teig.store.guests import StoredGuest
from teig.store.hosts import StoredHost
from teig.store.operations import Lease

T = TypeVar("T")
log = structlog.get_logger()
CANCELLED: Final = Conflict("It was cancelled, and what can be undone of it was undone.", code="cancelled")
OF_THE_PAST: Final = "of_the_past"
JOB_PAUSES_S: Final = (0.05, 1.0)
"""How long a step waits before it asks after its host's job again: at first, and at the most."""
CANCEL_LOOKED_FOR_S: Final = 1.0
STALLED_S: Final = 2 * 3600.0
"""How long a job may make no progress that can be seen: a guest has an hour to shut down."""
END_JOB_S: Final = 600.0
"""How long a job may go on that was cancelled: a start is carried to its end."""
HOST_BACK_S: Final = 120.0
"""How long a host may be silent while it works on a job."""


class Dropped(BaseException):
    """This run of an operation stops here and records nothing: another has it now, or the same goes on later.

    Not an Exception, which DBOS would take for the operation's outcome.
    """


@dataclass(frozen=True)
class Parts:
    """What the server is made of, as operations need it. `now` returns seconds since 1970; `pause` waits seconds.

    `closing` is set when the server ends: what waits then stops waiting.
    """

    db: Database
    fleet: Fleet
    image_dir: Path
    now: Callable[[], float]
    pause: Callable[[float], None]
    closing: threading.Event = field(default_factory=threading.Event)


class Run:
    """One run of an operation under one lease. Once another run has a newer one, this one can change nothing."""

    def __init__(self, parts: Parts, lease: Lease, on_wait: Callable[[bool], None] = lambda _waits: None) -> None:
        """Prepare a run; `on_wait` is told when it begins to wait for somebody, and when it goes on."""
        self.parts = parts
        self.lease = lease
        self._steps = lease.operation.steps
        self._on_wait = on_wait
        self._waits = False
        self._is_of_today = lease.fresh
        self.runs_by_another: bool | None = None
        """Whether its guest runs, where `check_of_today` has found that it was worked on since."""

    @property
    def operation(self) -> OperationId:
        """The operation's id."""
        return self.lease.operation.id

    def write(self, change: Callable[[sa.Connection], T]) -> T:
        """Change the database in one transaction; Dropped where this run has lost its lease, or the database fails."""

        def checked(connection: sa.Connection) -> T:
            operations.check_lease(connection, self.lease)
            return change(connection)

        return self._note(checked)

    def check_of_today(self, work: Work) -> None:
        """Raise Conflict where the guest's host has seen this run's fencing number: that was another operation's.

        So it is where the database is an earlier one's copy, which its own means made: the guest has gone on since. Who
        has a lease as soon as they ask means the guest as it is now.
        """
        if self._is_of_today:
            return
        try:
            seen = work.host.guest(work.guest_id)
        except NotFound:
            seen = None
        if seen is not None and seen.fence >= self.lease.fence:
            self.runs_by_another = seen.has_domain
            raise Conflict(
                f"Guest {work.guest.spec.name} was worked on since this operation was asked for, by a server that does "
                "not know of it: the database was put back to an earlier state, or is another's copy.",
                "See what came of the guest: teig guest show NAME, teig drift",
                code=OF_THE_PAST,
            )
        self._is_of_today = True

    def begin(self, step: str, state: OperationState, *, heeds: bool) -> Work | None:
        """Write down that a step begins, and so that the one before is done, and return what it works with.

        None where the operation was cancelled and `heeds` that. A step that began before a crash keeps its first time.
        After a power cut it may be forgotten that it began: so a later run that fails undoes all steps.
        """
        now = self.parts.now()
        steps = self._closed(now, but=step)
        if step not in {known.name for known in steps}:
            steps = (*steps, StepRecord(step, "running", now, None))

        def change(connection: sa.Connection) -> Work | None:
            wanted = operations.advance(connection, self.lease, state, steps, heeds=heeds)
            return self.work(connection, heeds=heeds) if wanted else None

        work = self._note(change, lasting=False)
        self._steps = steps if work else self._steps
        self._waits = False
        self._on_wait(False)
        return work

    def wait(self, waits: bool) -> None:
        """Write down that this run only waits, for a guest or for a silent host, or that it goes on.

        What waits takes no place of what does not.
        """
        if waits == self._waits:
            return
        self._note(lambda connection: operations.wait(connection, self.lease, waits), lasting=False)
        self._waits = waits
        self._on_wait(waits)

    def remark(self, note: str) -> None:
        """Let the step that runs say something about how it went; it is written down with what comes next."""
        self._steps = tuple(replace(known, note=note) if known.ended is None else known for known in self._steps)

    def failed(self, step: str, state: OperationState) -> None:
        """Write down that a step has failed."""
        now = self.parts.now()
        self._steps = tuple(
            replace(known, state="failed", ended=now) if known.name == step else known for known in self._steps
        )
        self._note(
            lambda connection: operations.advance(connection, self.lease, state, self._steps, heeds=False),
            lasting=False,
        )

    def end(
        self,
        state: OperationState,
        error: dict[str, Any] | None,
        close_books: Callable[[sa.Connection, Work], None] | None,
    ) -> None:
        """Write down how the operation ended, and close the books in the same transaction."""

        def change(connection: sa.Connection) -> None:
            if close_books is not None:
                close_books(connection, self.work(connection))
            now = self.parts.now()
            operations.end(connection, self.lease, state, self._closed(now), error, now)

        self.write(change)

    def end_bare(self, state: OperationState, error: dict[str, Any], change: Callable[[sa.Connection], None]) -> None:
        """Write down how the operation ended and make one plain change, where the books cannot be closed as usual."""

        def both(connection: sa.Connection) -> None:
            change(connection)
            operations.end(connection, self.lease, state, self._steps, error, self.parts.now())

        self.write(both)

    @property
    def has_begun(self) -> bool:
        """Whether a step has begun, in this run or an earlier one."""
        return bool(self._steps)

    def may_have_begun(self, step: str) -> bool:
        """Return whether a step has begun in this run, or may have in an earlier one."""
        return self.lease.taken_over or step in {known.name for known in self._steps}

    def _closed(self, now: float, but: str = "") -> tuple[StepRecord, ...]:
        return tuple(
            replace(known, state="done", ended=now) if known.ended is None and known.name != but else known
            for known in self._steps
        )

    def _note(self, change: Callable[[sa.Connection], T], *, lasting: bool = True) -> T:
        try:
            return self.parts.db.update(change, lasting=lasting)
        except (Fenced, DatabaseFault) as error:
            log.warning("this run of an operation stops", operation=self.operation, why=str(error))
            raise Dropped from error

    def work(self, connection: sa.Connection, *, heeds: bool = False) -> Work:
        """Return what a step works with, as it is now.

        InternalFault where the guest's row has gone, which no step may bring about but the last.
        """
        guest = guests.by_id(connection, self.lease.guest)
        if guest is None:
            raise InternalFault(f"Operation {self.operation} lost the row of its guest {self.lease.guest}.")
        pools = reservations.of_guest(connection, guest.id, guest.host)
        return Work(self, guest, hosts.by_id(connection, guest.host), next(iter(pools), ""), heeds)


@dataclass(frozen=True)
class Work:
    """One step's view of its operation: its guest, the host and the pool, as they were when it began.

    `heeds`: whether it ends at once where the operation is cancelled.
    """

    run: Run
    guest: StoredGuest
    stored_host: StoredHost
    pool: str
    heeds: bool = False

    @property
    def kind(self) -> str:
        """The operation's kind."""
        return self.run.lease.operation.kind

    @property
    def parts(self) -> Parts:
        """What the server is made of."""
        return self.run.parts

    @property
    def guest_id(self) -> GuestId:
        """The guest that the operation is about."""
        return self.guest.id

    @property
    def params(self) -> dict[str, Any]:
        """The operation's parameters."""
        return self.run.lease.params

    @property
    def claim(self) -> Claim:
        """The right to change the guest, with this lease's fencing number and no later one."""
        return Claim(self.guest_id, self.run.lease.fence, self.run.operation)

    @property
    def host(self) -> Host:
        """The guest's host."""
        return self.parts.fleet.host(address_of(self.stored_host))

    @property
    def image(self) -> Image:
        """The guest's image; InternalFault where it is no longer registered."""
        wanted = self.guest.spec.image
        found = self.parts.db.read(lambda connection: images.by_id(connection, wanted))
        if found is None:
            raise InternalFault(f"The image {wanted[:12]} is not registered any more.", "Import it again.")
        return found

    def decision(self) -> PlacementDecision:
        """Return the leave to write the guest's bytes to its host, checked anew in each step."""
        return affirm(self.guest.id, self.stored_host, self.guest.spec.site)

    def write(self, change: Callable[[sa.Connection], None]) -> None:
        """Change the database in one transaction."""
        self.run.write(change)

    def check_wanted(self) -> None:
        """Raise what ends this step in its middle: CANCELLED where it heeds that, Dropped where the server ends."""
        if self.parts.closing.is_set():
            raise Dropped
        try:
            cancelled = self.parts.db.read(lambda connection: operations.is_cancelled(connection, self.run.operation))
        except DatabaseFault as error:
            raise Dropped from error  # it goes on when the database answers
        if self.heeds and cancelled:
            raise CANCELLED

    def wait_while_silent(self) -> None:
        """Let the run count as waiting where its host was silent when it was last asked, and as going on elsewhere."""
        host = self.stored_host.id
        self.run.wait(self.parts.db.read(lambda connection: observations.is_silent(connection, host)))

    def is_called_off_within(self, seconds: float) -> bool:
        """Wait, and return whether the operation was cancelled and nothing of it goes on at its host.

        A host that does not answer may have begun a job for it: that must not go on for an operation that has ended.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.parts.pause(min(left, CANCEL_LOOKED_FOR_S))
            try:
                self.check_wanted()
            except Conflict:
                return self._has_let_go()
        return False

    def _has_let_go(self) -> bool:
        try:
            return self.end_job().state is not JobState.DONE
        except NotFound:
            return True
        except TeigError:
            return False

    def carry(self, begin: Callable[[], Job], *, patient: bool = False) -> Job:
        """Begin a job on the host, wait for its end and return it; raise its error where it failed.

        A host that is silent meanwhile is asked again for two minutes. Where the operation is cancelled, so is the job;
        one that has ended well all the same counts as done. `patient`: the job itself waits, for its guest.
        """
        job = self._begun(begin)
        pause, most = JOB_PAUSES_S
        asked = moved = time.monotonic()
        done_bytes = job.done_bytes
        while job.state is JobState.RUNNING:
            if job.done_bytes != done_bytes:
                moved, done_bytes = time.monotonic(), job.done_bytes
            if time.monotonic() - moved > STALLED_S:
                raise _stalled(job, self.guest, self.stored_host)
            self.run.wait(patient)
            self.parts.pause(pause)
            pause = min(1.5 * pause, most)
            if time.monotonic() - asked >= CANCEL_LOOKED_FOR_S:
                asked = time.monotonic()
                self._check_job_wanted()
            job = self._asked_after()
        self.run.wait(False)
        if job.error is not None:
            raise from_record(job.error)
        return job

    def unhindered(self, call: Callable[[], None]) -> None:
        """Make a call that changes the guest at once; what still runs there of an earlier operation is ended first."""
        try:
            call()
        except Busy as error:
            try:
                self.end_job()
            except NotFound:
                raise error from None
            call()

    def _begun(self, begin: Callable[[], Job]) -> Job:
        """Begin a job; one of an earlier operation that still runs is ended first."""
        try:
            return begin()
        except Busy as error:
            if error.reason != "job_running":
                raise
        self.end_job()
        return begin()

    def _check_job_wanted(self) -> None:
        try:
            self.check_wanted()
        except Conflict:
            job = self.end_job()
            if job.error is not None and job.error["code"] != JOB_CANCELLED:
                raise from_record(job.error) from None  # it has failed of itself, and nobody has ended it
            if job.state is not JobState.DONE:
                raise

    def end_job(self) -> Job:
        """Cancel the guest's job and wait for its end; NotFound where there is none."""
        job = self.host.job_cancel(self.claim)
        deadline = time.monotonic() + END_JOB_S
        while job.state is JobState.RUNNING:
            if self.parts.closing.is_set():
                raise Dropped
            if time.monotonic() > deadline:
                raise _stalled(job, self.guest, self.stored_host)
            self.parts.pause(JOB_PAUSES_S[1] / 4)
            job = self._asked_after()
        return job

    def _asked_after(self) -> Job:
        deadline = time.monotonic() + HOST_BACK_S
        while True:
            try:
                return self.host.job(self.claim)
            except (Unreachable, Busy) as error:  # Busy: others ask this host so much that all ways to it are taken
                if time.monotonic() > deadline or (isinstance(error, Busy) and error.reason != "host_busy"):
                    raise
                self.run.wait(True)
            except NotFound as error:  # the host was booted meanwhile: what was done is to be begun once more
                raise Busy(error.message, error.todo, code="job_lost") from error
            if self.parts.closing.is_set():
                raise Dropped
            self.parts.pause(JOB_PAUSES_S[1])


def _stalled(job: Job, guest: StoredGuest, host: StoredHost) -> HostFault:
    return HostFault(
        f"The {job.verb} of guest {guest.name} on host {host.name} does not end, and makes no progress.",
        f"Look on the host what it waits for (a disk that hangs, say): ps axf | grep {guest.id}. Then try it again.",
        code="job_stalled",
    )


@dataclass(frozen=True)
class Step:
    """One step: what it does and what takes it back, which must also work when it was done half or not at all.

    An `optional` one that fails is told in the log, and the operation goes on.
    """

    name: str
    do: Callable[[Work], None]
    undo: Callable[[Work], None] | None = None
    optional: bool = False


@dataclass(frozen=True)
class Sequence:
    """What a verb is: its steps in order, and what closes the books in the end.

    `done` is for success, `undone` for a failure or a cancellation whose traces are gone (with the reason, None where
    somebody wanted it so), `stuck` for one that could not be undone. An `irrevocable` one cannot be cancelled once it
    has begun.
    """

    verb: Verb
    steps: tuple[Step, ...]
    done: Callable[[sa.Connection, Work], None]
    undone: Callable[[sa.Connection, Work, str | None], None]
    stuck: Callable[[sa.Connection, Work, str], None] | None = None
    irrevocable: bool = False

    @property
    def kind(self) -> str:
        """The kind of operation."""
        return kind_of(self.verb)

    def heeds_at(self, step: Step) -> bool:
        """Say whether a cancellation is heeded before a step that is not the first.

        Before an optional one all is done: it is heeded only by what can take that back.
        """
        return not self.irrevocable and (not step.optional or any(known.undo for known in self.steps))


def address_of(host: StoredHost) -> HostAddress:
    """Return how a stored host is reached."""
    return HostAddress(host.id, host.name, host.address, host.port, host.host_key)
