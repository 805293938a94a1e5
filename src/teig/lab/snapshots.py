"""Saved states of lab hosts, which labs start from: booted ones made when first needed, and ones with a name.

A saved host is a folder: its initramfs, two disks, its memory. Labs put overlays on the disks and only read the rest,
so any number of labs share one. QEMU writes the memory as it would for a migration to another machine. Neighbours:
`hosts` boots, `lab` resumes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from teig import process
from teig.lab import hosts, machine, seed
from teig.lab.hosts import LabHost
from teig.lab.images import MIB, BuiltImage, Progress, silent
from teig.lab.machine import Processor
from teig.lab.options import LabOptions, check_lab_name
from teig.lab.qmp import Monitor
from teig.model.errors import Conflict, LabFault, NotFound

FORMAT = 1
_SAVED = ("initrd", "vda.qcow2", "vdb.qcow2", "memory")


@dataclass(frozen=True)
class Named:
    """A saved lab: its options, its processor, and one folder per host."""

    folder: Path
    options: LabOptions
    processor: Processor
    image: BuiltImage

    def host_folder(self, index: int) -> Path:
        """Return the folder of a saved host."""
        return self.folder / seed.host_name(index)


def booted(
    image: BuiltImage, options: LabOptions, processor: Processor, index: int, progress: Progress, logs: Path
) -> Path:
    """Return the folder of host `index` as it was when it had just booted; boot it now if that never happened.

    `logs` is where the console's log goes if it fails.
    """
    folder = seed.lab_dir() / "booted" / _key(image, options, processor, index)
    if folder.is_dir():
        return folder
    name = seed.host_name(index)
    with _work_folder(folder, options.memory_mib, progress) as work:
        if work is None:
            return folder
        progress(f"boot Xen host {name} for the first time")
        sockets = hosts.private_sockets(work)
        try:
            running = hosts.boot(image, options, processor, index, work, sockets)
            try:
                progress(f"keep host {name} as it is now")
                with Monitor(hosts.monitor_socket(sockets, index), running) as monitor:
                    monitor.stop()
                    monitor.save_memory(work / "memory")
                    monitor.command("quit")
                running.wait(10)
            finally:
                running.end()
        except LabFault as fault:
            raise _with_log_kept(fault, work / "console.log", logs, name) from fault
        finally:
            shutil.rmtree(sockets, ignore_errors=True)
        work.rename(folder)
    return folder


def save(name: str, lab_hosts: Sequence[LabHost], options: LabOptions, processor: Processor, image: BuiltImage) -> Path:
    """Save running hosts under a name; they stop meanwhile and then go on. Conflict where the name is taken."""
    folder = named_dir() / check_lab_name(name)
    if folder.exists():
        raise Conflict(f"There is a snapshot called {name} already.", f"Choose another name, or remove {folder}.")
    room = options.memory_mib * len(lab_hosts)
    with _work_folder(folder, room, silent) as work, contextlib.ExitStack() as stack:
        if work is None:
            raise Conflict(f"There is a snapshot called {name} already.")
        monitors = [stack.enter_context(host.monitor()) for host in lab_hosts]
        try:
            for monitor in monitors:
                monitor.stop()
            for host, monitor in zip(lab_hosts, monitors, strict=True):
                _save_host(host, monitor, work / host.name)
        finally:
            for monitor in monitors:
                monitor.go_on()
        record = {"options": options.as_record(), "accel": processor.accel, "cpu": processor.cpu,
                  "recipe": image.recipe, "image": str(image.folder)}  # fmt: skip
        (work / "snapshot.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
        work.rename(folder)
    return folder


def load(name: str) -> Named:
    """Return the snapshot of that name; NotFound where there is none."""
    folder = named_dir() / check_lab_name(name)
    try:
        record = json.loads((folder / "snapshot.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        there = sorted(path.name for path in named_dir().glob("*/") if not path.name.startswith("."))
        raise NotFound(
            f"There is no snapshot called {name}.",
            f"Snapshots: {', '.join(there) or 'none'}. Make one: teig lab snapshot NAME",
        ) from error
    image = BuiltImage("dom0", record["recipe"], Path(record["image"]))
    return Named(folder, LabOptions.from_record(record["options"]), Processor(record["accel"], record["cpu"]), image)


def named_dir() -> Path:
    """Return where named snapshots are."""
    return seed.lab_dir() / "named"


def _save_host(host: LabHost, monitor: Monitor, folder: Path) -> None:
    folder.mkdir()
    monitor.save_memory(folder / "memory")  # which also writes out what the disks still had in memory
    for name in _SAVED[:-1]:
        source = host.folder / name
        process.run(["cp", "--sparse=always", "--reflink=auto", "--dereference", str(source), str(folder / name)])


def _key(image: BuiltImage, options: LabOptions, processor: Processor, index: int) -> str:
    """Return the name of a booted state: everything that it depends on, and nothing that can differ when resuming."""
    depends = {
        "format": FORMAT,
        "image": image.recipe,
        "machine": [options.memory_mib, options.cpus, options.disk_gib],
        "processor": [processor.accel, processor.cpu],
        "boot": [machine.xen_arguments(options), machine.DOM0_ARGUMENTS],
        "qemu": process.run([machine.PROGRAM, "--version"]).splitlines()[0],
        "keys": [seed.client_keys().public, seed.host_keys(index).public],
        "seed": seed.seed_files(index),
    }
    return f"{seed.host_name(index)}-{hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:12]}"


@contextlib.contextmanager
def _work_folder(final: Path, memory_mib: int, progress: Progress) -> Iterator[Path | None]:
    """Yield an empty folder beside `final`, to be renamed to it; None where another process was faster.

    Only one process at a time is in here for the same `final`; what a killed one left is removed.
    """
    final.parent.mkdir(mode=0o700, exist_ok=True)
    with (final.parent / f".{final.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("wait for another process that boots the same host")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if final.is_dir():
            yield None
            return
        for stale in final.parent.glob(f".{final.name}.new-*"):
            shutil.rmtree(stale, ignore_errors=True)
        _check_space(final.parent, memory_mib)
        work = Path(tempfile.mkdtemp(prefix=f".{final.name}.new-", dir=final.parent))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _check_space(folder: Path, memory_mib: int) -> None:
    free = shutil.disk_usage(folder).free // MIB
    needed = memory_mib + 512
    if free < needed:
        raise LabFault(
            f"The disk is too full to keep a lab host: {free} MiB are free at {folder}, and it needs {needed} MiB.",
            "Free some there, or set XDG_CACHE_HOME to a directory on a larger disk.",
            code="disk_full",
        )


def _with_log_kept(fault: LabFault, log: Path, logs: Path, name: str) -> LabFault:
    """Return the error pointing at a copy of the log that outlives the failed boot."""
    if not log.exists():
        return fault
    logs.mkdir(parents=True, exist_ok=True)
    kept = logs / f"{name}-failed-boot.log"
    shutil.copyfile(log, kept)
    return LabFault(fault.message, f"The whole log: {kept}", code=fault.reason)
