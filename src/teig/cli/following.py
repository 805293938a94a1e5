"""Wait for an operation and show its steps.

An operation belongs to the server: it goes on when the command that began it is interrupted, and when the server is
restarted.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from teig.cli.client import Api
from teig.cli.progress import Board, Row
from teig.model.errors import (
    DatabaseFault,
    InternalFault,
    InvalidRequest,
    OperatorError,
    TeigError,
    Unreachable,
    from_record,
)
from teig.model.operation import OperationState

POLL_S = 10.0
SERVER_AWAY_S = 30.0
_BAD_STEPS = frozenset({"failed", "stuck"})
_IN_WORDS = {
    "reserve": "check the place",
    "image": "send the image to the host",
    "volume": "make clean volumes",
    "write": "write the image onto the first",
    "define": "write its xl.cfg",
    "start": "let Xen start it",
    "observe": "read it back",
    "stop": "shut it down",
    "reboot": "shut it down and start it",
    "volumes": "remove its volumes",
    "undefine": "remove its files",
    "enforce": "hold it to them",
    "free": "see that the address is free",
}
"""What a step does; the API's names are for programs. A step that is not here is shown by its name."""

ANSWER_S = 180.0
Wait = Annotated[bool, typer.Option("--wait", help="Wait until its network answers, not only until it runs.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Print the operation's id and do not wait for its end.")]


class Interrupted(TeigError):
    """The person pressed Ctrl-C while an operation was waited for."""

    code = "interrupted"
    exit_code = 130


def check_waiting(*, wait: bool, no_wait: bool) -> None:
    """Raise InvalidRequest where somebody wants to wait and not to wait."""
    if wait and no_wait:
        raise InvalidRequest("--wait and --no-wait exclude each other.", "Leave one of them out.")


def carry_out(api: Api, operation: dict[str, Any], *, no_wait: bool) -> dict[str, Any] | None:
    """Wait for the operation that a request began and return how it ended; with `no_wait` print its id, return None."""
    if no_wait:
        typer.echo(operation["id"])
        return None
    with Board() as board:
        return follow(api, operation, board)


def follow(api: Api, operation: dict[str, Any], board: Board, before: list[Row] | None = None) -> dict[str, Any]:
    """Show the steps behind the rows `before` until the operation ends; raise its error where it failed."""
    ident = operation["id"]
    try:
        while True:
            board.show([*(before or []), *(_row(step) for step in operation["steps"])])
            if OperationState(operation["state"]).ended:
                break
            operation = _poll(api, operation)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"You stopped waiting; operation {ident} goes on.",
            f"See how far it is: teig op show {ident}\nWait for it again: teig op wait {ident}",
        ) from error
    _raise_its_error(operation)
    return operation


def await_answer(api: Api, path: str, name: str) -> None:
    """Wait until a guest's network answers; raise where it does not within three minutes of its start."""
    deadline = time.monotonic() + ANSWER_S
    while True:
        guest = api.get(path)
        if guest["answers"]:
            return
        waits = guest["state"] in {"running", "unknown"} or (guest["state"] == "paused" and guest["held"])
        if time.monotonic() > deadline or not waits:
            raise OperatorError(
                f"Guest {name} does not answer on port {guest['ready_port']}: it is {guest['state']}.",
                f"Look at its console: teig guest console {name}",
                code="not_answering",
            )
        time.sleep(0.5)


def _poll(api: Api, operation: dict[str, Any]) -> dict[str, Any]:
    """Ask until the server answers; it or its database may be restarted meanwhile, and the operation goes on then."""
    ident = operation["id"]
    deadline = time.monotonic() + SERVER_AWAY_S
    while True:
        try:
            answer: dict[str, Any] = api.get(f"/operations/{ident}", wait_s=POLL_S, seen=operation.get("seen", 0))
        except (Unreachable, DatabaseFault) as error:
            if time.monotonic() > deadline:
                todo = f"{error.todo}\nThe operation goes on when the server runs again: teig op wait {ident}"
                raise type(error)(error.message, todo, code=error.reason) from error
            time.sleep(1.0)
        else:
            return answer


def _row(step: dict[str, Any]) -> Row:
    state = str(step["state"])
    return Row(_words(str(step["name"])), step["started"], step["ended"], state in _BAD_STEPS, step.get("note", ""))


def _words(name: str) -> str:
    undone = name.removeprefix("undo ")
    if undone != name:
        return f"undo: {_words(undone)}"
    return _IN_WORDS.get(name, name.replace("_", " "))


def _raise_its_error(operation: dict[str, Any]) -> None:
    state = OperationState(operation["state"])
    if state is OperationState.DONE:
        return
    error = from_record(operation["error"]) if operation["error"] else InternalFault("The operation failed.")
    if state is OperationState.STUCK:
        look = f"Not everything could be undone. What was done: teig op show {operation['id']}"
        raise OperatorError(error.message, f"{error.todo}\n{look}".strip(), code=error.reason) from error
    raise error
