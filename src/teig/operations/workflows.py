"""DBOS, as far as Teig uses it: one workflow for each operation, in a database of DBOS's own.

That database is a file beside ours, or the schema `dbos` in a PostgreSQL that servers share. It remembers which steps
are done, and of several runs of a workflow it lets only the last one write. What it forgets in a power cut is done
again, for steps are idempotent. So its commits need not wait for the disk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from teig.store.database import open_engine

VERSION: Final = "5"
"""The version of the steps. Change it when a release changes the steps of an operation: what is under way is left to
servers of its own version, and begun anew when there are none, which is right because steps are idempotent."""
QUEUE: Final = "server-"
POLL_S = 1.0
KEPT: Final = 200
"""Ended workflows that may be there before all of them are removed: how an operation ended is in our own database."""
_ENDED: Final = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})


class Workflows:
    """The workflows of this process. DBOS allows one of these at a time."""

    def __init__(self, url: sa.URL, server: str) -> None:
        """Prepare to keep them in the database at `url`, as the server with that id."""
        self._url = url
        self._server = server
        self._queue = f"{QUEUE}{server}"
        self._engine: sa.Engine | None = None
        self._workflow: Callable[[str], None] = _nothing
        self._untidied = KEPT

    def launch(self, body: Callable[[str], None]) -> None:
        """Be ready to run `body`, which gets an operation's id; then call `listen`."""
        self._engine = open_engine(self._url, durable=False)
        logging.getLogger("dbos").propagate = False
        config: DBOSConfig = {
            "name": "teig",
            "system_database_engine": self._engine,
            "application_version": VERSION,
            "executor_id": self._server,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "CRITICAL",
            "enable_otlp": False,
        }
        DBOS(config=config)

        def operation(operation_id: str) -> None:
            body(operation_id)

        self._workflow = DBOS.workflow(name="operation")(operation)
        DBOS.listen_queues([self._queue])
        DBOS.launch()

    def listen(self, living: Callable[[], set[str]]) -> None:
        """Open the way for what goes on here, once this server is known to others; close those of all not `living`.

        What was there is read first, and then who lives: a server that starts meanwhile is known before it has a way.
        """
        # What was begun elsewhere is resumed through a queue that no other server listens to.
        DBOS.register_queue(self._queue, polling_interval_sec=POLL_S, on_conflict="always_update")
        there = [queue.name for queue in DBOS.list_queues()]
        alive = living()
        for name in there:
            if name.removeprefix(QUEUE) not in alive:
                DBOS.delete_queue(name)

    def run(self, operation_id: str, *, begun: bool) -> None:
        """Run an operation's workflow here; one that had `begun` goes on where its record ends.

        Where that says that the workflow has ended, which our database does not, it is thrown away.
        """
        self._untidied += 1
        ident = f"{operation_id}:{VERSION}"
        status = DBOS.get_workflow_status(ident) if begun else None
        if status is not None and status.status in _ENDED:
            DBOS.delete_workflow(ident)
        elif status is not None:
            DBOS.resume_workflow(ident, queue_name=self._queue)
            return
        with SetWorkflowID(ident):
            DBOS.start_workflow(self._workflow, operation_id)

    def tidy(self) -> None:
        """Remove the workflows that have ended, once there may be many; at the first call, what was there before."""
        if self._untidied < KEPT:
            return
        self._untidied = 0
        ended = DBOS.list_workflows(status=sorted(_ENDED), limit=10 * KEPT, load_input=False, load_output=False)
        if ended:
            DBOS.delete_workflows([workflow.workflow_id for workflow in ended])

    def close(self) -> None:
        """Stop."""
        try:
            DBOS.delete_queue(self._queue)
        finally:
            DBOS.destroy(destroy_registry=True)
            if self._engine is not None:
                self._engine.dispose()


def _nothing(_operation_id: str) -> None:
    """Stand in for the workflow until DBOS is launched."""
