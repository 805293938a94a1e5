"""Raw bytes between the channel and a guest: its TCP port, or its console. The channel serves nothing else after."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import termios
import tty
from collections.abc import Iterator

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.guests.guests import Guests
from teig.agent.host.state import lock
from teig.agent.xen.hypervisor import Domain, Hypervisor

_CHUNK = 1 << 16
_CONNECT_TIMEOUT_S = 10.0
_CONSOLE_WAIT_S = 0.5


def _running(xen: Hypervisor, guest: str) -> Domain:
    domain = xen.find(guest)
    if domain is None:
        raise Failure("conflict", f"Guest {guest} is not running.", "Start it first.", code="guest_not_running")
    return domain


@contextlib.contextmanager
def connection(guests: Guests, xen: Hypervisor, guest: str, port: int) -> Iterator[socket.socket]:
    """Connect to a port of a running guest of ours, at its own first address and nowhere else."""
    spec = guests.spec(guest)
    _running(xen, guest)
    try:
        made = socket.create_connection((spec.nics[0].ip, port), timeout=_CONNECT_TIMEOUT_S)
    except OSError as error:
        raise host_fault(
            "guest_not_answering",
            f"Guest {spec.name} does not answer on {spec.nics[0].ip} port {port}: {error}.",
            f"Look at its console: teig guest console {spec.name}",
        ) from error
    with made:
        made.settimeout(None)
        yield made


@contextlib.contextmanager
def console(xen: Hypervisor, guest: str) -> Iterator[int]:
    """Open a running guest's console: the pseudo terminal that xenconsoled made. One reader at a time."""
    domain = _running(xen, guest)
    path = xen.read(f"/local/domain/{domain.domid}/console/tty")
    if not path or not path.startswith("/dev/pts/"):
        raise host_fault("no_console", f"Guest {guest} has no console.", "Is xenconsoled running on the host?")
    handle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        lock(handle, _CONSOLE_WAIT_S, f"Somebody else has the console of guest {guest} open.")
        tty.setraw(handle, termios.TCSANOW)
        yield handle
    finally:
        os.close(handle)


def relay_socket(source: int, sink: int, pending: bytes, far: socket.socket) -> None:
    """Carry bytes both ways until the guest has closed. The caller's end of file is passed on to the guest."""
    far.sendall(pending)
    open_inputs = [source, far.fileno()]
    with contextlib.suppress(ConnectionError, BrokenPipeError):
        while True:
            ready, _, _ = select.select(open_inputs, [], [])
            if far.fileno() in ready:
                data = far.recv(_CHUNK)
                if not data:
                    return
                write_all(sink, data)
            if source in ready:
                data = os.read(source, _CHUNK)
                if data:
                    far.sendall(data)
                else:
                    open_inputs.remove(source)
                    far.shutdown(socket.SHUT_WR)


def relay_terminal(source: int, sink: int, pending: bytes, terminal: int) -> None:
    """Carry bytes both ways until the caller has closed, or the guest has gone (its terminal then gives EIO)."""
    try:
        write_all(terminal, pending)
        while _relay_once({terminal: sink, source: terminal}):
            pass
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EPIPE):
            raise


def _relay_once(ways: dict[int, int]) -> bool:
    """Wait for bytes at one of the sources and write them to its sink; return False at the end of one."""
    ready, _, _ = select.select(list(ways), [], [])
    for end in ready:
        data = os.read(end, _CHUNK)
        if not data:
            return False
        write_all(ways[end], data)
    return True


def write_all(handle: int, data: bytes) -> None:
    """Write all of some bytes."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
