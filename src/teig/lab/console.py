"""A lab host's serial console on this terminal."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import sys
import termios
import tty
from collections.abc import Iterator

from teig.lab.hosts import LabHost

LEAVE = b"\x1d"
"""Ctrl-]"""
_CHUNK = 4096


def attach(host: LabHost) -> None:
    """Join this process's input and output to the console until Ctrl-], the end of input, or the host's end."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(host.console_socket))
        sys.stderr.write(f"Console of {host.name}. Ctrl-] leaves.\r\n")
        with _raw_terminal():
            _pump(line)
    sys.stderr.write("\n")


def _pump(line: socket.socket) -> None:
    source, sink = sys.stdin.fileno(), sys.stdout.fileno()
    with selectors.DefaultSelector() as ready:
        ready.register(line, selectors.EVENT_READ)
        ready.register(source, selectors.EVENT_READ)
        while True:
            for key, _events in ready.select():
                data = line.recv(_CHUNK) if key.fileobj is line else os.read(source, _CHUNK)
                if key.fileobj is line:
                    os.write(sink, data)
                else:
                    line.sendall(data.partition(LEAVE)[0])
                if not data or (key.fileobj is not line and LEAVE in data):
                    return


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    """Hand every key through as it is typed, where there is a terminal at all."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
