"""`teig demo --clean`: remove every trace of the demo, and nothing that somebody may need.

A server that manages other hosts than the lab's, or has another site, is in use for real: then nothing is removed at
all. What Teig did not put beside it, such as a server's directory that was moved out of the way, stays.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from teig import paths
from teig.cli import lab_machines, server_process
from teig.cli.client import Api
from teig.cli.demo_names import SITE
from teig.cli.progress import Board
from teig.model.errors import Conflict, TeigError

STATE: Final = ("server", "lab", "cli-errors.log", "guests_known_hosts")
CACHE: Final = ("images", "lab")


def clean() -> None:
    """Stop the server and the lab, and remove state and caches; Conflict where the server is not the demo's alone."""
    with Board(stderr=False) as board:
        if paths.server_dir().exists():
            ran = Api().alive()
            with board.step("see which hosts and guests the server has") as note:
                try:
                    note.say(_refuse_other_hosts())
                except TeigError:
                    if not ran:
                        server_process.stop()
                    raise
            with board.step("stop the server"):
                server_process.stop()
        with board.step("stop the lab"):
            lab_machines.remove()
        with board.step("remove state and images") as note:
            note.say(_about())
            left = _remove()
    print("\nThe demo is gone; what was installed with apt-get stays.")
    if left:
        print(f"So does what Teig did not put there: {', '.join(map(str, left))}")


def _about() -> str:
    """Return what goes with the state and the cache, for who has more there than the demo's."""
    saved = sorted(path.name for path in (paths.cache_dir() / "lab" / "named").glob("[!.]*"))
    images = len(list((paths.cache_dir() / "images").glob("[!.]*")))
    return f"{images} built images" + (f", and the saved labs {', '.join(saved)}" if saved else "")


def _remove() -> list[Path]:
    """Remove what Teig has made in the directories of its state and its cache, and these; return what else is there.

    Of a symbolic link only the link goes: where it leads to is somebody's choice, and may hold more.
    """
    made = [paths.state_dir() / name for name in STATE] + [paths.cache_dir() / name for name in CACHE]
    left = [path.resolve() for path in made if path.is_symlink() and path.exists()]
    for path in made:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for folder in sorted({path.parent for path in made if path.parent.exists()}):
        there = sorted(folder.iterdir())
        left += there
        if not there and not folder.is_symlink():
            folder.rmdir()
    return left


def _refuse_other_hosts() -> str:
    """Return the names of the server's hosts, which are all the lab's; start the server to ask if it does not run."""
    api = Api()
    if not api.alive():
        _refuse_shared()
        server_process.start()
    sites = [site["name"] for site in api.get("/sites") if site["name"] != SITE["name"]]
    if sites:
        raise Conflict(
            f"The server has sites that are not the demo's: {', '.join(sites)}. Nothing was removed.",
            "Keep the server and stop the lab alone: teig lab down",
        )
    hosts = api.get("/hosts")
    others = [host["name"] for host in hosts if not lab_machines.is_ours(host["name"], host["address"])]
    if others:
        raise Conflict(
            f"The server manages hosts that are not the lab's: {', '.join(others)}. Nothing was removed.",
            "Remove them first with teig host remove, or keep the server and stop the lab alone: teig lab down",
        )
    names = [str(row["name"]) for row in [*hosts, *api.get("/guests")]]
    return ", ".join(names) or "none"


def _refuse_shared() -> None:
    """Raise Conflict where a server that does not run has a key and no database of its own: it has one elsewhere."""
    key, database = (paths.server_dir() / name for name in ("id_ed25519", "teig.sqlite"))
    if key.exists() and not database.exists():
        raise Conflict(
            f"The server of {paths.server_dir()} has its database elsewhere, and hosts may know its SSH key. Nothing "
            "was removed.",
            "Start it with that database and try again, or move the directory out of the way.",
        )
