"""`teig serve`: run the server in the foreground."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

import typer

from teig import paths
from teig.cli.nouns import noun_app
from teig.model.errors import InvalidRequest, TeigError

app = noun_app("Run the server; every other command talks to it.")

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="A PostgreSQL database that servers share: postgresql://USER@HOST/NAME, with the password in ~/.pgpass, "
        "or postgresql:///?service=NAME. TEIG_DATABASE says the same. Without: a file in the server's directory.",
    ),
]
DatabaseFile = Annotated[
    Path | None,
    typer.Option(
        "--database-file",
        envvar="TEIG_DATABASE_FILE",
        help="A file that has this URL in it, for one with a password.",
        dir_okay=False,
    ),
]


NameServer = Annotated[
    str | None,
    typer.Option(
        "--name-server",
        metavar="ADDRESS[:PORT]",
        envvar="TEIG_NAME_SERVER",
        help="The name server that is told of addresses' names (teig address name), by updates as in RFC 2136.",
    ),
]
NameServerKey = Annotated[
    Path | None,
    typer.Option(
        "--name-server-key",
        envvar="TEIG_NAME_SERVER_KEY",
        help="A file with the key that signs these, which only its owner can read: tsig-keygen -a hmac-sha256 teig",
        dir_okay=False,
    ),
]


@app.command("serve")
def serve(
    database: Database = None,
    database_file: DatabaseFile = None,
    name_server: NameServer = None,
    name_server_key: NameServerKey = None,
) -> None:
    """Run the server until it is stopped with Ctrl-C or SIGTERM.

    It needs no configuration: database, keys, images and the unix socket that every other command talks to are in
    a private directory, ~/.local/state/teig/server (XDG_STATE_HOME moves it). Several servers can share the work:
    give them the same PostgreSQL database and the same SSH key.
    """
    from teig.api.server import main
    from teig.cli.main import say

    status = 0
    try:
        main(
            paths.server_dir(),
            address(database, database_file),
            name_server=name_server,
            name_server_key=name_server_key,
        )
    except TeigError as error:
        say(error.message, error.todo)
        status = error.exit_code
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: Python would wait for a step that is under way, and what it does goes on when a server runs again.
    os._exit(status)


def address(database: str | None, file: Path | None) -> str | None:
    """Return the URL of the database that servers share, None where there is none."""
    if database is not None and file is not None:
        raise InvalidRequest(
            "Two databases are named, by --database, and by --database-file or TEIG_DATABASE_FILE.", "Name one of them."
        )
    if database is not None and _has_password(database):
        raise InvalidRequest(
            "Everybody on this machine can read a password that stands on a command line.",
            "Put it into ~/.pgpass, or the URL into a file of yours: --database-file FILE",
            code="password_shown",
        )
    if database is not None:
        return database
    if file is None:
        return os.environ.get("TEIG_DATABASE") or None
    try:
        with file.open(encoding="utf-8") as source:
            url, mode = source.read().strip(), os.fstat(source.fileno()).st_mode
    except OSError as error:
        raise InvalidRequest(f"The file of the database's URL cannot be read: {error.strerror} ({file}).") from error
    except ValueError as error:
        raise InvalidRequest(f"The file of the database's URL is no text in UTF-8: {file}.") from error
    if mode & 0o077 and _has_password(url):
        raise InvalidRequest(
            f"Others can read the password in {file}.", f"Let only its owner: chmod 600 {file}", code="password_shown"
        )
    return url


def _has_password(url: str) -> bool:
    """Return whether there is a password in a database's URL, in either of libpq's places; or something like one."""
    try:
        parts = urlsplit(url)
        return bool(parts.password) or any(key.endswith("password") for key, _ in parse_qsl(parts.query))
    except ValueError:  # no URL, in which anything may stand
        return True
