"""The agent's command: `agent.pyz serve` is what authorized_keys lets the server's key run, `version` says which it is.

The process leaves the control group that sshd put it in. What it starts inherits that: the `xl` which reboots a guest
must live on when sshd's service is restarted, also where that kills all of its processes (systemd.kill(5), KillMode=).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

from teig.agent.protocol import Channel
from teig.agent.state import DEFAULT_ROOT, State, make_private
from teig.agent.verbs import Agent, version

_GROUP = Path("/sys/fs/cgroup/teig/control")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def leave_ssh_group() -> None:
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
    if argv[:1] != ["serve"] or len(argv) > 2:
        sys.stderr.write("usage: agent.pyz serve | version\n")
        return 2
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.environ.update(PATH=_PATH, LC_ALL="C", LANG="C")
    os.umask(0o077)
    if len(argv) == 1:
        leave_ssh_group()
    state = State(Path(argv[1]) if len(argv) == 2 else DEFAULT_ROOT)
    make_private(state.root)
    Agent(state, Channel()).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
