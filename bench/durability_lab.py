"""The crash part of `durability.py` on a real lab host: the server is killed in every step of a create.

Which step it was in is read from its database once it is dead. The kill aims at steps that were not hit yet.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import sys
import time
from collections import Counter

from figures import Figure
from standing import Standing, standing
from teig import paths
from teig.cli import server_process
from teig.cli.client import Api
from teig.cli.demo_names import GUEST

CREATES = 20
STEPS = ("reserve", "image", "volume", "write", "define", "start", "observe")
STEP_S = 300.0


def crash() -> list[Figure]:
    """Make guests, kill the server in a step of each, and count what is wrong afterwards."""
    with standing() as stands:
        stands.teig("guest", "delete", GUEST, "--yes", "--force")
        hits: Counter[str] = Counter()
        lost = doubled = 0
        for number in range(CREATES):
            aim = min(STEPS, key=lambda step: hits[step])
            step, state, domains = _survives(stands, f"crash{number}", aim)
            hits[step] += 1
            print(f"create {number + 1} of {CREATES}: killed in {step}, {state}", file=sys.stderr)
            lost += state != "done" or domains == 0
            doubled += domains > 1
        left = _left(stands)
    return [
        Figure(
            "crash.lab.steps_hit",
            sum(hits[step] > 0 for step in STEPS),
            "",
            f"== {len(STEPS)}",
            [hits[step] for step in STEPS],
        ),
        Figure("crash.lab.lost", lost, "", "== 0"),
        Figure("crash.lab.doubled", doubled, "", "== 0"),
        Figure("crash.lab.orphans", len(left), "", "== 0"),
    ]


def _survives(stands: Standing, name: str, aim: str) -> tuple[str, str, int]:
    """Kill the server in a create, start it again and delete the guest.

    Returns the step that was hit, how the operation ended ("drift" where the guest is not what it should be), and how
    many domains there were.
    """
    if aim == "image":
        stands.dom0("rm", "-rf", "/var/lib/teig/images/*")  # else there is nothing to do, and no time to hit it
    pid = Api().get("/server")["pid"]
    made = Api().post("/guests", {"name": name, "plan": "tiny", "image": "micro"})
    deadline = time.monotonic() + STEP_S
    while aim not in _steps(made["id"]) and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    while not server_process.gone(pid):
        time.sleep(0.01)
    hit = next(reversed(_steps(made["id"])), "none")
    server_process.start()
    state = _ended(made["id"])
    domains = sum(line.split()[0] == name for line in stands.dom0("xl", "list").splitlines())
    if stands.json("guest", "show", name)["drift"]:
        state = "drift"
    stands.teig("guest", "delete", name, "--yes", "--force")
    return hit, state, domains


def _ended(operation: str) -> str:
    """Return how an operation ended; where it does not, the state that it stays in."""
    deadline = time.monotonic() + STEP_S
    while True:
        found = Api().get(f"/operations/{operation}", timeout_s=30.0)
        if found["ended"] or time.monotonic() > deadline:
            return str(found["state"])
        time.sleep(0.5)


def _steps(operation: str) -> list[str]:
    """Return the steps that an operation has begun, from the server's database."""
    with contextlib.closing(sqlite3.connect(paths.server_dir() / "teig.sqlite")) as connection:
        [row] = connection.execute("select steps from operations where id = ?", (operation,))
    return [step["name"] for step in json.loads(row[0])]


def _left(stands: Standing) -> list[str]:
    """Return what the deleted guests have left: on the host, and rows and addresses in the database."""
    domains = [line for line in stands.dom0("xl", "list").splitlines()[1:] if not line.startswith("Domain-0")]
    volumes = stands.dom0("lvs", "--noheadings", "-o", "lv_name").split()
    specs = stands.dom0("find", "/var/lib/teig/guests", "-name", "spec.json").split()
    with contextlib.closing(sqlite3.connect(paths.server_dir() / "teig.sqlite")) as connection:
        rows = [str(row) for row in connection.execute("select id from guests union all select guest from nics")]
    return [*domains, *volumes, *specs, *rows]
