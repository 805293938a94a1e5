"""The two services of systemd on a host: teig-keeper, and teig-guests, which starts the guests after a boot."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Optional

from teig.agent.contract.failure import host_fault
from teig.agent.host.process import must, run
from teig.agent.host.state import write_whole

UNITS = Path("etc/systemd/system")
KEEPER = "teig-keeper.service"
GUESTS = "teig-guests.service"
START_S = 45.0
_PYTHON = "/usr/bin/python3 -I"
_XEN = "xen.service xencommons.service xenstored.service xenconsoled.service xen-init-dom0.service"


def unit_files(agent: str) -> dict[str, str]:
    """Return the text of each unit, for an agent at a path. `agent` is absolute."""
    return {KEEPER: _keeper(agent), GUESTS: _guests(agent)}


def _keeper(agent: str) -> str:
    return f"""# Made by teig. What it does: docs/keeper.md.
[Unit]
Description=Keeps Xen guests within their plans (Teig)
# After others' domains: each of their vCPUs keeps a CPU when the host's are divided.
After=local-fs.target {_XEN} xendomains.service
ConditionPathExists=/proc/xen/capabilities
StartLimitIntervalSec=0

[Service]
ExecStart={_PYTHON} {agent} keeper
Restart=always
RestartSec=1
# What holds guests to their limits is the last that a Domain-0 short of memory may lose.
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
"""


def _guests(agent: str) -> str:
    return f"""# Made by teig. Shuts the guests down with the host, and starts those that ran when it is back.
[Unit]
Description=Starts the Xen guests that should run, and shuts them down with the host (Teig)
After={KEEPER} {_XEN} xendomains.service lvm2-activation.service network.target network-online.target
Wants={KEEPER}
ConditionPathExists=/proc/xen/capabilities

[Service]
# Active from its beginning and whatever comes of it: systemd runs ExecStop= of no service that is still starting or has
# failed (systemd.service(5)), and one guest that does not start must not have all others cut off with the host.
Type=exec
RemainAfterExit=yes
ExecStart=-{_PYTHON} {agent} boot
ExecStop={_PYTHON} {agent} shutdown
TimeoutStopSec=300
# The `xl` behind each guest reboots it, and must outlive this service.
KillMode=process

[Install]
WantedBy=multi-user.target
"""


def install(root: Path, agent: str) -> None:
    """Write the units; on the running system (`root` is /) start both.

    teig-guests must be active, or it would not stop the guests when the host goes down; it is never restarted. A
    keeper that runs is started anew: the limits are the kernel's, and hold meanwhile.
    """
    (root / UNITS).mkdir(parents=True, exist_ok=True)
    for name, text in unit_files(agent).items():
        path = root / UNITS / name
        if not path.exists() or path.read_text() != text:
            write_whole(path, text.encode(), 0o644)
    if root == Path("/"):
        must(["systemctl", "enable", "--quiet", "--no-reload", KEEPER, GUESTS], "systemctl_failed")
        must(["systemctl", "daemon-reload"], "systemctl_failed")
        must(["systemctl", "restart", KEEPER], "systemctl_failed")
        must(["systemctl", "start", "--no-block", GUESTS], "systemctl_failed")


def start_keeper(beat: Callable[[], Optional[float]]) -> None:
    """Start the keeper, anew where it runs, and wait until it has looked at everything; else a host fault."""
    must(["systemctl", "restart", KEEPER], "systemctl_failed")
    began = time.monotonic()
    while (last := beat()) is None or last > time.monotonic() - began:
        if time.monotonic() > began + START_S:
            raise host_fault(
                "keeper_down", f"{KEEPER} did not look at the host within {START_S:g} seconds.",
                f"Read what it says: journalctl -u {KEEPER}",
            )  # fmt: skip
        time.sleep(0.1)


def uninstall(root: Path) -> None:
    """Stop the keeper and remove the units. The limits of guests that run stay in force until these stop."""
    if root == Path("/"):
        run(["systemctl", "disable", "--quiet", "--now", KEEPER])
        run(["systemctl", "disable", "--quiet", GUESTS])
    for name in (KEEPER, GUESTS):
        with contextlib.suppress(FileNotFoundError):
            (root / UNITS / name).unlink()
    if root == Path("/"):
        run(["systemctl", "daemon-reload"])
