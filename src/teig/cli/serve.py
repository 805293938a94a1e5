"""`teig serve`: run the server in the foreground."""

from __future__ import annotations

from teig import paths
from teig.cli.nouns import noun_app

app = noun_app("Run the server; every other command talks to it.")


@app.command("serve")
def serve() -> None:
    """Run the server until it is stopped with Ctrl-C or SIGTERM.

    It needs no configuration: database, keys, images and the unix socket that every other command talks to are in
    a private directory, ~/.local/state/teig/server (XDG_STATE_HOME moves it).
    """
    from teig.api.server import main

    main(paths.server_dir())
