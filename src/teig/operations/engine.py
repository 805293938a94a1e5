"""Runs operations as DBOS workflows: what was begun goes on after a crash, from the step that was under way.

One workflow function serves every kind; it looks its sequence up. Each step and each undo is one DBOS step, which never
raises but returns its error as a record, so that nothing is pickled.

Who works on what is decided in our own database (`teig.store.operations`), not in DBOS's: the dispatcher, a thread,
takes operations as long as there are places for them and starts their workflows at once, without a queue that must be
polled; and it takes over what a lost server left, which goes on where DBOS's record of its steps ends. So our commits
and DBOS's need not be one: where the two differ, ours counts. See `teig.operations.work` for what a step is,
`teig.operations.peers` for how a server is found lost, and docs/architecture.md for why.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy as sa
import structlog
from dbos import DBOS
from dbos import error as dbos_error

from teig.model.errors import (
    Busy,
    Conflict,
    DatabaseFault,
    Fenced,
    InternalFault,
    TeigError,
    Unreachable,
    from_record,
)
from teig.model.job import JOB_CANCELLED, Job, JobState
from teig.model.operation import Operation, OperationState
from teig.operations import closing
from teig.operations.peers import join
from teig.operations.work import CANCELLED, OF_THE_PAST, Dropped, Parts, Run, Sequence, Step, Work
from teig.operations.workflows import Workflows
from teig.policy.guest_life import Phase
from teig.store import guests, operations, servers
from teig.store.database import fault_of
from teig.store.operations import Lease, Left
from teig.store.servers import Server

EVERY_S = 2.0
"""How often the dispatcher asks for what nobody works on, when nobody wakes it."""
MOST_AT_ONCE = 32
"""Operations that one server works on at the same time; the rest is left to others, or waits."""
MOST_AT_SILENT_HOSTS = 8
"""Of its places, those for operations at hosts that do not answer: these wait long, and must not fill all."""
CLOSE_S = 3.0
FURTHER = "further"
"""In a failed step's record: whether an earlier run may have come further than this step."""
TRIES = 4
FIRST_PAUSE_S = 1.0

log = structlog.get_logger()


