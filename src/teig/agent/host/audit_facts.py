"""How this host is set up, for `teig audit`: teig.audit.host.AuditedHost. It only reads.

Everything comes from files of the kernel, from /etc, and from `xl` (`xm` on hosts of old), so that it also works where
no agent is installed: `teig audit --local` calls `settings` in its own process. What cannot be read is None or empty.
Neighbours: `audit_words` reads what programs print, `audit_devices` what /sys and /proc say.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

from teig.agent.contract.failure import Failure
from teig.agent.host import audit_devices, audit_words
from teig.agent.host.facts import autoballoon, guest_types
from teig.agent.host.process import run
from teig.agent.keeper import keeper

CONFIGS = ("etc/xen/*.cfg", "var/lib/teig/guests/*/xl.cfg")
"""What a person made, and what Teig made: memory and names count together."""
MOST_FILES = 1000
LARGEST = 1 << 18
"""Bytes; a larger file is no configuration, and left out."""
MOST_PATHS = 4000
_PATH = re.compile(r"""["'=:, ](/[^"',\s]+)""")
_RELATIVE_DISK = re.compile(r"""(?:["']|phy:)\s*([A-Za-z0-9][\w.+-]*/[\w.+-]+)\s*,""")
_PROGRAM_S = 30.0


def audit_facts(root: Path = Path("/")) -> dict[str, Any]:
    """Return the host's settings and the texts of its guests' configuration files."""
    configs = []
    paths = [path for pattern in CONFIGS for path in sorted(root.glob(pattern))]
    for path in paths[:MOST_FILES]:
        text = _text(path)
        if text is not None:
            configs.append({"path": os.fsencode(f"/{path.relative_to(root)}").decode(errors="replace"), "text": text})
    return {"settings": settings([config["text"] for config in configs], root), "configs": configs}


def settings(texts: Iterable[str], root: Path = Path("/")) -> dict[str, Any]:
    """Return how the host is set up; of the paths that `texts` name, whether they exist."""
    return {
        "hostname": socket.gethostname(),
        "date": time.strftime("%Y-%m-%d"),
        **_xen(root),
        "boot_options": _boot_options(root),
        **audit_devices.devices(root),
        "groups": audit_words.volume_groups(),
        "thin_pools": audit_words.thin_pools(said(["lvs", *audit_words.THIN_POOLS]) or ""),
        "paths": [[path, _kind(root, path)] for path in paths_in(texts)],
    }


def said(argv: list[str]) -> Optional[str]:
    """Return what a program prints; None where it is not there or fails."""
    try:
        done = run(argv, _PROGRAM_S)
    except (Failure, OSError):
        return None
    return done.stdout if done.status == 0 else None


def _xen(root: Path) -> dict[str, Any]:
    tool = "xl"
    text = said(["xl", "info"])
    if text is None:
        tool, text = "xm", said(["xm", "info"])
    if text is None:
        return {}
    about = audit_words.info(text)
    scheduler = about.get("xen_scheduler", "")
    shares = said([tool, f"sched-{scheduler}"]) if scheduler in ("credit", "credit2") else None
    xl_conf = _text(root / "etc/xen/xl.conf") or ""
    command_line = about.get("xen_commandline", "")
    return {
        "xen_version": audit_words.version(about),
        "xen_command_line": command_line,
        "cores": audit_words.number(about.get("nr_cpus")),
        "memory_mib": audit_words.number(about.get("total_memory")),
        "scheduler": scheduler or None,
        "guest_types": guest_types(about.get("virt_caps", "pv")),
        "autoballoon": autoballoon(xl_conf, command_line),
        **audit_words.dom0(said([tool, "list", "Domain-0"]) or ""),
        "dom0_kept": keeper.beat() is not None,
        "dom0_pinned": audit_words.pinned(said([tool, "vcpu-list", "Domain-0"]) or ""),
        **audit_words.weights(shares or ""),
    }


def paths_in(texts: Iterable[str]) -> list[str]:
    """Return the absolute paths in configuration files, and the block devices that they name without /dev."""
    found: dict[str, None] = {}
    for text in texts:
        for match in _PATH.finditer(text):
            found[match[1]] = None
        for match in _RELATIVE_DISK.finditer(text):
            found[f"/dev/{match[1]}"] = None
    return list(found)[:MOST_PATHS]


def _kind(root: Path, path: str) -> str:
    try:
        mode = (root / path.lstrip("/")).stat().st_mode
    except (OSError, ValueError):
        return "missing"
    return "block" if stat.S_ISBLK(mode) else "file"


def _boot_options(root: Path) -> str:
    """Return the lines for Xen of the boot loader's settings, those that will hold at the next boot."""
    files = [root / "etc/default/grub", *sorted(root.glob("etc/default/grub.d/*.cfg"))]
    lines = "\n".join(_text(path) or "" for path in files).splitlines()
    return "\n".join(line for line in lines if line.lstrip().startswith("GRUB_CMDLINE_XEN"))


def _text(path: Path) -> Optional[str]:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError:
        return None
    return data.decode("utf-8", "replace") if len(data) <= LARGEST else None
