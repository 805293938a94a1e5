"""One lab host as a running QEMU: booted for the first time, or resumed from saved memory.

Neighbours: `machine` renders the command, `snapshots` keeps what `boot` made, `lab` joins hosts into labs.
"""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from teig import process
from teig.lab import launch, machine, seed
from teig.lab.images import BuiltImage
from teig.lab.launch import Running
from teig.lab.machine import Files, Processor
from teig.lab.options import LabOptions
from teig.lab.qmp import Monitor
from teig.model.errors import Conflict, LabFault

BOOT_S = 300
ANSWER_S = 60
TAIL_LINES = 15
READY = "teig-lab: ready"
NOT_READY = "teig-lab: not ready"


@dataclass(frozen=True)
class LabHost:
    """A running lab host and how to reach it.

    `address` and `ssh_port` are where its SSH answers on this machine; `segment_address` is its own on the network that
    it shares with the other hosts and its guests. `ssh -F SSH_CONFIG NAME` logs in as root.
    """

    name: str
    index: int
    ssh_port: int
    ssh_config: Path
    folder: Path
    sockets: Path
    process: Running
    address: str = "127.0.0.1"

    @property
    def segment_address(self) -> str:
        """The host's address on xenbr0."""
        return machine.segment_address(self.index)

    @property
    def host_key(self) -> str:
        """The SSH host key, as one line in OpenSSH's form."""
        return " ".join(seed.host_keys(self.index).public.split()[:2])

    @property
    def identity_file(self) -> Path:
        """The private key that lets root in."""
        return seed.client_keys().private

    @property
    def console_log(self) -> Path:
        """What the serial console has shown since this lab started."""
        return self.folder / "console.log"

    @property
    def console_socket(self) -> Path:
        """The unix socket of the serial console."""
        return self.sockets / f"{self.name}.console"

    @property
    def running(self) -> bool:
        """Whether its QEMU runs."""
        return self.process.alive

    def run(self, command: str, *, stdin: bytes | None = None, timeout_s: float = 120.0) -> str:
        """Run a command line in the host's shell as root and return what it printed; ProcessFailed as `process.run`."""
        return process.run(self.ssh_argv(command), stdin=stdin, timeout_s=timeout_s)

    def ssh_argv(self, *command: str) -> list[str]:
        """Return the `ssh` command that logs in to this host, or runs a command there."""
        return ["ssh", "-F", str(self.ssh_config), self.name, *command]

    def monitor(self) -> Monitor:
        """Connect to QEMU's monitor, which serves one at a time."""
        return Monitor(monitor_socket(self.sockets, self.index), self.process)


def monitor_socket(sockets: Path, index: int) -> Path:
    """Return the path of a host's monitor."""
    return sockets / f"{seed.host_name(index)}.qmp"


def private_sockets(owner: Path) -> Path:
    """Return a private directory with a short path for the sockets of whatever lives in the folder `owner`.

    A state directory can lie deeper than a unix socket's path may be long (unix(7)).
    """
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    parent = base / f"teig-lab-{os.getuid()}"
    folder = parent / hashlib.sha256(str(owner.resolve()).encode()).hexdigest()[:12]
    for path in (parent, folder):
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise LabFault(f"{path} is not a private directory of ours.", "Remove it and try again.")
    if len(str(folder)) > 80:
        raise LabFault(f"The path {folder} is too long for unix sockets.", "Set XDG_RUNTIME_DIR to a shorter one.")
    return folder


def files_of(image: BuiltImage, initrd: Path, folder: Path, sockets: Path, index: int) -> Files:
    """Return the files of host `index` whose disks and log are in `folder`."""
    for path in (image.folder, initrd):
        if set(str(path)) & set(" ,"):
            raise LabFault(f"QEMU cannot load files below {path}: the path has a space or a comma.",
                           "Set XDG_CACHE_HOME to a directory without.")  # fmt: skip
    return Files(
        xen=image.folder / "xen",
        kernel=image.folder / "kernel",
        initrd=initrd,
        root=folder / "vda.qcow2",
        volumes=folder / "vdb.qcow2",
        console_log=folder / "console.log",
        console_socket=sockets / f"{seed.host_name(index)}.console",
        monitor_socket=monitor_socket(sockets, index),
    )


