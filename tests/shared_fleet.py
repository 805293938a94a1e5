"""Simulated hosts in a process of their own, which several servers share: `python -m tests.shared_fleet SOCKET HOSTS`.

Calls and answers are pickled over a unix socket. The process keeps a record of every changing call. A test can make
the next call of a name wait, as a slow network would, and let it go on later.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from teig.fleet.driver import Claim, HostAddress
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import TeigError, Unreachable
from teig.model.names import GuestId, HostId


@dataclass(frozen=True)
class Call:
    """A changing call as the hosts saw it: which, on what, under which fence, and its error's code."""

    host: str
    name: str
    guest: GuestId
    fence: int
    error: str | None
    result: object
    alone: bool
    """Whether no other changing call was under way for the guest."""


class Hosts:
    """The hosts, their record, and what a test asks of them."""

    def __init__(self, names: list[str], memory_mib: int, call_s: float, job_s: float) -> None:
        self.fleet = SimulatedFleet([SimulatedHost(name, memory_mib=memory_mib, cores=64) for name in names])
        for host in self.fleet.hosts.values():
            host.job_s = job_s
        self.calls: list[Call] = []
        self.held: str | None = None
        self.holding = threading.Event()
        self.go_on = threading.Event()
        self._call_s = call_s
        self._under_way: dict[GuestId, int] = {}
        self._lock = threading.Lock()

    def answer(self, name: str, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry a call out."""
        claims = [arg for arg in args if isinstance(arg, Claim)]
        if self.held == method:
            self.held = None
            self.holding.set()
            self.go_on.wait()
        host = self.fleet.host(HostAddress(name, name, name, 22, ""))  # type: ignore[arg-type]
        if not claims:
            return getattr(host, method)(*args, **kwargs)
        with self._lock:
            guest = claims[0].guest
            self._under_way[guest] = self._under_way.get(guest, 0) + 1
            alone = self._under_way[guest] == 1
        error, result = None, None
        try:
            time.sleep(self._call_s)
            result = getattr(host, method)(*args, **kwargs)
            return result  # noqa: TRY300 - the record below needs it
        except TeigError as raised:
            error = raised.reason
            raise
        finally:
            with self._lock:
                self._under_way[claims[0].guest] -= 1
                self.calls.append(Call(name, method, claims[0].guest, claims[0].fence, error, result, alone))

    def hold(self, method: str) -> None:
        """Let the next call of that name wait."""
        self.holding.clear()
        self.go_on.clear()
        self.held = method

    def held_now(self) -> bool:
        """Return whether a call waits."""
        return self.holding.is_set()

    def release(self) -> None:
        """Let the call that waits go on."""
        self.go_on.set()

    def record(self) -> list[Call]:
        """Return the changing calls so far."""
        return list(self.calls)

    def state(self) -> dict[str, dict[GuestId, tuple[bool, int | None, tuple[int, ...]]]]:
        """Return for each host its guests: whether they are defined, their domid and their volumes."""
        return {
            name: {
                guest: (kept.spec is not None, kept.domid, tuple(kept.volumes)) for guest, kept in host.guests.items()
            }
            for name, host in self.fleet.hosts.items()
        }


def _serve_one(connection: Connection, hosts: Hosts) -> None:
    with connection, contextlib.suppress(EOFError, OSError):
        while True:
            target, method, args, kwargs = connection.recv()
            try:
                ours = target is None
                answer = getattr(hosts, method)(*args) if ours else hosts.answer(target, method, args, kwargs)
                connection.send((True, answer))
            except TeigError as error:
                connection.send((False, error))


class SharedFleet:
    """A fleet whose hosts are in another process. One connection for each thread that asks."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)
        self._local = threading.local()

    def host(self, address: HostAddress) -> Any:
        """Return the host whose name is the address."""
        return _SharedHost(self, address.address)

    def forget(self, host: HostId) -> None:
        """Nothing is open for one host alone."""

    def close(self) -> None:
        """Connections end with their threads."""

    def ask(self, target: str | None, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of a host, or of `Hosts` itself where `target` is None."""
        try:
            if not hasattr(self._local, "connection"):
                self._local.connection = Client(self._socket)
            self._local.connection.send((target, method, args, kwargs))
            good, answer = self._local.connection.recv()
        except (EOFError, OSError) as error:
            raise Unreachable(f"{target} does not answer.") from error
        if not good:
            raise answer
        return answer


def _nothing() -> None:
    """Be called in a process of the hosts in the place of what is in another one."""


class _SharedHost:
    def __init__(self, fleet: SharedFleet, name: str) -> None:
        self._fleet = fleet
        self._name = name

    def __getattr__(self, method: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            plain = [_nothing if callable(arg) else arg for arg in args]  # what is to be called cannot be sent
            return self._fleet.ask(self._name, method, *plain, **kwargs)

        return call


@contextmanager
def shared_hosts(
    socket: Path, names: list[str], memory_mib: int = 65536, call_s: float = 0.0, job_s: float = 0.0
) -> Iterator[SharedFleet]:
    """Run simulated hosts in threads of this process, for other processes to use through `socket`."""
    hosts = Hosts(names, memory_mib, call_s, job_s)
    listener = Listener(str(socket), backlog=64)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=_serve_one, args=(listener.accept(), hosts), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield SharedFleet(socket)
    finally:
        hosts.release()
        listener.close()


if __name__ == "__main__":
    with shared_hosts(Path(sys.argv[1]), sys.argv[3].split(","), call_s=float(sys.argv[2])):
        sys.stdin.read()
