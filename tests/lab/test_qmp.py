"""QEMU's monitor, which serves one at a time."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from teig.lab.launch import Running
from teig.lab.qmp import Monitor
from teig.model.errors import LabFault


@pytest.fixture
def monitored() -> Iterator[Path]:
    """A socket that greets who comes, answers everything, and lets the next one in when that one has gone."""
    with tempfile.TemporaryDirectory(prefix="teig-") as folder, socket.socket(socket.AF_UNIX) as listening:
        path = Path(folder) / "qmp"
        listening.bind(str(path))
        listening.listen(4)
        thread = threading.Thread(target=_serve, args=(listening,), daemon=True)
        thread.start()
        yield path
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _serve(listening: socket.socket) -> None:
    while True:
        try:
            came, _ = listening.accept()
        except OSError:
            return
        with came, came.makefile("rw", encoding="utf-8") as lines:
            lines.write(json.dumps({"QMP": {}}) + "\n")
            lines.flush()
            for _ in lines:
                lines.write(json.dumps({"return": {}}) + "\n")
                lines.flush()


def test_who_has_left_it_keeps_nobody_out(monitored: Path) -> None:
    qemu = Running(os.getpid(), 0)
    with Monitor(monitored, qemu, timeout_s=5.0) as first:
        first.stop()
    with Monitor(monitored, qemu, timeout_s=5.0) as second:
        second.go_on()
    assert first is not second


def test_where_qemu_has_gone_that_is_what_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        path = tmp_path / "qmp"
        listening.bind(str(path))
        listening.listen(4)
        gone = threading.Thread(target=_greet_and_go, args=(listening,), daemon=True)
        gone.start()
        monitor = Monitor(path, Running(os.getpid(), 0), timeout_s=5.0)
        gone.join(10)
        with pytest.raises(LabFault), monitor:
            monitor.stop()
        assert vars(monitor)["_socket"].fileno() == -1


def _greet_and_go(listening: socket.socket) -> None:
    came, _ = listening.accept()
    with came, came.makefile("rw", encoding="utf-8") as lines:
        lines.write(json.dumps({"QMP": {}}) + "\n")
        lines.flush()
        lines.readline()
        lines.write(json.dumps({"return": {}}) + "\n")
        lines.flush()
