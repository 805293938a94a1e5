"""A lab: one to nine real Xen hosts in QEMU, known by the directory that its state is in.

`Lab.up` starts hosts from their saved states and `Lab.down` leaves nothing running; `running_lab` does both around a
test, and its hosts die with the test whatever happens. Neighbours: `hosts` (one host), `snapshots` (saved states),
`segment` (the network between them), `images`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teig import paths, process
from teig.lab import accelerator, hosts, images, launch, machine, seed, segment, snapshots
from teig.lab.hosts import LabHost
from teig.lab.images import BuiltImage, Progress, silent
from teig.lab.launch import Running
from teig.lab.machine import Processor
from teig.lab.options import LabOptions, check_lab_name
from teig.lab.qmp import Monitor
from teig.model.errors import Conflict, LabFault, NotFound

DEFAULT_NAME = "default"
_PROGRAMS = (
    (machine.PROGRAM, machine.PACKAGE), ("qemu-img", "qemu-utils"), ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"), ("cpio", "cpio"),
)  # fmt: skip


@dataclass(frozen=True)
class Start:
    """What a lab is started from: options, processor, image, and the folder of each host's saved state."""

    options: LabOptions
    processor: Processor
    image: BuiltImage
    saved: dict[int, Path]
    snapshot: str | None


