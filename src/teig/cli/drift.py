"""`teig drift`: what differs between what is promised, what hosts are set to, and what is so."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from teig.cli.client import Api
from teig.cli.following import Interrupted, follow
from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, print_json, print_table, printable
from teig.cli.progress import Board
from teig.model.errors import DatabaseFault, TeigError, Unreachable

app = noun_app("What differs between what is promised, what hosts are set to, and what is so.")


@app.command("drift")
def drift(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what is Teig's; never touch what is not.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Observe every host before.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """List what differs, as it was when hosts were last observed (twice a minute). Ends with 1 where anything does.

    So it ends where something could not be mended.
    """
    api = Api()
    failed = _mend(api) if fix else []
    found = api.get("/drift", now=str(now or fix).lower())
    if output is Format.JSON:
        print_json(found)
    else:
        _print(found)
    if found or failed:
        raise typer.Exit(1)


def _mend(api: Api) -> list[str]:
    """Mend what is Teig's, and tell what was done; return and tell what could not be mended, and why."""
    mended = api.post("/drift/mend", {})
    for sentence in mended["done"]:
        typer.echo(printable(sentence), err=True)
    failed = [f"{row['guest'] or row['host']}: {row['text']}" for row in mended["left"] if row["fixable"]]
    with Board() as board:
        for operation in mended["operations"]:
            try:
                follow(api, operation, board, before=board.rows)
            except Interrupted:
                raise
            except (Unreachable, DatabaseFault) as error:  # the server has gone: the others cannot be followed either
                failed.append(f"{operation['subject']} and all after it: {error}")
                break
            except TeigError as error:
                failed.append(f"{operation['subject']}: {error}")
    for sentence in failed:
        typer.echo(f"error: {printable(sentence)}", err=True)
    return failed


def _print(found: list[dict[str, Any]]) -> None:
    if not found:
        typer.echo("Nothing differs.")
        return
    columns = ("host", "guest", "what", ">entitled", ">set", ">read back", "error")
    rows = [
        (
            row["host"],
            row["guest"],
            row["field"] or row["kind"].replace("_", " "),
            row["entitled"],
            row["set"],
            row["live"],
            row["text"],
        )
        for row in found
    ]
    print_table(columns, rows, "")