def overlay(base: Path, disk: Path) -> None:
    """Make a disk that holds only what differs from the finished disk `base`."""
    form = "qcow2"
    process.run(["qemu-img", "create", "-q", "-f", form, "-b", str(base.resolve()), "-F", form, str(disk)])


def boot(
    image: BuiltImage, options: LabOptions, processor: Processor, index: int, folder: Path, sockets: Path
) -> Running:
    """Boot host `index` from its image until it says that it is ready, with all its files in `folder`.

    Its QEMU ends with this process. LabFault, with the last lines of the console, where it does not get there.
    """
    process.require(machine.PROGRAM, machine.PACKAGE)
    initrd = folder / "initrd"
    seed.write_initrd(image.folder / "initrd", index, initrd)
    overlay(image.folder / "root.qcow2", folder / "vda.qcow2")
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(folder / "vdb.qcow2"), f"{options.disk_gib}G"])
    files = files_of(image, initrd, folder, sockets, index)
    running = launch.start(machine.argv(options, processor, files, index), folder / "qemu.log", tie=True)
    try:
        _await_ready(running, files.console_log, folder / "qemu.log", seed.host_name(index))
    except BaseException:
        running.end()
        raise
    return running


def _await_ready(running: Running, log: Path, qemu_log: Path, name: str) -> None:
    deadline = time.monotonic() + BOOT_S
    while True:
        text = log.read_text(errors="replace") if log.exists() else ""
        if READY in text:
            return
        if NOT_READY in text:
            raise boot_fault(f"The lab host {name} booted, but it lacks something", log, qemu_log)
        if not running.alive:
            raise boot_fault(f"QEMU ended while the lab host {name} booted", log, qemu_log)
        if time.monotonic() > deadline:
            raise boot_fault(f"The lab host {name} was not ready after {BOOT_S} s", log, qemu_log)
        time.sleep(0.1)


def boot_fault(what: str, log: Path, qemu_log: Path) -> LabFault:
    """Return the error for a host that did not boot: what QEMU said, and the last lines of the serial console."""
    said = qemu_log.read_text(errors="replace").strip() if qemu_log.exists() else ""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    shown = "".join(char if char.isprintable() or char == "\n" else "?" for char in "\n".join(lines[-TAIL_LINES:]))
    qemu = f" QEMU said: {said.splitlines()[-1]}" if said else ""
    console = f" The serial console's last lines:\n{shown}" if shown.strip() else " The serial console stayed silent."
    return LabFault(f"{what}.{qemu}{console}", f"The whole log: {log}", code="boot_failed")


def forward_ssh(monitor: Monitor, wanted: int | None) -> int:
    """Let a port of 127.0.0.1 lead to the host's SSH and return it: the wanted one, or else a free one.

    Conflict where the wanted port is taken.
    """
    for _ in range(20):
        port = wanted or _free_port()
        if not monitor.human(f"hostfwd_add management tcp:127.0.0.1:{port}-:22"):
            return port
        if wanted:
            raise Conflict(
                f"Port {wanted} on 127.0.0.1 is taken.", "Choose another with --ssh-port, or let Teig choose."
            )
    raise LabFault("No free port was found on 127.0.0.1 for the lab host's SSH.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_answer(host: LabHost) -> None:
    """Set the clock of a resumed host, which still shows when it was saved, and so see that it answers.

    The time comes from the emulated battery clock, which follows this machine's: a time sent over SSH would be late by
    however long the login takes.
    """
    deadline = time.monotonic() + ANSWER_S
    while True:
        try:
            host.run("busybox hwclock --hctosys --utc", timeout_s=20)
        except process.ProcessFailed as failed:
            if not host.running:
                raise boot_fault(
                    f"QEMU ended while the lab host {host.name} resumed", host.console_log, host.folder / "qemu.log"
                ) from failed
            if time.monotonic() > deadline:
                raise boot_fault(
                    f"The lab host {host.name} does not answer over SSH", host.console_log, host.folder / "qemu.log"
                ) from failed
        else:
            return
