"""Jobs: verbs that take long. Each is done by a process of its own, while the channel goes on answering.

A job's process is forked from the agent, because starting Python takes half a second on a slow Domain-0. It inherits
the guest's lock: a flock belongs to the open file, so it lasts until the last process that has it ends. So a job runs
for exactly as long as its lock is held, and one that was killed leaves a record that says *running* beside a free lock.
Records are in /run/teig/jobs: after the host's reboot nothing of them is true any more.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

from teig.agent.contract.failure import Failure, failure_of
from teig.agent.host import progress
from teig.agent.host.state import DEFAULT_ROOT, State, locked, make_private, open_locked, read_json, write_json

RUN = Path("/run/teig/jobs")
RUNNING, DONE, FAILED = "running", "done", "failed"
_WAIT_S = 0.5
_RECORD_WAIT_S = 10.0
_TELL_S = 0.5
Body = Callable[..., dict[str, Any]]


class Order(NamedTuple):
    """What a job is to do, under which fence, and for which operation (empty: nobody said)."""

    guest: str
    fence: int
    verb: str
    args: dict[str, Any]
    operation: str = ""

    def is_done_by(self, stored: dict[str, Any]) -> bool:
        """Return whether a record says that this was done: under this fence, or for this operation under an earlier."""
        same = stored["fence"] == self.fence or (self.operation and stored.get("operation") == self.operation)
        return bool(stored["state"] == DONE and same and self.is_of(stored))

    def is_of(self, stored: dict[str, Any]) -> bool:
        """Return whether a record is of the same work."""
        return (stored.get("verb"), stored.get("args")) == (self.verb, self.args)


class Jobs:
    """The newest job of each guest."""

    def __init__(self, state: State, folder: Optional[Path] = None) -> None:
        self._state = state
        self._folder = folder or (RUN if state.root == DEFAULT_ROOT else state.root / "jobs")

    def begin(self, order: Order, body: Body) -> dict[str, Any]:
        """Begin a job, or take over the same one that runs; return its record at once."""
        make_private(self._folder)
        make_private(self._state.guest_dir(order.guest))
        with self._lock(order.guest) as handle:
            if handle is None:
                return self._taken_over(order)
            self._state.raise_fence(order.guest, order.fence)
            stored = self._stored(order.guest)
            if stored and order.is_done_by(stored):
                return _told(stored)
            stored = {"state": RUNNING, **{name: value for name, value in order._asdict().items() if name != "guest"}}
            self._cancel_file(order.guest).unlink(missing_ok=True)
            write_json(self._file(order.guest), stored)
            self._fork(order, body)
            return _told(stored)

    def show(self, guest: str, fence: int) -> dict[str, Any]:
        """Return a guest's newest job; NotFound where none is known."""
        with self._lock(guest, wait_s=0) as handle:
            self._state.refuse_older(guest, fence)
            stored = self._stored(guest)
            if stored is None:
                raise Failure("not_found", f"The host knows of no job of guest {guest}.", code="no_job")
            if handle is not None and stored["state"] == RUNNING:
                lost = Failure(
                    "busy", f"The {stored['verb']} of guest {guest} was cut short on its host.", code="job_lost"
                )
                stored = {**stored, "state": FAILED, "error": lost.as_record()}
                write_json(self._file(guest), stored)
            return _told(stored)

    def cancel(self, guest: str, fence: int) -> dict[str, Any]:
        """Ask a guest's job to end; return it as it is now.

        What comes late under an older fence begins none any more.
        """
        make_private(self._folder)
        make_private(self._state.guest_dir(guest))
        self._state.raise_fence(guest, fence)
        self._cancel_file(guest).touch(mode=0o600)
        return self.show(guest, fence)

    def forget(self, guest: str) -> None:
        """Forget a guest's job, which has ended."""
        self._file(guest).unlink(missing_ok=True)
        for file in (self._cancel_file(guest), self._file(guest).with_suffix(".lock")):
            file.unlink(missing_ok=True)

    def _taken_over(self, order: Order) -> dict[str, Any]:
        """Return the job that runs, under this order's fence from now on, where it is the same; else Busy."""
        self._state.refuse_older(order.guest, order.fence)
        stored = self._stored(order.guest)
        if stored is None or stored["state"] != RUNNING:
            raise Failure("busy", f"Another request is being carried out for guest {order.guest}.", "Try again later.")
        cancelled = self._cancel_file(order.guest).exists() and stored["operation"] != order.operation
        if cancelled or not order.is_of(stored):
            raise Failure(
                "busy", f"The {stored['verb']} of guest {order.guest} is under way on its host.",
                "It is ended first, or waited for.", code="job_running",
            )  # fmt: skip
        self._state.raise_fence(order.guest, order.fence)
        return _told(self._change(order.guest, {"fence": order.fence, "operation": order.operation}))

    @contextlib.contextmanager
    def _lock(self, guest: str, wait_s: float = _WAIT_S) -> Iterator[Optional[int]]:
        """Give the guest's lock, open, or None where somebody else has it. What was forked inside keeps it."""
        folder = self._state.guest_dir(guest)
        if not folder.exists():
            yield -1
            return
        handle = None
        with contextlib.suppress(Failure):
            handle = open_locked(folder / "lock", wait_s, "Somebody else has it.")
        try:
            yield handle
        finally:
            if handle is not None:
                os.close(handle)

    def _fork(self, order: Order, body: Body) -> None:
        """Let a process whose parent is init do the work; this one goes on at once."""
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            return
        status = 1
        try:
            os.setsid()
            if os.fork():
                os._exit(0)
            _leave_channel()
            self._work(order, body)
            status = 0
        finally:
            os._exit(status)

    def _work(self, order: Order, body: Body) -> None:
        self._state.locked_here.add(order.guest)
        progress.report_to(self._reporter(order.guest))
        try:
            ended: dict[str, Any] = {"state": DONE, "result": body(guest=order.guest, fence=order.fence, **order.args)}
        except Exception as error:  # noqa: BLE001  (every failure is told to who asks after the job)
            ended = {"state": FAILED, "error": failure_of(error).as_record()}
        self._change(order.guest, ended)

    def _reporter(self, guest: str) -> Callable[[int, int], None]:
        cancel, told = self._cancel_file(guest), [0.0]

        def report(done: int, total: int) -> None:
            if cancel.exists():
                raise Failure("conflict", "It was cancelled.", code="job_cancelled")
            if total and time.monotonic() - told[0] >= _TELL_S:
                told[0] = time.monotonic()
                self._change(guest, {"done_bytes": done, "total_bytes": total})

        return report

    def _change(self, guest: str, change: dict[str, Any]) -> dict[str, Any]:
        """Change a record that both the job and who asks after it write."""
        with locked(self._file(guest).with_suffix(".lock"), _RECORD_WAIT_S, f"The record of guest {guest} is locked."):
            stored = {**(self._stored(guest) or {}), **change}
            write_json(self._file(guest), stored)
        return stored

    def _stored(self, guest: str) -> Optional[dict[str, Any]]:
        stored = read_json(self._file(guest))
        return stored if isinstance(stored, dict) and "state" in stored else None

    def _file(self, guest: str) -> Path:
        return self._folder / f"{self._state.guest_dir(guest).name}.json"

    def _cancel_file(self, guest: str) -> Path:
        return self._folder / f"{self._state.guest_dir(guest).name}.cancel"


def _leave_channel() -> None:
    """Let go of standard input and output, which are the channel: it may be closed while the work goes on."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)


def _told(stored: dict[str, Any]) -> dict[str, Any]:
    """Return a record as teig.model.job.Job."""
    return {
        "verb": stored["verb"],
        "state": stored["state"],
        "done_bytes": stored.get("done_bytes", 0),
        "total_bytes": stored.get("total_bytes", 0),
        "result": stored.get("result", {}),
        "error": stored.get("error"),
        "operation": stored.get("operation", ""),
    }