class Lab:
    """A lab by its state directory. Each method looks at what is there now, so several processes may use one lab."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir

    @classmethod
    def named(cls, name: str = DEFAULT_NAME) -> Lab:
        """Return the lab that the command line calls so."""
        return cls(paths.state_dir() / "lab" / check_lab_name(name))

    @property
    def ssh_config(self) -> Path:
        """An OpenSSH configuration with one `Host` for each lab host."""
        return self.state_dir / "ssh_config"

    @property
    def options(self) -> LabOptions | None:
        """The options that the lab was started with, None where it is down."""
        record = self._record()
        return LabOptions.from_record(record["options"]) if record else None

    @property
    def snapshot(self) -> str | None:
        """The named snapshot that the lab was started from, if it was one."""
        record = self._record()
        return record.get("snapshot") if record else None

    @property
    def hosts(self) -> list[LabHost]:
        """The lab's hosts, dead ones too (`LabHost.running`); empty where it is down."""
        record = self._record()
        if not record:
            return []
        return [self._host(entry["index"], entry["ssh_port"], Running(*entry["process"])) for entry in record["hosts"]]

    def host(self, name: str) -> LabHost:
        """Return the running host of that name; NotFound where there is none, LabFault where it died."""
        for host in self.hosts:
            if host.name == name:
                if host.running:
                    return host
                raise LabFault(f"The lab host {name} died.", f"Its console: {host.console_log}. Mend it: teig lab up")
        there = ", ".join(host.name for host in self.hosts)
        raise NotFound(
            f"The lab has no host {name}.", f"Its hosts: {there}." if there else "It is down: start it with teig lab up"
        )

    def up(
        self,
        options: LabOptions | None = None,
        progress: Progress = silent,
        *,
        snapshot: str | None = None,
        tie: bool = False,
    ) -> list[LabHost]:
        """Start the lab, or what of it is not running, and return its hosts once each answers over SSH.

        A running lab is used as it is; Conflict where it was started with other options or from another snapshot than
        the ones asked for. A host that died is started afresh from its saved state. With `tie` everything ends with
        this process. LabFault where a host does not boot or resume; then nothing that was started goes on running.
        """
        with self._locked():
            record = self._record()
            if record:
                self._check_same(options, snapshot)
                if all(host.running for host in self.hosts) and self._segment_runs(record):
                    return self.hosts
                options, snapshot = self.options, self.snapshot
            start = self._prepare(options, snapshot, progress)
            if record and not self._segment_runs(record):
                self._stop()  # a switch that died took the hosts' cables with it
            self._start_missing(start, progress, tie=tie)
            return self.hosts

    def down(self) -> bool:
        """Stop all that runs and forget the lab's disks; return whether there was anything."""
        if not self.state_dir.is_dir():
            return False
        with self._locked():
            was_up = self._record() is not None
            self._stop()
            return was_up

    def save(self, name: str) -> None:
        """Keep the running lab under a name, guests and all; it stops for a moment and goes on."""
        with self._locked():
            record = self._record()
            if not record or not all(host.running for host in self.hosts):
                raise Conflict("The lab is not running.", "Start it with teig lab up")
            snapshots.save(
                name,
                self.hosts,
                LabOptions.from_record(record["options"]),
                Processor(*record["processor"]),
                BuiltImage("dom0", record["recipe"], Path(record["image"])),
            )

    def _check_same(self, options: LabOptions | None, snapshot: str | None) -> None:
        if (options is not None and options != self.options) or (snapshot is not None and snapshot != self.snapshot):
            raise Conflict("The lab is up with other options.", "Stop it first with teig lab down")

    def _prepare(self, options: LabOptions | None, snapshot: str | None, progress: Progress) -> Start:
        """Return what to start from, making it where it was not made yet."""
        if snapshot is not None:
            named = snapshots.load(snapshot)
            saved = {index: named.host_folder(index) for index in range(1, named.options.hosts + 1)}
            return Start(named.options, named.processor, named.image, saved, snapshot)
        wanted = options or LabOptions()
        _require_programs(wanted)
        image = images.build("dom0", progress)
        processor = accelerator.choose(image, wanted, progress)
        saved = {
            index: snapshots.booted(image, wanted, processor, index, progress, self.state_dir)
            for index in range(1, wanted.hosts + 1)
        }
        return Start(wanted, processor, image, saved, None)

    def _start_missing(self, start: Start, progress: Progress, *, tie: bool) -> None:
        sockets = hosts.private_sockets(self.state_dir)
        running = {host.index: host for host in self.hosts if host.running}
        record = self._record()
        switch = Running(*record["segment"]) if record and record["segment"] else None
        started: list[Running] = []
        try:
            if start.options.hosts > 1 and switch is None:
                switch = segment.start(sockets, self.state_dir / "segment.log", tie=tie)
                started.append(switch)
            missing = [index for index in sorted(start.saved) if index not in running]
            progress(f"resume {', '.join(seed.host_name(index) for index in missing)}")
            for index in missing:
                running[index] = self._resume(start, index, sockets, tie=tie)
                started.append(running[index].process)
            self._write(start, [running[index] for index in sorted(running)], switch)
            with ThreadPoolExecutor(len(missing)) as pool:
                list(pool.map(hosts.await_answer, [running[index] for index in missing]))
        except BaseException:
            for one in reversed(started):
                one.end()
            if not any(host.running for host in self.hosts):
                self._stop()
            raise

    def _resume(self, start: Start, index: int, sockets: Path, *, tie: bool) -> LabHost:
        """Start one host from its saved state."""
        folder = self.state_dir / seed.host_name(index)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        saved = start.saved[index]
        for disk in ("vda.qcow2", "vdb.qcow2"):
            hosts.overlay(saved / disk, folder / disk)
        (folder / "initrd").symlink_to((saved / "initrd").resolve())
        files = hosts.files_of(start.image, saved / "initrd", folder, sockets, index)
        for stale in (files.monitor_socket, files.console_socket):
            stale.unlink(missing_ok=True)
        switch = segment.switch_folder(sockets) if start.options.hosts > 1 else None
        with (saved / "memory").open("rb") as memory:
            fd = memory.fileno()
            argv = machine.argv(start.options, start.processor, files, index, switch=switch, incoming_fd=fd)
            qemu = launch.start(argv, folder / "qemu.log", tie=tie, keep_fds=[fd])
        try:
            port = self._plug_in(qemu, index, sockets, start.options)
        except BaseException as error:
            qemu.end()
            if isinstance(error, LabFault):
                raise hosts.boot_fault(error.message.rstrip("."), files.console_log, folder / "qemu.log") from error
            raise
        return self._host(index, port, qemu)

    def _plug_in(self, qemu: Running, index: int, sockets: Path, options: LabOptions) -> int:
        """Wait until QEMU has read the memory, forward a port to the host's SSH, and let the host run."""
        path = hosts.monitor_socket(sockets, index)
        with Monitor(path, qemu) as monitor:
            monitor.await_memory()
            port = hosts.forward_ssh(monitor, options.ssh_port and options.ssh_port + index - 1)
            monitor.go_on()
        return port

    def _host(self, index: int, ssh_port: int, qemu: Running) -> LabHost:
        name, sockets = seed.host_name(index), hosts.private_sockets(self.state_dir)
        return LabHost(name, index, ssh_port, self.ssh_config, self.state_dir / name, sockets, qemu)

    def _write(self, start: Start, running: list[LabHost], switch: Running | None) -> None:
        """Write down what runs, before anything else can go wrong, and how to reach it."""
        known = self.state_dir / "known_hosts"
        _replace(known, "".join(f"[{host.address}]:{host.ssh_port} {host.host_key}\n" for host in running))
        _replace(self.ssh_config, "\n".join(_ssh_host(host, known) for host in running))
        record = {
            "options": start.options.as_record(),
            "snapshot": start.snapshot,
            "processor": [start.processor.accel, start.processor.cpu],
            "recipe": start.image.recipe,
            "image": str(start.image.folder),
            "segment": [switch.pid, switch.started] if switch else None,
            "hosts": [
                {"index": host.index, "ssh_port": host.ssh_port, "process": [host.process.pid, host.process.started]}
                for host in running
            ],
        }
        _replace(self.state_dir / "lab.json", json.dumps(record, indent=2) + "\n")

    def _stop(self) -> None:
        record = self._record()
        found = self.hosts
        for host in found:
            host.process.end()
        if record and record["segment"]:
            Running(*record["segment"]).end()
        (self.state_dir / "lab.json").unlink(missing_ok=True)
        for host in found:
            for name in ("vda.qcow2", "vdb.qcow2", "initrd"):
                (host.folder / name).unlink(missing_ok=True)
        for name in ("ssh_config", "known_hosts"):
            (self.state_dir / name).unlink(missing_ok=True)
        shutil.rmtree(hosts.private_sockets(self.state_dir), ignore_errors=True)

    def _segment_runs(self, record: dict[str, Any]) -> bool:
        return record["segment"] is None or Running(*record["segment"]).alive

    def _record(self) -> dict[str, Any] | None:
        try:
            record: dict[str, Any] = json.loads((self.state_dir / "lab.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise LabFault(
                f"The state of the lab at {self.state_dir} cannot be read.", "Remove that directory."
            ) from error
        return record

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let only one process at a time change this lab."""
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.state_dir / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextlib.contextmanager
def running_lab(
    options: LabOptions, state_dir: Path, snapshot: str | None = None, progress: Progress = silent
) -> Iterator[Lab]:
    """Have a lab for as long as the block runs. Its processes die with this one, even if that is killed.

    The serial consoles' logs stay in the state directory.
    """
    lab = Lab(state_dir)
    lab.up(None if snapshot else options, progress, snapshot=snapshot, tie=True)
    try:
        yield lab
    finally:
        lab.down()


def lab_names() -> list[str]:
    """Return the names of the labs that were started from the command line and not taken down."""
    return sorted(path.parent.name for path in (paths.state_dir() / "lab").glob("*/lab.json"))


def _require_programs(options: LabOptions) -> None:
    """Raise MissingProgram before anything long begins."""
    for program, package in _PROGRAMS:
        process.require(program, package)
    if options.hosts > 1:
        process.require(segment.PROGRAM, segment.PACKAGE)


def _ssh_host(host: LabHost, known_hosts: Path) -> str:
    settings = {
        "HostName": host.address,
        "Port": host.ssh_port,
        "User": "root",
        "IdentityFile": f'"{host.identity_file}"',
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": f'"{known_hosts}"',
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": 30,
        "LogLevel": "ERROR",
    }
    return f"Host {host.name}\n" + "".join(f"    {key} {value}\n" for key, value in settings.items())


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
