"""`teig host upgrade`: bring agents and keepers to the server's version, on several hosts at once.

The way there is the administrator's own ssh, as in `enrolment`. One host that fails holds up no other one.
"""

from __future__ import annotations

import queue
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from teig.cli import enrolment
from teig.cli.client import Api, name_path
from teig.cli.progress import Board, Row
from teig.model.errors import Conflict, TeigError

AT_ONCE = 8
NAME = "{name}"
"""Stands for the host's name in where ssh finds it."""
SEEN_S = 30.0
"""How long to wait until the server has noticed the new agent: it may use one of the first ones for 15 s more."""
_ASK_EVERY_S = 1.0


@dataclass(frozen=True)
class Way:
    """How the administrator reaches the hosts, where that is not as the server does; whether ssh may ask something."""

    target: str | None = None
    config: Path | None = None
    port: int | None = None
    asks: bool = True


@dataclass(frozen=True)
class Failed:
    """A host that was not upgraded, and why."""

    name: str
    message: str
    todo: str


@dataclass(frozen=True)
class _Event:
    """A row that changed."""

    index: int
    changes: dict[str, Any]
    failed: Failed | None = None
    last: bool = False


def outdated(host: dict[str, Any]) -> str:
    """Return in words what of a host is not known to be of the server's version: agent, keeper, both, or nothing."""
    return " and ".join(host.get("outdated", ()))


def check_release(server: dict[str, Any]) -> None:
    """Raise Conflict where this command line would install another agent than the server's."""
    current, own = str(server.get("agent_version", "")), enrolment.agent_version()
    if current != own:
        raise Conflict(
            f"The server works with agent {current or 'of an earlier release'}, and this command line would install "
            f"{own}.",
            "Restart the server with this release, or run the teig of the server's release.",
            code="another_release",
        )


def upgrade(api: Api, hosts: list[dict[str, Any]], public_key: str, way: Way) -> list[Failed]:
    """Install the agent on hosts, 8 at once, with a row for each; return those where it failed.

    Where it is interrupted, those that it works on are finished, and no other one is begun.
    """
    events: queue.Queue[_Event] = queue.Queue()
    rows = [Row(f"upgrade {host['name']}") for host in hosts]
    failed: list[Failed] = []

    def work(index: int) -> None:
        events.put(_Event(index, {"started": time.time()}))
        events.put(_worked(api, index, hosts[index], way, public_key))

    with Board() as board, ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for index in range(len(hosts)):
                pool.submit(work, index)
            left = len(hosts)
            while left:
                event = events.get()
                rows[event.index] = replace(rows[event.index], **event.changes)
                board.show(list(rows))
                failed += [event.failed] if event.failed else []
                left -= event.last
        except BaseException:  # Ctrl-C, above all
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failed


def _worked(api: Api, index: int, host: dict[str, Any], way: Way, public_key: str) -> _Event:
    """Upgrade one host and return what came of it, whatever goes wrong."""
    try:
        note = _upgrade(api, host, _login(host, way), public_key)
    except TeigError as error:
        failure = Failed(host["name"], error.message, error.todo)
    except Exception as error:  # noqa: BLE001 - the others go on, and this one is told with them
        failure = Failed(host["name"], f"{type(error).__name__}: {error}", "")
    else:
        return _Event(index, {"ended": time.time(), "note": note}, last=True)
    changes = {"ended": time.time(), "failed": True, "note": failure.message}
    return _Event(index, changes, failure, last=True)


def _login(host: dict[str, Any], way: Way) -> enrolment.Login:
    """Return the way to a host: to where the server connects, unless the administrator says another one."""
    target = way.target.replace(NAME, host["name"]) if way.target else f"root@{host['address']}"
    login = enrolment.Login(target, way.config, way.port or (None if way.target else host["port"]), asks=way.asks)
    enrolment.check_root(enrolment.resolve(login))
    return login


def _upgrade(api: Api, host: dict[str, Any], login: enrolment.Login, public_key: str) -> str:
    """Install the agent on one host, wait until the server has seen it, and return what to say of it."""
    enrolment.install(login, public_key, host["machine_id"])
    deadline = time.monotonic() + SEEN_S
    while time.monotonic() < deadline:
        with suppress(TeigError):  # it may be the very moment of the change
            seen = api.get(name_path("hosts", "host", host["name"]))
            if not outdated(seen) and seen["state"] != "keeper_dead":
                return ""
        time.sleep(_ASK_EVERY_S)
    return "installed; the server has not seen it yet"