class Engine:
    """The durable engine. At most one in a process; `launch` it once, `close` it when done."""

    def __init__(self, parts: Parts, sequences: Iterable[Sequence], workflows: Workflows, server: Server) -> None:
        """Prepare to run `sequences` as the server of that name."""
        self._parts = parts
        self._sequences = {sequence.kind: sequence for sequence in sequences}
        self._workflows = workflows
        self._server = server
        self._leases: dict[str, Lease] = {}
        self._mine: dict[str, int] = {}
        """What this server works on, with the fence of the lease under which it does."""
        self._suspected: set[Left] = set()
        self._forgotten: set[str] = set()
        """What this server took over from itself: who had claimed it comes too late to begin it."""
        self._at_silent_hosts: set[str] = set()
        self._waiting: set[str] = set()
        """Of what is worked on, what only waits, and takes no place."""
        self._wake = threading.Event()
        self._look_behind = True
        self._closing = parts.closing
        self._dispatcher = threading.Thread(target=self._dispatch, name="teig-dispatcher", daemon=True)

    def launch(self) -> None:
        """Start working, first on what an earlier server left unfinished."""
        db = self._parts.db
        self._workflows.launch(self._run)  # may take long, and who has joined must beat
        join(db, self._server)
        self._workflows.listen(lambda: set(db.read(lambda connection: servers.beats(connection, but=""))))
        self._dispatcher.start()

    def claim(self, connection: sa.Connection, operation: Operation) -> Lease | None:
        """Take a new operation in the transaction that writes it down, None where it must wait. Then call `begin`."""
        if not self._has_place() or self._closing.is_set():
            return None
        return operations.claim(connection, operation.id, self._server.id)

    def begin(self, lease: Lease | None) -> None:
        """Begin the work on what `claim` took; on what it did not, somebody begins when the host is free."""
        if lease is None:
            self._wake.set()
            return
        if lease.operation.id in self._forgotten:
            self._forgotten.discard(lease.operation.id)
            return
        try:
            self._hand_over(lease, begun=False)
        except (DatabaseFault, sa.exc.SQLAlchemyError, dbos_error.DBOSException) as error:
            log.warning("operation waits for the database", operation=lease.operation.id, error=str(error))
            self.wake_for_the_lost()

    def wake_for_the_lost(self) -> None:
        """Look now whether operations were left behind: a server was declared lost."""
        self._look_behind = True
        self._wake.set()

    def cancel(self, operation_id: str) -> None:
        """Undo an operation, at once where nobody has begun it, else after the step that is under way.

        Conflict where it has ended, or cannot be taken back any more.
        """

        def work(connection: sa.Connection) -> None:
            operation = operations.by_id(connection, operation_id)
            sequence = self._sequences[operation.kind]
            if operation.state.ended:
                raise Conflict(f"Operation {operation_id} has ended: it is {operation.state}.", code="ended")
            if sequence.irrevocable and operation.steps:
                raise Conflict(f"What a {operation.kind} does cannot be taken back.", "Let it end.", code="irrevocable")
            lease = operations.cancel(connection, operation_id)
            if lease is not None:
                sequence.undone(connection, Run(self._parts, lease).work(connection), None)
                error, now = CANCELLED.as_record(), self._parts.now()
                operations.end(connection, lease, OperationState.CANCELLED, (), error, now)

        self._parts.db.update(work)

    def close(self) -> None:
        """Stop after the steps that are under way, if they are short; the work goes on later or elsewhere."""
        self._closing.set()
        self._wake.set()
        self._dispatcher.join(CLOSE_S)
        deadline = time.monotonic() + CLOSE_S
        while self._mine and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            self._parts.db.update(lambda connection: servers.declare_lost(connection, self._server.id))
        except TeigError as error:
            log.warning("the server could not say that it ends", error=str(error))
        self._workflows.close()

    def _dispatch(self) -> None:
        """Until `close`: take what is there to take; look again when woken, and every `EVERY_S` seconds."""
        failing = False
        while not self._closing.is_set():
            self._wake.clear()
            try:
                self._take_all()
                self._workflows.tidy()
                failing = False
            except Fenced:
                return  # `peers` sees it too, and ends this server
            except Exception as error:
                if not failing:
                    log.warning("operations cannot be begun now", error=str(error), exc_info=_unforeseen(error))
                failing = True
                self._closing.wait(EVERY_S)
            if not self._wake.wait(EVERY_S):
                self._look_behind = True  # set alone: others set it while this thread waits

    def _take_all(self) -> None:
        for left in self._left_behind() if self._look_behind else []:
            if self._closing.is_set():
                return
            if not self._has_place(silent=left.silent):
                self._look_behind = True  # once more when there is one
                continue
            lease = self._parts.db.update(partial(self._take_over, left))
            if lease is not None and left.server == self._server.id:
                self._forgotten.add(left.operation)
            self._hand_over(lease, begun=True, silent=left.silent)
        for silent in (False, True):
            more = True
            while more and self._has_place(silent=silent) and not self._closing.is_set():
                lease = self._next(silent=silent)
                self._hand_over(lease, begun=False, silent=silent)
                more = lease is not None

    def _next(self, *, silent: bool) -> Lease | None:
        """Take the next operation; other writers are kept waiting only where there is one."""
        db = self._parts.db
        if not db.read(partial(operations.is_any_waiting, silent=silent)):
            return None
        return db.update(partial(operations.claim_next, server=self._server.id, silent=silent))

    def _has_place(self, *, silent: bool = False) -> bool:
        """Say whether this server can work on one more operation, at a host that is `silent` or at one that is not."""
        if silent and len(self._at_silent_hosts) >= MOST_AT_SILENT_HOSTS:
            return False
        return len(self._mine) - len(self._waiting) < MOST_AT_ONCE

    def _waits(self, lease: Lease, waits: bool) -> None:
        """Give the place of what only waits to others, or count it again where it goes on."""
        ident = lease.operation.id
        if not waits:
            self._waiting.discard(ident)
        elif self._mine.get(ident) == lease.fence:
            self._waiting.add(ident)
            self._wake.set()

    def _left_behind(self) -> list[Left]:
        """Return what lost servers left, and what this one seems to have forgotten in two looks in a row.

        A request's own thread begins what it has claimed a moment after the claim is committed: that is not forgotten.
        """
        self._look_behind = False
        found = self._parts.db.read(lambda connection: operations.left_behind(connection, self._server.id))
        forgotten = {left for left in found if left.server == self._server.id and left.operation not in self._mine}
        sure, self._suspected = forgotten & self._suspected, forgotten
        if forgotten - sure:
            self._look_behind = True
        return [left for left in found if left.server != self._server.id or left in sure]

    def _take_over(self, left: Left, connection: sa.Connection) -> Lease | None:
        """Take over what was left behind, unless a server lives that has its version of the steps."""
        others = left.version not in {None, self._server.version}
        if others and servers.has_version(connection, left.version or ""):
            return None
        return operations.take_over(connection, left, self._server.id)

    def _hand_over(self, lease: Lease | None, *, begun: bool, silent: bool = False) -> None:
        """Let the workflow of an operation run here, under this lease; without one, somebody else was faster."""
        if lease is None:
            return
        ident = lease.operation.id
        if self._mine.get(ident, -1) >= lease.fence:
            return  # it was taken over meanwhile, by this very server
        self._leases[ident] = lease
        self._mine[ident] = lease.fence
        if silent:
            self._at_silent_hosts.add(ident)
        try:
            self._workflows.run(ident, begun=begun)
        except BaseException:
            self._let_go(lease)
            raise

    def _let_go(self, lease: Lease) -> None:
        """Give a lease's place back, unless a newer lease of the same operation has it by now."""
        ident = lease.operation.id
        if self._mine.get(ident) == lease.fence:
            del self._mine[ident]
            self._waiting.discard(ident)
            self._at_silent_hosts.discard(ident)

    def _run(self, operation_id: str) -> None:
        """Carry an operation out: the body of the workflow. Without a lease of this process it is not ours."""
        lease = self._leases.pop(operation_id, None)
        if lease is None:
            raise Dropped
        run = Run(self._parts, lease, partial(self._waits, lease))
        try:
            state = self._end_unreadable(run, lease) if lease.operation.error else self._carry_out(run)
            log.info("operation ended", operation=operation_id, state=state)
        except dbos_error.DBOSException:
            raise  # DBOS's own word that this run is not the one that counts
        except Exception as error:
            if isinstance(error, sa.exc.SQLAlchemyError) and fault_of(error) is not None:
                log.warning("operation waits for the database", operation=operation_id, error=str(error))
                raise Dropped from error
            log.exception("operation failed in a way that Teig does not know", operation=operation_id)
            self._end_unforeseen(run)
            raise Dropped from error
        finally:
            self._let_go(lease)
            if sys.exc_info()[0] is not None:
                self._look_behind = True
            self._wake.set()

    def _end_unforeseen(self, run: Run) -> None:
        """End an operation that failed by a fault of ours, whatever else fails: its guest must not stay locked."""
        fault = InternalFault("The operation failed in a way that Teig does not know.", "Look into the server's log.")
        try:
            run.end(OperationState.STUCK, fault.as_record(), self._stuck(run, fault.message))
        except Exception:
            log.exception("the books of an operation could not be closed", operation=run.operation)
            run.end_bare(OperationState.STUCK, fault.as_record(), _marked(run.lease, fault.message))

    def _end_unreadable(self, run: Run, lease: Lease) -> OperationState:
        """End an operation whose row is damaged: how far it has come is not known."""
        error = lease.operation.error or {}
        run.end_bare(OperationState.STUCK, error, _marked(lease, error["message"]))
        return OperationState.STUCK

    def _stuck(self, run: Run, reason: str) -> Callable[[sa.Connection, Work], None]:
        close = self._sequences[run.lease.operation.kind].stuck or closing.stuck
        return lambda connection, work: close(connection, work, reason)

    def _carry_out(self, run: Run) -> OperationState:
        """Do all steps, or undo them. What ends the operation is no step of DBOS: an ended one is never run again."""
        sequence = self._sequences[run.lease.operation.kind]
        for number, step in enumerate(sequence.steps):
            heeds = number == 0 or sequence.heeds_at(step)
            error = DBOS.run_step({"name": step.name}, self._do, run, step, heeds)
            if error is not None and error["code"] == OF_THE_PAST:
                return self._leave(run, error)
            if error is not None and step.optional and error["code"] != CANCELLED.reason:
                log.warning("an optional step failed", operation=run.operation, step=step.name, error=error["message"])
            elif error is not None:
                return self._undo(run, sequence, number, error)
        run.end(OperationState.DONE, None, sequence.done)
        return OperationState.DONE

    def _leave(self, run: Run, error: dict[str, Any]) -> OperationState:
        """End an operation whose guest is another's by now: nothing of it may be undone."""
        del error[FURTHER]
        phase = Phase.RUNNING if run.runs_by_another else Phase.STOPPED

        def close(connection: sa.Connection, work: Work) -> None:
            guests.settle(connection, work.guest_id, phase, error["message"])

        run.end(OperationState.STUCK, error, close)
        return OperationState.STUCK

    def _undo(self, run: Run, sequence: Sequence, number: int, error: dict[str, Any]) -> OperationState:
        """Undo the steps up to `number`, which may be half done; all where an earlier run may have come further."""
        left: list[str] = []
        begun = sequence.steps if error.pop(FURTHER) else sequence.steps[: number + 1]
        if error["code"] == CANCELLED.reason and run.has_begun and not any(step.undo for step in sequence.steps):
            told = DBOS.run_step({"name": "call off"}, self._called_off, run)
            if told["state"] == JobState.DONE:
                run.end(OperationState.DONE, None, sequence.done)
                return OperationState.DONE
            error = told["error"] or error
        for step in reversed([step for step in begun if step.undo is not None]):
            problem = DBOS.run_step({"name": f"undo {step.name}"}, self._take_back, run, step)
            if problem is not None:
                left.append(f"{step.name}: {problem['message']}")
        if left:
            error = {
                **error,
                "message": f"{error['message']} Not all could be undone: {' '.join(left)}",
                "todo": f"{error['todo']} See what to do then: teig guest show NAME".strip(),
            }
            run.end(OperationState.STUCK, error, self._stuck(run, error["message"]))
            return OperationState.STUCK
        state = OperationState.CANCELLED if error["code"] == CANCELLED.reason else OperationState.FAILED
        cancelled = state is OperationState.CANCELLED and not (sequence.irrevocable and run.has_begun)
        reason = None if cancelled else error["message"]
        run.end(state, error, lambda connection, work: sequence.undone(connection, work, reason))
        return state

    def _do(self, run: Run, step: Step, heeds: bool) -> dict[str, Any] | None:
        """Do a step, unless the operation was cancelled and `heeds` that; return its error as a record, or None."""
        return self._attempt(run, step, step.name, step.do, heeds=heeds)

    def _take_back(self, run: Run, step: Step) -> dict[str, Any] | None:
        body = step.undo or closing.nothing
        return self._attempt(run, step, f"undo {step.name}", body, heeds=False)

    def _called_off(self, run: Run) -> dict[str, Any]:
        """Return what has come of what nobody takes back: done all the same, or failed by itself; else only ended.

        What failed for a reason that passes would have been tried again.
        """
        own: list[Job | None] = []
        self._take_back(run, Step("observe", closing.nothing, undo=lambda work: own.append(closing.called_off(work))))
        job = own[-1] if own else None
        error = job.error if job and job.error and job.error["code"] != JOB_CANCELLED else None
        passes = error is not None and isinstance(from_record(error), Unreachable | Busy)
        return {"state": job.state if job else None, "error": None if passes else error}

    def _attempt(
        self, run: Run, step: Step, name: str, body: Callable[[Work], None], *, heeds: bool
    ) -> dict[str, Any] | None:
        if self._closing.is_set():
            raise Dropped
        state = OperationState.RUNNING if body is step.do else OperationState.UNDOING
        work = run.begin(name, state, heeds=heeds)
        if work is not None and self._sequences[work.kind].irrevocable:
            work = replace(work, heeds=False)  # what it has begun is carried through
        error = self._tried(work, name, body, 1 if step.optional else TRIES) if work else CANCELLED
        if error is None:
            return None
        if work is not None:
            run.failed(name, state)
        return {**error.as_record(), FURTHER: run.lease.taken_over}

    def _tried(self, work: Work, name: str, body: Callable[[Work], None], tries: int) -> TeigError | None:
        """Run a body, again after a pause where the host did not answer or was busy; return its error, or None."""
        ident, pause_s = work.run.operation, FIRST_PAUSE_S
        for number in range(tries):
            last = number == tries - 1
            try:
                if number:
                    work.wait_while_silent()
                work.run.check_of_today(work)
                body(work)
                work.run.wait(False)
            except DatabaseFault as error:
                raise Dropped from error
            except TeigError as error:
                log.warning("step failed", operation=ident, step=name, code=error.reason, error=str(error))
                if last or not isinstance(error, Unreachable | Busy):
                    return error
                work.run.wait(isinstance(error, Unreachable))
            except Exception:
                log.exception("step failed", operation=ident, step=name)
                return InternalFault(f"The step {name} failed in a way that Teig does not know.")
            else:
                return None
            if work.is_called_off_within(pause_s):
                return CANCELLED
            pause_s *= 2
        return None


def _marked(lease: Lease, reason: str) -> Callable[[sa.Connection], None]:
    return partial(guests.call_attention, guest=lease.guest, attention=reason)


def _unforeseen(error: Exception) -> Exception | None:
    return None if isinstance(error, TeigError) else error
