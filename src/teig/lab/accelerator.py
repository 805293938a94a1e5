"""Which processor a lab host gets: the machine's own through KVM where Xen really boots on it, else an emulated one.

That /dev/kvm opens says nothing (nested virtualisation often runs Linux and not Xen), so Xen is booted once under a
deadline and the answer is kept in the cache, until QEMU, the lab's Xen or this machine's kernel change.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path

from teig import process
from teig.lab import hosts, launch, machine, seed
from teig.lab.images import BuiltImage, Progress, silent
from teig.lab.machine import EMULATED, EMULATED_PVH, NATIVE, Processor
from teig.lab.options import LabOptions

PROBE_S = 20.0
KVM = Path("/dev/kvm")
MARK = "teig-lab: Domain-0 runs"
_GIVEN_UP = ("KVM internal error", "Assertion")


def choose(image: BuiltImage, options: LabOptions, progress: Progress = silent) -> Processor:
    """Return the processor for hosts with these options.

    PVH guests need a second level of hardware virtualisation below Xen: that is always emulated.
    """
    if options.pvh:
        return EMULATED_PVH
    return NATIVE if _kvm_runs_xen(image, progress) else EMULATED


def _kvm_runs_xen(image: BuiltImage, progress: Progress) -> bool:
    if not os.access(KVM, os.R_OK | os.W_OK):
        return False
    versions = [process.run([machine.PROGRAM, "--version"]), os.uname().release, image.recipe]
    answer = seed.lab_dir() / f"kvm-{hashlib.sha256(json.dumps(versions).encode()).hexdigest()[:12]}.json"
    with contextlib.suppress(OSError, ValueError, KeyError):
        return bool(json.loads(answer.read_text())["kvm_runs_xen"])
    progress("try whether Xen boots on this machine's own processor (KVM)")
    works = _probe(image)
    fresh = answer.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps({"kvm_runs_xen": works}) + "\n")
    fresh.replace(answer)
    return works


def _probe(image: BuiltImage) -> bool:
    """Boot Xen and Domain-0's kernel once with KVM and see whether the kernel gets to say so."""
    with tempfile.TemporaryDirectory(prefix="teig-kvm-") as name:
        folder = Path(name)
        files = hosts.files_of(image, image.folder / "initrd", folder, folder, 1)
        argv = machine.argv(LabOptions(), NATIVE, files, 1, probe=True)
        running = launch.start(argv, folder / "qemu.log", tie=True)
        try:
            return _says_so(running, files.console_log, folder / "qemu.log")
        finally:
            running.end()


def _says_so(running: launch.Running, console: Path, qemu_log: Path) -> bool:
    deadline = time.monotonic() + PROBE_S
    while time.monotonic() < deadline:
        if console.exists() and MARK in console.read_text(errors="replace"):
            return True
        said = qemu_log.read_text(errors="replace")
        if not running.alive or any(word in said for word in _GIVEN_UP):
            return False
        time.sleep(0.1)
    return False
