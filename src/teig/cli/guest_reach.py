"""`teig guest console, forward, ssh, connect`: reach a guest through its host, without any route to its network."""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated

import typer

from teig import paths, process
from teig.cli import streams
from teig.cli.client import Api, name_path, suggesting
from teig.cli.output import printable
from teig.model.errors import Conflict, InvalidRequest, TeigError

Name = Annotated[str, typer.Argument(help="The guest.")]


def add_to(app: typer.Typer) -> None:
    """Add these verbs to `teig guest`."""
    app.command("console")(console)
    app.command("forward")(forward)
    app.command("ssh", context_settings={"ignore_unknown_options": True})(ssh)
    app.command("connect", hidden=True)(connect)


def console(name: Name) -> None:
    """Join the terminal to a guest's console; Ctrl-] leaves it."""
    api = Api()
    streams.console(api, f"{_guest_path(api, name)}/console")


def forward(
    name: Name, ports: Annotated[str, typer.Argument(help="LOCAL:PORT, for example 8080:80; 0:80 takes a free one.")]
) -> None:
    """Let a port of this machine (127.0.0.1 only) lead to a TCP port of a guest, until Ctrl-C."""
    local, remote = _ports(ports)
    api = Api()
    path = _guest_path(api, name)
    with streams.listen(local) as listener:
        host, port = listener.getsockname()[:2]
        print(f"{host}:{port} leads to {name}:{remote}; Ctrl-C ends it.", flush=True)
        try:
            streams.forward(api, f"{path}/ports/{remote}", listener, _complain)
        except KeyboardInterrupt:
            print("Ended.", file=sys.stderr)


def connect(name: Name, port: Annotated[int, typer.Argument(min=1, max=65535, help="The guest's TCP port.")]) -> None:
    """Join standard input and output to a TCP port of a guest: for ssh's ProxyCommand."""
    api = Api()
    streams.stdio(api, f"{_guest_path(api, name)}/ports/{port}")


def ssh(
    name: Name,
    command: Annotated[list[str] | None, typer.Argument(help="What to run there, after --.")] = None,
    login: Annotated[str | None, typer.Option("--login", "-l", help="User; else the image's own.")] = None,
    identity: Annotated[str | None, typer.Option("--identity", "-i", help="Private key file.")] = None,
) -> None:
    """Log in to a guest with ssh, through its host."""
    api = Api()
    with suggesting(api, ("guests", name)):
        guest = api.get(name_path("guests", "guest", name))
    user = login or guest["ssh_user"]
    if user is None:
        raise Conflict(f"The image of guest {name} has no SSH server.", f"Use its console: teig guest console {name}")
    program = process.require("ssh", "openssh-client")
    chosen = ["-i", identity] if identity else []
    argv = [program, *_ssh_options(name, guest["id"]), *chosen, "-l", user, name, *(command or [])]
    sys.stdout.flush()
    os.execv(program, argv)  # noqa: S606 - ssh takes our place; nothing is left for a shell to read


def _guest_path(api: Api, name: str) -> str:
    """Return the path of a guest that is there: a stream could only say in a few words that it is not."""
    path = name_path("guests", "guest", name)
    with suggesting(api, ("guests", name)):
        api.get(path)
    return path


def _ssh_options(name: str, ident: str) -> list[str]:
    """Return what makes ssh go through us, and remember the guest's host key by its UUID: names are used again."""
    known = paths.state_dir() / "guests_known_hosts"
    known.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = {
        "ProxyCommand": f"'{sys.executable}' -m teig guest connect {name} 22",
        "HostKeyAlias": f"teig-{ident}",
        "StrictHostKeyChecking": "accept-new",
        "UserKnownHostsFile": f'"{known}"',
        "LogLevel": "ERROR",
    }
    return [word for key, value in options.items() for word in ("-o", f"{key}={value}")]


def _ports(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5}):(\d{1,5})", text, re.ASCII)
    if not match or int(match[1]) > 65535 or not 1 <= int(match[2]) <= 65535:
        raise InvalidRequest(f"{text!r} is not a pair of ports.", "Write LOCAL:PORT, for example 8080:80.")
    return int(match[1]), int(match[2])


def _complain(error: TeigError) -> None:
    print(f"error: {printable(error.message)}", file=sys.stderr)
