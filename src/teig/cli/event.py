"""`teig event`: what has happened to guests by itself."""

from __future__ import annotations

from typing import Annotated

import typer

from teig.cli.client import Api
from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, moment, print_json, print_table

app = noun_app("What has happened to guests by itself.")


@app.callback()
def _noun() -> None:
    """What has happened to guests by itself."""  # a noun with one verb: typer takes that for the command itself


@app.command("list")
def list_events(
    guest: Annotated[str | None, typer.Option("--guest", help="Of this guest alone.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many, the newest first.")] = 20,
    output: Output = Format.TABLE,
) -> None:
    """List the latest events."""
    api = Api()
    events = api.get("/events", limit=limit) if guest is None else api.get("/events", limit=limit, guest=guest)
    if output is Format.JSON:
        print_json(events)
        return
    rows = [(moment(event["at"]), event["name"], event["kind"], event["text"]) for event in events]
    print_table(("when", "guest", "kind", "what"), rows, "There are no events.")
