"""Runs operations as DBOS workflows: what was begun goes on after a crash, from the step that was under way.

One workflow function serves every kind; it looks its sequence up. Each step and each undo is one DBOS step, which never
raises but returns its error as a record, so that nothing is pickled. One partition of the queue for each host makes the
work on a host serial. See `teig.operations.work` for what a step is.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID

from teig.model.errors import InternalFault, TeigError, Unreachable
from teig.model.names import GuestId, OperationId
from teig.model.operation import Operation, OperationState
from teig.operations.work import Parts, Sequence, Step, Work
from teig.store import guests, operations
from teig.store.guests import Phase

QUEUE = "hosts"
EXECUTOR = "local"
VERSION = "1"
"""The version of the steps; running work is resumed only by a server that has the same one."""
TRIES = 4
FIRST_PAUSE_S = 1.0

log = structlog.get_logger()


class Engine:
    """The durable engine. At most one in a process; `launch` it once, `close` it when done."""

    def __init__(self, parts: Parts, sequences: Iterable[Sequence], path: Path) -> None:
        """Prepare to run `sequences`; the engine keeps its own state in the SQLite file at `path`."""
        self._parts = parts
        self._sequences = {sequence.kind: sequence for sequence in sequences}
        self._path = path
        self._workflow: Callable[[str], None] = self._run

    def launch(self) -> None:
        """Start working, first on what an earlier server left unfinished."""
        _use_wal(self._path)
        logging.getLogger("dbos").propagate = False
        DBOS(
            config={
                "name": "teig",
                "system_database_url": f"sqlite:///{self._path}",
                "application_version": VERSION,
                "executor_id": EXECUTOR,
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "ERROR",
                "enable_otlp": False,
            }
        )

        def operation(operation_id: str) -> None:
            self._run(operation_id)

        self._workflow = DBOS.workflow(name="operation")(operation)
        DBOS.launch()
        DBOS.register_queue(QUEUE, partition_concurrency=1, polling_interval_sec=0.2, on_conflict="always_update")
        for unfinished in self._parts.db.read(operations.open_ones):
            self.submit(unfinished)

    def submit(self, operation: Operation) -> None:
        """Hand over an operation whose row is in the database; doing so again changes nothing."""
        with SetWorkflowID(operation.id), SetEnqueueOptions(queue_partition_key=operation.host or "none"):
            DBOS.enqueue_workflow(QUEUE, self._workflow, operation.id)

    def close(self) -> None:
        """Stop; what is under way goes on at the next launch."""
        DBOS.destroy(destroy_registry=True)

    def _run(self, operation_id: str) -> None:
        operation = self._parts.db.read(lambda connection: operations.by_id(connection, operation_id))
        if operation.state.ended:
            return
        guest, params = self._parts.db.read(lambda connection: operations.guest_and_params(connection, operation_id))
        work = Work(self._parts, OperationId(operation_id), GuestId(guest), params)
        sequence = self._sequences[operation.kind]
        for number, step in enumerate(sequence.steps):
            error = DBOS.run_step({"name": step.name}, self._do, work, step)
            if error is not None:
                self._undo(work, sequence, sequence.steps[: number + 1], error)
                return
        DBOS.run_step({"name": "done"}, self._end, work, OperationState.DONE, None, sequence.done)

    def _undo(self, work: Work, sequence: Sequence, begun: tuple[Step, ...], error: dict[str, Any]) -> None:
        left: list[str] = []
        for step in reversed([step for step in begun if step.undo is not None]):
            problem = DBOS.run_step({"name": f"undo {step.name}"}, self._take_back, work, step)
            if problem is not None:
                left.append(f"{step.name}: {problem['message']}")
        if left:
            error = {
                **error,
                "message": f"{error['message']} Not all could be undone: {' '.join(left)}",
                "todo": f"{error['todo']} Then remove what is left: teig guest delete NAME".strip(),
            }
            DBOS.run_step({"name": "stuck"}, self._end, work, OperationState.STUCK, error, _let_go)
        else:
            DBOS.run_step({"name": "undone"}, self._end, work, OperationState.FAILED, error, sequence.undone)

    def _do(self, work: Work, step: Step) -> dict[str, Any] | None:
        now = self._parts.now
        work.write(
            lambda connection: operations.step_began(
                connection, work.operation, step.name, OperationState.RUNNING, now()
            )
        )
        error = self._attempt(work, step.name, step.do)
        state = "done" if error is None else "failed"
        work.write(lambda connection: operations.step_ended(connection, work.operation, step.name, state, now()))
        return error

    def _take_back(self, work: Work, step: Step) -> dict[str, Any] | None:
        name = f"undo {step.name}"
        now = self._parts.now
        work.write(
            lambda connection: operations.step_began(connection, work.operation, name, OperationState.UNDOING, now())
        )
        error = self._attempt(work, name, step.undo) if step.undo else None
        state = "done" if error is None else "failed"
        work.write(lambda connection: operations.step_ended(connection, work.operation, name, state, now()))
        return error

    def _attempt(self, work: Work, name: str, body: Callable[[Work], None]) -> dict[str, Any] | None:
        """Run a body, again after a pause where the host did not answer; return its error as a record, or None."""
        pause_s = FIRST_PAUSE_S
        for last in (*[False] * (TRIES - 1), True):
            try:
                body(work)
            except TeigError as error:
                log.warning("step failed", operation=work.operation, step=name, code=error.reason, error=str(error))
                if last or not isinstance(error, Unreachable):
                    return error.as_record()
            except Exception:
                log.exception("step failed", operation=work.operation, step=name)
                return InternalFault(f"The step {name} failed in a way that Teig does not know.").as_record()
            else:
                return None
            self._parts.pause(pause_s)
            pause_s *= 2
        return None

    def _end(
        self,
        work: Work,
        state: OperationState,
        error: dict[str, Any] | None,
        close_books: Callable[[sa.Connection, Work], None],
    ) -> None:
        def change(connection: sa.Connection) -> None:
            close_books(connection, work)
            operations.end(connection, work.operation, state, error, self._parts.now())

        self._parts.db.write(change)
        log.info("operation ended", operation=work.operation, state=state)


def _let_go(connection: sa.Connection, work: Work) -> None:
    guests.settle(connection, work.guest_id, Phase.DELETING)


def _use_wal(path: Path) -> None:
    """Put the engine's file into WAL mode, which SQLite remembers: two to three times faster for small commits."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
