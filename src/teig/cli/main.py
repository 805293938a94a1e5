"""The entry point `teig`: the list of commands, and the one place where errors become words and exit codes.

Neighbours: one module per noun beside this one; `teig.model.errors` says which exit code means what.
"""

from __future__ import annotations

import sys
import time
import traceback
from typing import Annotated, NoReturn

import typer

from teig import paths
from teig.cli.nouns import LazyGroup, Noun
from teig.model.errors import TeigError


class Commands(LazyGroup):
    """All nouns of the command line."""

    nouns = {  # noqa: RUF012 - a table
        "demo": Noun("teig.cli.demo", "Boot a real Xen host on this machine and make a guest on it."),
        "serve": Noun("teig.cli.serve", "Run the server; every other command talks to it."),
        "site": Noun("teig.cli.site", "Places where hosts stand, and the guests' network there."),
        "range": Noun("teig.cli.range", "Addresses that guests can get beside those of their cards."),
        "address": Noun("teig.cli.address", "Addresses of guests: give, take away, move."),
        "host": Noun("teig.cli.host", "Machines that run Xen."),
        "pool": Noun("teig.cli.pool", "Where guests' disks lie, and what is still free there."),
        "plan": Noun("teig.cli.plan", "What a guest is entitled to."),
        "image": Noun("teig.cli.image", "Root file systems that guests are made from."),
        "guest": Noun("teig.cli.guest", "Guests: create, look, start, stop, reach, delete."),
        "drift": Noun("teig.cli.drift", "What differs between what is promised and what is so."),
        "audit": Noun("teig.cli.audit", "What is wrong in configuration files and on hosts. --host needs a server."),
        "event": Noun("teig.cli.event", "What has happened to guests by itself."),
        "op": Noun("teig.cli.op", "Operations: what is being done, and what was."),
        "state": Noun("teig.cli.state", "The server's own state: back it up, restore it."),
        "lab": Noun("teig.cli.lab", "Real Xen hosts, booted in QEMU on this machine."),
    }


app = typer.Typer(
    cls=Commands,
    name="teig",
    help="Hosting on Xen whose guests get exactly what their plan says.",
    epilog="Exit codes: 0 done, 1 it failed or found something, 2 wrong usage, 3 not reachable, 4 refused by policy.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"teig {version('teig')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hosting on Xen whose guests get exactly what their plan says."""


def run() -> NoReturn:
    """Run the command line and exit: the console script `teig`."""
    try:
        app(prog_name="teig")
    except TeigError as error:
        say(error.message, error.todo)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - the outermost boundary: nobody should be shown a traceback
        say(f"Teig stumbled over something it did not expect: {_one_line(error)}.", _keep_traceback(error))
        sys.exit(1)
    sys.exit(0)


def say(message: str, todo: str) -> None:
    """Tell a person on standard error what went wrong, and what to do."""
    from teig.cli.output import printable

    typer.echo(f"error: {printable(message)}", err=True)
    if todo:
        typer.echo(printable(todo), err=True)


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": .")


def _keep_traceback(error: Exception) -> str:
    """Write the details down and return where they are, or why they are nowhere."""
    log = paths.state_dir() / "cli-errors.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"\n{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {' '.join(sys.argv)}\n")
            traceback.print_exception(error, file=file)
    except OSError as fault:
        return f"The details cannot be kept in {log}: {fault.strerror}."
    return f"The details are in {log}"
