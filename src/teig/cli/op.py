"""`teig op`: operations, which are durable pieces of work with steps."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import typer

from teig.cli.client import Api
from teig.cli.following import NoWait, carry_out
from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, duration, moment, print_facts, print_json, print_table
from teig.model.errors import Conflict, InvalidRequest

SHORT: Final = 8
"""How many characters of an id tables show: enough to name it."""

app = noun_app("Operations: what is being done, and what was.")

Ident = Annotated[str, typer.Argument(help="The operation's id, or at least four of its first characters.")]


@app.command("list")
def list_operations(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many, the newest first.")] = 20,
    output: Output = Format.TABLE,
) -> None:
    """List the latest operations."""
    operations = Api().get("/operations", limit=limit)
    if output is Format.JSON:
        print_json(operations)
        return
    columns = ("id", "kind", "subject", "state", "began", ">took")
    print_table(columns, [_cells(operation) for operation in operations], "Nothing has been done yet.")


@app.command("show")
def show_operation(ident: Ident, output: Output = Format.TABLE) -> None:
    """Show one operation, its steps and its error."""
    operation = Api().get(_path(ident))
    if output is Format.JSON:
        print_json(operation)
        return
    facts = [(key, operation[key]) for key in ("id", "kind", "subject", "state")]
    error = operation["error"]
    if error:
        facts += [("error", error["message"]), ("what to do", error["todo"])]
    print_facts([*facts, ("began", moment(operation["created"])), ("ended", moment(operation["ended"]))])
    print()
    rows = [
        (step["name"], f"{step['state']}: {step['note']}" if step.get("note") else step["state"],
         _took(step["started"], step["ended"]))
        for step in operation["steps"]
    ]  # fmt: skip
    print_table(("step", "state", ">took"), rows, "It has begun no step yet.")


@app.command("wait")
def wait_operation(ident: Ident) -> None:
    """Wait for an operation's end and show its steps; ends with its error where it failed."""
    api = Api()
    carry_out(api, api.get(_path(ident)), no_wait=False)


@app.command("cancel")
def cancel_operation(
    ident: Ident,
    no_wait: NoWait = False,
) -> None:
    """Stop an operation after its present step and undo what it has done; wait until that is so."""
    api = Api()
    operation = api.post(f"{_path(ident)}/cancel", {})
    try:
        carry_out(api, operation, no_wait=no_wait)
    except Conflict as error:
        if error.reason != "cancelled":
            raise
        typer.echo(error.message)
        return
    if not no_wait:
        typer.echo("It was done before it could be cancelled.")


def _path(ident: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,79}", ident, re.ASCII):
        raise InvalidRequest(f"{ident!r} is not the id of an operation.", "See them all: teig op list")
    return f"/operations/{ident}"


def _cells(operation: dict[str, Any]) -> tuple[object, ...]:
    took = _took(operation["created"], operation["ended"])
    named = (operation[key] for key in ("kind", "subject", "state"))
    return (operation["id"][:SHORT], *named, moment(operation["created"]), took)


def _took(started: float | None, ended: float | None) -> str:
    return "-" if started is None or ended is None else duration(ended - started)
