"""The agent's command.

    agent.pyz serve     what authorized_keys lets the server's key run
    agent.pyz keeper    teig-keeper.service
    agent.pyz boot      teig-guests.service, when it starts
    agent.pyz shutdown  the same, when it stops
    agent.pyz version   says which agent this is

What may start guests leaves the control group that sshd or systemd put it in. Its children inherit that: the `xl` which
reboots a guest must live on when the service ends, also where that kills all of its processes (systemd.kill(5)).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

from teig.agent.contract.failure import Failure
from teig.agent.contract.protocol import Channel
from teig.agent.disks.volumes import Volumes
from teig.agent.guests.guests import Guests
from teig.agent.host.boot import start_all, stop_all
from teig.agent.host.state import DEFAULT_ROOT, State, make_private
from teig.agent.host.version import version
from teig.agent.keeper.keeper import Keeper
from teig.agent.keeper.limits import Limits
from teig.agent.verbs import Agent
from teig.agent.xen.hypervisor import Hypervisor

_GROUP = Path("/sys/fs/cgroup/teig/control")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def leave_group() -> None:
    """Move into a control group of Teig's own, where the host has the unified hierarchy."""
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return
    with contextlib.suppress(OSError):
        _GROUP.mkdir(parents=True, exist_ok=True)
        (_GROUP / "cgroup.procs").write_text(f"{os.getpid()}\n")


def main(argv: list[str]) -> int:
    """Run a command and return its exit status. A directory after `serve` stands for /var/lib/teig (for tests)."""
    if argv == ["version"]:
        sys.stdout.write(version() + "\n")
        return 0
    known = argv in (["keeper"], ["boot"], ["shutdown"]) or (argv[:1] == ["serve"] and len(argv) <= 2)
    if not known:
        sys.stderr.write("usage: agent.pyz serve | keeper | boot | shutdown | version\n")
        return 2
    os.environ.update(PATH=_PATH, LC_ALL="C", LANG="C")
    os.umask(0o077)
    if argv == ["keeper"]:
        return _keeper()
    if len(argv) == 1:
        leave_group()
    state = State(Path(argv[1]) if len(argv) == 2 else DEFAULT_ROOT)
    if argv == ["shutdown"]:
        stop_all(state, Guests(state, Hypervisor(), Volumes()))
        return 0
    if argv == ["boot"]:
        start_all(state, Guests(state, Hypervisor(), Volumes()))
        return 0
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    make_private(state.root)
    Agent(state, Channel()).serve()
    return 0


def _keeper() -> int:
    xen = Hypervisor()
    try:
        Keeper(State(), xen, Limits(xen), version=version()).serve()
    except Failure as failure:
        sys.stderr.write(f"{failure.message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
