"""A lab's bad luck that needs no booted host: nothing there, QEMU missing, ports taken, processes gone."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from teig.lab import accelerator, hosts, launch, snapshots
from teig.lab.hosts import boot_fault, private_sockets
from teig.lab.images import BuiltImage
from teig.lab.lab import Lab
from teig.lab.launch import Running
from teig.lab.machine import EMULATED, EMULATED_PVH
from teig.lab.options import LabOptions
from teig.model.errors import Conflict, LabFault, MissingProgram, NotFound


def test_down_of_nothing_is_fine(tmp_path: Path) -> None:
    assert Lab(tmp_path / "none").down() is False
    assert not (tmp_path / "none").exists()


def test_host_of_a_lab_that_is_down_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no host lab1"):
        Lab(tmp_path).host("lab1")


def test_dead_host_is_shown_and_named(tmp_path: Path) -> None:
    write_record(tmp_path, Running(2**22 + 1, 1))
    assert [host.running for host in Lab(tmp_path).hosts] == [False]
    with pytest.raises(LabFault, match="lab1 died"):
        Lab(tmp_path).host("lab1")


def test_a_process_id_that_was_given_out_again_is_not_ours(tmp_path: Path) -> None:
    child = launch.start(["sleep", "600"], tmp_path / "log", tie=True)
    try:
        write_record(tmp_path, Running(child.pid, child.started + 1))
        assert Lab(tmp_path).down()
        assert child.alive
    finally:
        child.end()


def test_other_options_than_the_running_labs_are_refused(tmp_path: Path) -> None:
    write_record(tmp_path, Running(2**22 + 1, 1))
    with pytest.raises(Conflict, match="up with other options"):
        Lab(tmp_path).up(LabOptions(cpus=4))


def test_broken_state_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "lab.json").write_text("{")
    with pytest.raises(LabFault, match="cannot be read"):
        _ = Lab(tmp_path).hosts


def test_missing_qemu_names_its_package(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgram, match=r"apt-get install qemu-system-x86$"):
        Lab(tmp_path / "lab").up(LabOptions())


def test_unknown_snapshot_is_named(tmp_path: Path, own_cache: Path) -> None:
    with pytest.raises(NotFound, match="no snapshot called nope"):
        Lab(tmp_path / "lab").up(snapshot="nope")
    with pytest.raises(NotFound):
        snapshots.load("nope")


def test_taken_port_is_one_sentence_and_free_ones_are_tried_again() -> None:
    class Full:
        def human(self, line: str) -> str:
            return "" if ":2201-" in line else "could not set up host forwarding rule"

    with pytest.raises(Conflict, match=r"Port 2200 on 127\.0\.0\.1 is taken"):
        hosts.forward_ssh(Full(), 2200)  # type: ignore[arg-type]
    assert hosts.forward_ssh(Full(), 2201) == 2201  # type: ignore[arg-type]
    with pytest.raises(LabFault, match="No free port"):
        hosts.forward_ssh(Full(), None)  # type: ignore[arg-type]


def test_failed_boot_shows_the_consoles_last_lines_without_control_characters(tmp_path: Path) -> None:
    log, qemu = tmp_path / "console.log", tmp_path / "qemu.log"
    log.write_text("old\n" * 50 + "Kernel panic\x1b[2J - not syncing\n")
    qemu.write_text("qemu: something\n")
    text = str(boot_fault("It did not boot", log, qemu))
    assert "QEMU said: qemu: something" in text
    assert "Kernel panic?[2J - not syncing" in text
    assert text.count("old") == hosts.TAIL_LINES - 1
    assert str(log) in text


def test_sockets_have_short_paths_however_deep_the_lab_lies(tmp_path: Path) -> None:
    deep = tmp_path / "/".join(["deep" * 10] * 5)
    folder = private_sockets(deep)
    try:
        assert len(str(folder / "lab9.console")) < 108
        assert folder.stat().st_mode & 0o777 == 0o700
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(str(folder / "lab9.console"))
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_without_kvm_or_with_pvh_the_processor_is_emulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "none")
    image = BuiltImage("dom0", "0", tmp_path)
    assert accelerator.choose(image, LabOptions()) == EMULATED
    assert accelerator.choose(image, LabOptions(pvh=True)) == EMULATED_PVH


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_tied_programs_die_with_a_killed_parent(tmp_path: Path, number: signal.Signals) -> None:
    """The program is started from a thread that has ended when the parent is killed."""
    script = (
        "import sys, threading, time; from pathlib import Path; from teig.lab import launch\n"
        "def go():\n"
        "    child = launch.start(['sleep', '600'], Path(sys.argv[1]), tie=True)\n"
        "    print(child.pid, child.started, flush=True)\n"
        "worker = threading.Thread(target=go); worker.start(); worker.join(); time.sleep(600)\n"
    )
    argv = [sys.executable, "-c", script, str(tmp_path / "log")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = Running(*map(int, parent.stdout.readline().split()))
        time.sleep(0.3)  # long enough for a wrong tie, to the thread, to have ended it
        assert child.alive
        parent.send_signal(number)
    assert child.wait(5)


def write_record(folder: Path, process: Running) -> None:
    record = {
        "options": LabOptions().as_record(),
        "snapshot": None,
        "processor": ["tcg", "Westmere"],
        "recipe": "0",
        "image": "/none",
        "segment": None,
        "hosts": [{"index": 1, "ssh_port": 22, "process": [process.pid, process.started]}],
    }
    (folder / "lab.json").write_text(json.dumps(record))
