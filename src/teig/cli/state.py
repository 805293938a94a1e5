"""`teig state`: the server's own state, backed up while it runs and restored while it does not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from teig import paths
from teig.cli.client import Api
from teig.cli.nouns import noun_app
from teig.cli.serve import Database, DatabaseFile, address
from teig.model.errors import Conflict, InvalidRequest, OperatorError

app = noun_app("The server's own state: back it up, restore it.")
KEY = "id_ed25519"

File = Annotated[Path, typer.Argument(help="The backup's file.", dir_okay=False)]


@app.command("backup")
def backup_state(file: File) -> None:
    """Write all that the server knows into a file, while it runs. Guests' disks and images are not in it.

    The server's SSH key is in it, so only its owner may read the file: keep it like a password.
    """
    if os.path.lexists(file):  # which says no where it cannot be looked at: writing will tell
        raise Conflict(f"{file} is there already.", "Name another file.")
    found = Api().get("/state")
    key = paths.server_dir() / KEY
    found["ssh_key"] = key.read_text(encoding="ascii") if key.is_file() else None
    partial = file.with_name(f"{file.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as sink:
            json.dump(found, sink)
            sink.flush()
            os.fsync(sink.fileno())
        partial.replace(file)
    except OSError as error:
        raise OperatorError(
            f"The backup cannot be written: {error.strerror} ({file}).", "Choose another place."
        ) from error
    typer.echo(f"{file}: {_count({name: len(rows) for name, rows in found['tables'].items()})}")


@app.command("restore")
def restore_state(file: File, database: Database = None, database_file: DatabaseFile = None) -> None:
    """Make the server's state from a backup, while no server runs: into a new directory, or an empty database.

    A backup of SQLite can be restored into PostgreSQL, and back. Start the server then, and let it take what hosts
    know better: teig host adopt NAME, for each host.
    """
    from teig.api.server import restore

    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"The backup cannot be read: {error.strerror} ({file}).") from error
    except ValueError as error:
        raise InvalidRequest("That is not a backup of Teig's state.") from error
    rows = restore(paths.server_dir(), text, address(database, database_file))
    typer.echo(f"Restored: {_count(rows)}. Start the server: teig serve")


def _count(rows: dict[str, Any]) -> str:
    names = {"plans": "applied plans"}
    return ", ".join(f"{count} {names.get(name, name)}" for name, count in rows.items() if count) or "nothing"
