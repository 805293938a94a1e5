"""`teig demo --clean`: remove every trace of the demo, and nothing that somebody may need.

A server that manages other hosts than the lab's is in use for real: then nothing is removed at all.
"""

from __future__ import annotations

import shutil

from teig import paths
from teig.cli import lab_machines, server_process
from teig.cli.client import Api
from teig.cli.progress import Board
from teig.model.errors import Conflict


def clean() -> None:
    """Stop the server and the lab, and remove state and caches."""
    with Board(stderr=False) as board:
        if paths.server_dir().exists():
            with board.step("see which hosts the server has") as note:
                note.say(_refuse_other_hosts())
            with board.step("stop the server"):
                server_process.stop()
        with board.step("stop the lab"):
            lab_machines.remove()
        with board.step("remove state and images"):
            for folder in (paths.state_dir(), paths.cache_dir()):
                if folder.exists():
                    shutil.rmtree(folder)
    print("\nThe demo is gone; what was installed with apt-get stays.")


def _refuse_other_hosts() -> str:
    """Return the names of the server's hosts, which are all the lab's; start the server to ask if it does not run."""
    api = Api()
    if not api.alive():
        server_process.start()
    hosts = api.get("/hosts")
    others = [host["name"] for host in hosts if not lab_machines.is_ours(host["name"], host["address"])]
    if others:
        raise Conflict(
            f"The server manages hosts that are not the lab's: {', '.join(others)}. Nothing was removed.",
            "Remove them first with teig host remove, or keep the server and stop the lab alone: teig lab down",
        )
    return ", ".join(host["name"] for host in hosts) or "none"
