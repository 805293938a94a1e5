"""Raw bytes between the channel and a guest: its TCP port, or its console. The channel serves nothing else after."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import termios
import time
import tty
from collections.abc import Callable, Iterator

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.guests.guests import Guests
from teig.agent.host.state import lock
from teig.agent.xen.hypervisor import Domain, Hypervisor

_CHUNK = 1 << 16
_MOST_WAITING = 1 << 18
_FLUSH_MS = 3000
_CONNECT_TIMEOUT_S = 10.0
_CONSOLE_WAIT_S = 0.5
_THERE_MS = 5000


def _running(xen: Hypervisor, guest: str) -> Domain:
    domain = xen.find(guest)
    if domain is None:
        raise Failure(
            "conflict", "The guest is not running.", "Start it: teig guest start NAME", code="guest_not_running"
        )
    return domain


@contextlib.contextmanager
def connection(
    guests: Guests, xen: Hypervisor, guest: str, port: int
) -> Iterator[tuple[socket.socket, Callable[[], bool]]]:
    """Connect to a port of a running guest of ours, at its own first address and nowhere else.

    With it comes what says whether the domain is still there: of one that was destroyed no packet tells.
    """
    spec = guests.spec(guest)
    domain = _running(xen, guest)

    def there() -> bool:
        newest = xen.find(guest)
        return newest is not None and newest.domid == domain.domid and not newest.dying

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
        yield made, there


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


def relay_socket(
    source: int, sink: int, pending: bytes, far: socket.socket, there: Callable[[], bool] = lambda: True
) -> None:
    """Carry bytes both ways until both have ended, or the caller or the guest has gone. An end of file is passed on.

    `source` and `sink` are the channel, `pending` what the caller has sent already. Every 5 seconds `there` is asked
    for the guest, however much the caller writes; what a guest that is gone said last still arrives. No error of either
    end is raised: it ends the way that meets it.
    """
    up = _Way(source, far.fileno(), lambda: far.shutdown(socket.SHUT_WR), pending)
    down = _Way(far.fileno(), sink, lambda: _end_of_file(sink))
    _relay(up, down, lambda: up.over and down.over, there)


def relay_terminal(source: int, sink: int, pending: bytes, terminal: int) -> None:
    """Carry bytes both ways until the caller has closed, or the guest has gone (its terminal then gives EIO)."""
    up = _Way(source, terminal, lambda: None, pending)
    down = _Way(terminal, sink, lambda: None)
    _relay(up, down, lambda: up.over or down.over)


class _Way:
    """One direction: bytes that were read at its source and not yet written to its sink, never more than a bound."""

    def __init__(self, source: int, sink: int, end: Callable[[], None], pending: bytes = b"") -> None:
        self.source = source
        self.sink = sink
        self.waiting = bytearray(pending)
        self.at_end = False
        """The source gives no more."""
        self.over = False
        """The sink got everything and was told of the end, or takes no more."""
        self._end = end

    def wants(self) -> dict[int, int]:
        """Return what poll(2) shall wait for at its ends."""
        reads = not self.at_end and len(self.waiting) < _MOST_WAITING
        return {
            **({self.source: select.POLLIN} if reads else {}),
            **({self.sink: select.POLLOUT} if self.waiting else {}),
        }

    def move(self, handle: int) -> None:
        """Read or write at an end that poll(2) named."""
        wanted = self.wants()
        if handle == self.source and handle in wanted:
            self._read()
        if handle == self.sink and handle in wanted:
            self._write()
        if self.at_end and not self.waiting and not self.over:
            self.over = True
            with contextlib.suppress(OSError):
                self._end()

    def give_up(self) -> None:
        """Carry nothing more: the sink takes no more."""
        self.at_end = self.over = True
        self.waiting.clear()

    def _read(self) -> None:
        try:
            data = os.read(self.source, _CHUNK)
        except BlockingIOError:
            return
        except OSError:  # a terminal whose guest has gone, a connection that was reset
            data = b""
        self.waiting += data
        self.at_end = not data

    def _write(self) -> None:
        try:
            del self.waiting[: os.write(self.sink, self.waiting)]
        except BlockingIOError:
            return
        except OSError:
            self.give_up()


def _relay(up: _Way, down: _Way, finished: Callable[[], bool], there: Callable[[], bool] = lambda: True) -> None:
    """Carry bytes both ways. Neither end may keep the other waiting: nothing here blocks but poll(2).

    Where one of both has vanished, or only the guest still has something to take, it ends when nothing moves any more.
    """
    for handle in {up.source, up.sink, down.sink}:
        os.set_blocking(handle, False)
    vanished = False
    ask_at = time.monotonic() + _THERE_MS / 1000
    while not finished():
        poll = _watching(up, down)
        ending = vanished or (up.at_end and down.over)
        ready = poll.poll(_FLUSH_MS if ending else max(0.0, ask_at - time.monotonic()) * 1000)
        if not ready and ending:
            return
        if time.monotonic() >= ask_at:
            ask_at = time.monotonic() + _THERE_MS / 1000
            if _is_gone(there):
                vanished = True
                up.give_up()
        for handle, happened in ready:
            if handle == down.sink and not down.over and happened & (select.POLLERR | select.POLLHUP):
                vanished = True
                down.give_up()
            up.move(handle)
            down.move(handle)


def _watching(up: _Way, down: _Way) -> select.poll:
    """Return a poll(2) on the ends of both ways."""
    poll = select.poll()
    watched = {} if down.over else {down.sink: 0}  # errors and a hang-up are told in any case
    for wanted in (up.wants(), down.wants()):
        for handle, events in wanted.items():
            watched[handle] = watched.get(handle, 0) | events
    for handle, events in watched.items():
        poll.register(handle, events)
    return poll


def _is_gone(there: Callable[[], bool]) -> bool:
    """Say whether a guest is known to be gone: one that cannot be asked for may be there."""
    try:
        return not there()
    except Exception:  # noqa: BLE001  (the caller reads raw bytes, where no error can be told)
        return False


def _end_of_file(handle: int) -> None:
    """Let the reader of a handle see its end. sshd's may be a socket that is our standard input too.

    sshd tells the end of standard output only when standard error has ended too (OpenSSH, nchan.c, chan_ibuf_empty).
    """
    if handle == 1:
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, 2)
        os.close(nowhere)
    if stat.S_ISSOCK(os.fstat(handle).st_mode):
        with socket.socket(fileno=os.dup(handle)) as same:
            same.shutdown(socket.SHUT_WR)
    else:
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(null, handle)  # its number is nobody else's for as long as this process lives
        os.close(null)
