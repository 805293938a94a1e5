"""Installing the agent on its host and removing it: run once, over the administrator's own ssh, never by the server.

`teig.fleet.install` sends this along with the agent. Everything here can be run again: the same order changes nothing.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import marshal
import os
import re
import shutil
import socket
import sys
import zipfile
from pathlib import Path
from typing import Any

from teig.agent.contract.failure import Failure, failure_of, host_fault
from teig.agent.contract.spec import parse_spec
from teig.agent.host import services
from teig.agent.host.state import State, make_private, read_json, write_whole
from teig.agent.host.version import version
from teig.agent.network import cards, transfer
from teig.agent.xen import hotplug

AGENT = "usr/local/lib/teig/agent.pyz"
COMMAND = f"/usr/bin/python3 -I /{AGENT} serve"
_STATE = "var/lib/teig"
_KEPT = ("guests", "images", transfer.FILE, "*.lock", ".reserve*")
_KERNEL = (5, 18)
_DATE = (1980, 1, 1, 0, 0, 0)


def main(packed: str, untrusted_order: bytes) -> int:
    """Carry out an order for the file that this runs from; print one line of JSON and return the exit status."""
    try:
        answer = _carry_out(Path("/"), Path(packed), untrusted_order)
    except Exception as error:  # noqa: BLE001  (whatever happens, the administrator gets one clear answer)
        sys.stdout.write(json.dumps({"error": failure_of(error).as_record()}) + "\n")
        return 1
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _carry_out(root: Path, packed: Path, untrusted_order: bytes) -> dict[str, Any]:
    order = json.loads(untrusted_order)
    if order.get("action") not in {"install", "uninstall"}:
        raise Failure("invalid", f"There is no action {order.get('action')!r:.80}.")
    if os.geteuid() != 0:
        raise host_fault("not_root", "The agent can only be installed by root.", "Log in as root@ADDRESS.")
    _check_machine(root, order.get("machine_id"))
    if order["action"] == "install":
        _check_network(os.uname().release)
        return install(root, packed, order["key"])
    return uninstall(root)


def _check_machine(root: Path, expected: object) -> None:
    """Refuse another machine than the one that the server knows, where it names one; see machine-id(5)."""
    own = (root / "etc/machine-id").read_text().strip()
    if expected is not None and expected != own:
        raise Failure(
            "conflict",
            f"This is another machine: its /etc/machine-id is {own}, and the server knows {expected!r:.80}.",
            "If the host was set up anew, run `teig host add` for it again.",
            code="another_machine",
        )


def install(root: Path, packed: Path, key: str) -> dict[str, Any]:
    """Put the agent in place and let a key run it, and nothing else; say who this host is."""
    agent = root / AGENT
    agent.parent.mkdir(parents=True, exist_ok=True)
    _write_cards(State(root / _STATE))  # before the script that needs them: a guest may reboot at any moment
    hotplug.install(root)
    write_whole(agent, with_bytecode(packed), 0o755)
    make_private(root / _STATE)
    make_private(root / _STATE / "guests")
    make_private(root / _STATE / "images")
    services.install(root, f"/{AGENT}")
    authorize(root, f'restrict,command="{COMMAND}" {" ".join(key.split()[:2])} teig')
    return {
        "hostname": socket.gethostname(),
        "machine_id": (root / "etc/machine-id").read_text().strip(),
        "host_keys": [
            line
            for path in sorted((root / "etc/ssh").glob("ssh_host_*_key.pub"))
            for line in path.read_text(errors="replace").splitlines()
        ],
        "agent_version": version(),
    }


def _write_cards(state: State) -> None:
    """Write what guests' cards are held to, whom an older agent has defined; the keeper tells of what fails."""
    for guest in state.guests():
        with contextlib.suppress(Failure, OSError):
            if (stored := read_json(state.guest_dir(guest) / "spec.json")) is not None:
                cards.write(state.guest_dir(guest), parse_spec(stored))


def _check_network(kernel: str) -> None:
    """Refuse a host whose guests could not start: their cards are held by nftables, tc and a locked port."""
    missing = [program for program in ("nft", "tc", "bridge", "ip") if shutil.which(program) is None]
    if missing:
        raise host_fault(
            "missing_program",
            f"The host lacks {', '.join(missing)}: a guest's network card is filtered and limited with it.",
            "Install it there, then try again: apt-get install nftables iproute2",
        )
    found = re.match(r"(\d+)\.(\d+)", kernel)
    if found and (int(found[1]), int(found[2])) < _KERNEL:
        raise host_fault(
            "old_kernel",
            f"Domain-0 runs Linux {kernel}, which cannot lock a bridge's port to its guest's MAC; 5.18 and later can.",
            "Boot a newer kernel, for example that of Debian 12, then try again.",
        )


def uninstall(root: Path) -> dict[str, Any]:
    """Take the agent and its key away. Where a guest is still defined, its files stay, and what xl starts it with."""
    authorize(root, None)
    services.uninstall(root)
    with contextlib.suppress(FileNotFoundError):
        (root / AGENT).unlink()
    shutil.rmtree((root / AGENT).parent, ignore_errors=True)
    kept = any((root / _STATE / "guests").glob("*/spec.json"))
    if not kept:
        hotplug.uninstall(root)
        _remove_state(root / _STATE)
    return {"state_removed": not any((root / _STATE / part).exists() for part in ("guests", "images"))}


def _remove_state(folder: Path) -> None:
    """Remove what the agent kept. Where a link leads to it on another disk, what is not the agent's there stays."""
    if not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in [path for pattern in _KEPT for path in folder.glob(pattern)]:
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            path.unlink()
    with contextlib.suppress(OSError):
        folder.resolve().rmdir()
        folder.unlink()


def authorize(root: Path, line: str | None) -> None:
    """Make `line` the one line of ours in root's authorized_keys, or leave none; all other lines stay as they are."""
    path = root / "root/.ssh/authorized_keys"
    if path.is_symlink():
        path = path.resolve()
    before = path.read_bytes() if path.exists() else b""
    kept = [known for known in before.splitlines() if f"/{AGENT} ".encode() not in known]
    after = b"".join(known + b"\n" for known in ([*kept, line.encode()] if line else kept))
    if after == before:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(path, after)


def with_bytecode(packed: Path) -> bytes:
    """Return the agent with its modules compiled for this host's Python: it starts much sooner.

    The compiled modules are hash-based and unchecked (PEP 552). Another Python, after an upgrade of the host, finds
    that they are not its own and compiles the sources beside them.
    """
    out = io.BytesIO()
    out.write(b"#!/usr/bin/python3 -I\n")
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(source.namelist()):
            data = source.read(name)
            archive.writestr(zipfile.ZipInfo(name, _DATE), data)
            if name.endswith(".py"):
                archive.writestr(zipfile.ZipInfo(f"{name}c", _DATE), _compiled(name, data))
    return out.getvalue()


def _compiled(name: str, source: bytes) -> bytes:
    code = compile(source, name, "exec", dont_inherit=True)
    header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source)
    return header + marshal.dumps(code)
