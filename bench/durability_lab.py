"""The crash part of `durability.py` on a real lab host: the server is killed in every step of a create in turn.

Not yet run on an idle machine.
"""

from __future__ import annotations

import os
import signal
import time

from figures import Figure
from standing import Standing, standing
from teig.cli import server_process
from teig.cli.client import Api
from teig.cli.demo_names import GUEST

CREATES = 20
STEPS = ("reserve", "image", "volume", "write", "define", "start", "ready")
STEP_S = 300.0


def crash() -> list[Figure]:
    """Make guests, kill the server in a step of each, and count what is wrong afterwards."""
    with standing() as stands:
        stands.teig("guest", "delete", GUEST, "--yes", "--force")
        lost = sum(not _survives(stands, f"crash{number}", STEPS[number % len(STEPS)]) for number in range(CREATES))
        left = _left(stands)
    return [Figure("crash.lab.lost", lost, "", "== 0"), Figure("crash.lab.orphans", len(left), "", "== 0")]


def _survives(stands: Standing, name: str, step: str) -> bool:
    """Return whether a guest is made, once, although the server is killed in that step; then delete it."""
    ident = stands.teig("guest", "create", name, "--plan", "tiny", "--image", "micro", "--no-wait").strip()
    deadline = time.monotonic() + STEP_S
    while time.monotonic() < deadline:
        operation = stands.json("op", "show", ident)
        if operation["ended"] or step in {known["name"] for known in operation["steps"]}:
            break
        time.sleep(0.02)
    os.kill(Api().get("/server")["pid"], signal.SIGKILL)
    server_process.start()
    stands.teig("op", "wait", ident)
    domains = stands.dom0("xl", "list").count(name)
    good = domains == 1 and stands.json("guest", "show", name)["drift"] == []
    stands.teig("guest", "delete", name, "--yes", "--force")
    return good


def _left(stands: Standing) -> list[str]:
    """Return what the deleted guests have left on the host."""
    domains = [line for line in stands.dom0("xl", "list").splitlines()[1:] if not line.startswith("Domain-0")]
    volumes = stands.dom0("lvs", "--noheadings", "-o", "lv_name").split()
    specs = stands.dom0("find", "/var/lib/teig/guests", "-name", "spec.json").split()
    return [*domains, *volumes, *specs]
