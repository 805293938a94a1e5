"""Putting the agent onto a host, and taking it away: what the administrator's own `ssh` runs there, once.

The caller runs `ssh ... root@ADDRESS REMOTE_COMMAND` with the bytes on standard input. The command is a constant that
any shell reads alike; everything that differs travels as bytes: the agent, then what to do, as JSON. It prints one line
of JSON, which `Installed` reads. The work itself is in `teig.agent.host.setup`, which is in the agent that was sent.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from teig.fleet.agent_bundle import bundle
from teig.model.errors import HostFault, InvalidRequest, from_record
from teig.model.guest import check_ssh_key

REMOTE_COMMAND = (
    "exec /usr/bin/python3 -I -c '"
    "import sys, tempfile; source = sys.stdin.buffer; size = int(source.readline()); "
    'packed = tempfile.NamedTemporaryFile(suffix=".pyz"); packed.write(source.read(size)); packed.flush(); '
    "sys.path.insert(0, packed.name); from teig.agent.host.setup import main; "
    "sys.exit(main(packed.name, source.read()))'"
)


@dataclass(frozen=True)
class Installed:
    """What the host said of itself: its public SSH host keys are lines in OpenSSH's form."""

    hostname: str
    machine_id: str
    host_keys: tuple[str, ...]
    agent_version: str


def agent_version() -> str:
    """Return the version of the agent that this Teig installs."""
    return bundle().version


def installer(ssh_public_key: str, machine_id: str | None = None) -> tuple[list[str], bytes]:
    """Return what to put behind `ssh root@ADDRESS` and what to send on its standard input, to install the agent.

    `ssh_public_key` is the server's; the host then lets it run the agent and nothing else. A machine with another id
    than `machine_id`, where that is given, refuses (`another_machine`).
    """
    return _remote({"action": "install", "key": check_ssh_key(ssh_public_key), "machine_id": machine_id})


def uninstaller() -> tuple[list[str], bytes]:
    """Return the same to remove the agent and the server's key. Guests that are defined there keep their files."""
    return _remote({"action": "uninstall"})


def installed(untrusted_output: str) -> Installed:
    """Return what the installer printed; HostFault where it could not do it."""
    answer = _answer(untrusted_output)
    try:
        return Installed(
            hostname=str(answer["hostname"]),
            machine_id=str(answer["machine_id"]),
            host_keys=tuple(_known_keys(answer["host_keys"])),
            agent_version=str(answer["agent_version"]),
        )
    except (KeyError, TypeError) as error:
        raise _unreadable(untrusted_output) from error


def uninstalled(untrusted_output: str) -> bool:
    """Return whether the host's files about guests were removed too; HostFault where it could not do it."""
    return bool(_answer(untrusted_output).get("state_removed"))


def _known_keys(untrusted: list[Any]) -> Iterator[str]:
    """Yield the host keys of kinds that Teig knows: a machine that came from an old release has others beside them."""
    for line in untrusted:
        with contextlib.suppress(InvalidRequest):
            yield check_ssh_key(str(line))


def _remote(order: dict[str, Any]) -> tuple[list[str], bytes]:
    agent = bundle().data
    return [REMOTE_COMMAND], b"%d\n" % len(agent) + agent + json.dumps(order).encode()


def _answer(untrusted_output: str) -> dict[str, Any]:
    lines = untrusted_output.strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (ValueError, IndexError) as error:
        raise _unreadable(untrusted_output) from error
    if not isinstance(answer, dict):
        raise _unreadable(untrusted_output)
    if "error" in answer:
        raise from_record(answer["error"])
    return answer


def _unreadable(untrusted_output: str) -> HostFault:
    return HostFault(
        f"The host answered something else than the agent's installer does: {untrusted_output.strip()[-200:]!r}.",
        "Its root account may print something at login, or have no /usr/bin/python3.",
        code="install_failed",
    )
