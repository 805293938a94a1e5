"""Xen as it is: read through xen.lowlevel.xc and xen.lowlevel.xs, which come with Xen's tools, without a process.

The one exception is credit2's weights, which the bindings cannot read: `credit2` asks the library below them, and
where that cannot be used they are read from `xl sched-credit2`, in one process for all domains.
"""

from __future__ import annotations

import re
import select
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

from teig.agent.contract.failure import host_fault
from teig.agent.host.process import must, run
from teig.agent.xen.credit2 import Credit2

MAXMEM_CONSTANT_KIB = 1024
"""What libxl adds to every domain's maximum (tools/libs/light/libxl_internal.h, LIBXL_MAXMEM_CONSTANT)."""
_SCHEDULERS = {5: "credit", 6: "credit2", 7: "arinc653", 8: "rtds", 9: "null"}  # xen/include/public/domctl.h
_CREDIT2_ROW = re.compile(r"\s(\d+)\s+(\d+)\s+(\d+)\s*$")
_MOST_EVENTS = 1000
SHUTDOWN_CRASH = 3  # xen/include/public/sched.h, SHUTDOWN_crash


class Domain(NamedTuple):
    """A domain; memory in KiB, processor time in ns.

    `vcpus` is how many it was made with, `online` how many of them its kernel has online.
    """

    domid: int
    uuid: str
    mem_kib: int
    maxmem_kib: int
    vcpus: int
    cpu_time_ns: int
    dying: bool
    shutdown: bool
    shutdown_reason: int
    paused: bool
    cpupool: int = 0
    online: int = 0


class Share(NamedTuple):
    """A domain's weight and cap."""

    weight: int
    cap: int


class Pool(NamedTuple):
    """A cpupool: its number, the CPUs in it, and how many domains are scheduled on them and nowhere else."""

    number: int
    cpus: tuple[int, ...]
    domains: int


class Hypervisor:
    """The Xen that this Dom0 runs on; opened when it is first asked for something."""

    def __init__(self) -> None:
        self._xc: Any = None
        self._xs: Any = None
        self._credit2: Optional[Credit2] = None

    def _open(self) -> None:
        if self._xc is not None:
            return
        sys.path.extend(_binding_folders())
        try:
            from xen.lowlevel import xc, xs  # noqa: PLC0415  (found only once the running version is known)

            self._xc, self._xs = xc.xc(), xs.xs()
            about = self._xc.xeninfo()
            self._credit2 = Credit2.of(int(about["xen_major"]), int(about["xen_minor"]))
        except Exception as error:
            raise host_fault(
                "no_xen",
                f"Xen does not answer on this host: {error}.",
                "Boot the host with Xen and install xen-utils for that version.",
            ) from error

    def present(self) -> bool:
        """Say whether this machine runs on Xen and this is its Dom0 (Documentation/ABI/stable/sysfs-hypervisor-xen)."""
        try:
            capabilities = Path("/proc/xen/capabilities").read_text()
        except OSError:
            return False
        return "control_d" in capabilities

    @property
    def xc(self) -> Any:
        """The hypervisor's control interface."""
        self._open()
        return self._xc

    @property
    def xs(self) -> Any:
        """The xenstore."""
        self._open()
        return self._xs

    def domains(self) -> list[Domain]:
        """Return all domains, Domain-0 first."""
        rows = []
        first = 0
        while True:
            some = self.xc.domain_getinfo(first, 512)
            rows += [_domain(row) for row in some]
            if len(some) < 512:
                return rows
            first = rows[-1].domid + 1

    def find(self, guest: str) -> Domain | None:
        """Return the domain with a UUID, the newest where an old one is still dying; None where there is none."""
        same = [domain for domain in self.domains() if domain.uuid == guest]
        return max(same, key=lambda domain: (not domain.dying, domain.domid), default=None)

    def read(self, path: str) -> str | None:
        """Return what xenstore holds at a path, None where there is nothing."""
        raw = self.xs.read("", path)
        return None if raw is None else bytes(raw).decode(errors="replace")

    def below(self, path: str) -> list[str]:
        """Return the names below a path in xenstore, none where it is not there."""
        return [*(self.xs.ls("", path) or [])]

    def set_rate(self, domid: int, number: int, rate: str) -> bool:
        """Have netback hold a network card to a rate, `BYTES,MICROSECONDS`; return whether it was another.

        It watches that key (linux, drivers/net/xen-netback/xenbus.c, xen_net_rate_changed).
        """
        path = f"/local/domain/0/backend/vif/{domid}/{number}/rate"
        if self.read(path) in (None, rate):  # it has no such card, or none any more
            return False
        self.xs.write("", path, rate)
        return True

    def watch(self, paths: Sequence[str]) -> Watch:
        """Be told of changes below some paths of xenstore, over a connection that does nothing else."""
        self._open()
        return Watch(type(self._xs)(), paths)

    def name(self, domid: int) -> str:
        """Return a domain's name."""
        return self.read(f"/local/domain/{domid}/name") or ""

    def vcpus(self, domain: Domain) -> int:
        """Return how many vCPUs a domain is given: what `xl vcpu-set` left of those that it was made with.

        The hypervisor's own count of vCPUs that are online says what the guest makes of them: it is lower while the
        guest boots, and where the guest switched one off itself.
        """
        base = f"/local/domain/{domain.domid}/cpu"
        words = [self.read(f"{base}/{number}/availability") for number in self.xs.ls("", base) or ()]
        return sum(word == "online" for word in words) or domain.vcpus

    def ask_to_stop(self, domid: int) -> None:
        """Ask a guest to shut down, as `xl shutdown` does (xen/include/public/io/xs_wire.h; docs/misc, control)."""
        self.xs.write("", f"/local/domain/{domid}/control/shutdown", "poweroff")

    def withdraw(self, domid: int) -> None:
        """Take back what a guest was asked, if it has not taken notice yet; it ignores an empty word.

        Source: drivers/xen/manage.c of Linux, shutdown_handler.
        """
        path = f"/local/domain/{domid}/control/shutdown"
        if self.xs.read("", path):  # of a domain that has gone nothing may be made anew
            self.xs.write("", path, "")

    def scheduler(self) -> str:
        """Return the scheduler's name as `xl info` gives it."""
        number = self.xc.sched_id_get()
        return _SCHEDULERS.get(number, str(number))

    def shares(self, domids: list[int]) -> dict[int, Share]:
        """Return weight and cap of some domains; of all others nothing is promised to be there."""
        scheduler = self.scheduler()
        if scheduler == "credit":
            credit = {domid: self._credit(domid) for domid in domids}
            return {domid: share for domid, share in credit.items() if share}
        if scheduler == "credit2" and self._credit2:
            found = {domid: self._credit2.get(domid) for domid in domids}
            return {domid: Share(*share) for domid, share in found.items() if share}
        return self._credit2_by_xl(domids) if scheduler == "credit2" else {}

    def _credit2_by_xl(self, domids: list[int]) -> dict[int, Share]:
        """Ask xl, and once more where it failed because a domain went away meanwhile."""
        for last_try in (False, False, True):
            there = {domain.domid for domain in self.domains()}
            still = [domid for domid in domids if domid in there]
            if not still:
                return {}
            which = ["-d", str(still[0])] if len(still) == 1 else []
            done = run(["xl", "sched-credit2", *which])
            if done.status == 0 or last_try:
                break
        if done.status != 0:
            raise host_fault("xl_failed", f"xl sched-credit2 failed: {done.said}")
        return parse_credit2(done.stdout)

    def _credit(self, domid: int) -> Share | None:
        """Return a domain's weight and cap; None where it is not there (any more), and for one in a pool of credit2."""
        try:
            row = self.xc.sched_credit_domain_get(domid)
        except Exception:  # noqa: BLE001  (xen.lowlevel.xc.Error is known only once the bindings are loaded)
            return None
        return Share(int(row["weight"]), int(row["cap"]))

    def set_share(self, domid: int, share: Share) -> None:
        """Set a domain's weight and cap."""
        if self.scheduler() == "credit2" and self._credit2 and self._credit2.set(domid, *share):
            return
        command = {"credit": "sched-credit", "credit2": "sched-credit2"}[self.scheduler()]
        must(["xl", command, "-d", str(domid), "-w", str(share.weight), "-c", str(share.cap)], "xl_failed")

    def pools(self) -> list[Pool]:
        """Return all cpupools; the first is Pool-0, which Domain-0 is in."""
        return [Pool(row["cpupool"], tuple(row["cpulist"]), row["n_dom"]) for row in self.xc.cpupool_getinfo()]

    def pool_name(self, pool: Pool) -> str:
        """Return a cpupool's name, as xl gave it."""
        return self.read(f"/local/pool/{pool.number}/name") or ""

    def free_cpus(self) -> tuple[int, ...]:
        """Return the CPUs that are online and in no cpupool: nothing is scheduled on them."""
        return tuple(self.xc.cpupool_freeinfo())

    def pause(self, domid: int) -> None:
        """Stop a domain's vCPUs. Xen counts: whoever else pauses it must unpause it too (XEN_DOMCTL_pausedomain)."""
        self.xc.domain_pause(domid)

    def unpause(self, domid: int) -> None:
        """Take one `pause` back."""
        self.xc.domain_unpause(domid)

    def core_of(self) -> list[tuple[int, int]]:
        """Return the socket and core of each CPU, by its number: threads of one core have the same."""
        topology = self.xc.topologyinfo()
        return list(zip(topology["cpu_to_socket"], topology["cpu_to_core"]))  # noqa: B905  (strict: Python 3.10)

    def free_mib(self) -> int:
        """Return the memory that no domain has, in MiB."""
        return int(self.xc.physinfo()["free_memory"]) // 1024


class Changes(NamedTuple):
    """The paths that changed, one for each change, in order, and no earlier than `since` (CLOCK_BOOTTIME, seconds)."""

    paths: list[str]
    since: float


class Watch:
    """A connection to xenstore that reports changes."""

    def __init__(self, handle: Any, paths: Sequence[str]) -> None:
        self._handle = handle
        self._emptied = boottime()
        for path in paths:
            handle.watch(path, "")

    def wait(self, seconds: float) -> Changes:
        """Return what changed, waiting at most so long for the first change; nothing where there was none.

        At most `_MOST_EVENTS` at once: a guest that makes them faster than they are read stops nobody.
        """
        since = self._emptied
        ready, _, _ = select.select([self._handle.fileno()], [], [], 0)
        if not ready:
            ready, _, _ = select.select([self._handle.fileno()], [], [], max(0.0, seconds))
            since = boottime()
        changed: list[str] = []
        while ready and len(changed) < _MOST_EVENTS and (event := self._handle.check_watch()):
            changed.append(_text(event[0]))
        if len(changed) < _MOST_EVENTS:
            self._emptied = boottime()
        return Changes(changed, since)


def boottime() -> float:
    """Return the seconds since the host's boot, which no change of its clock moves."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _text(raw: str | bytes) -> str:
    return raw.decode(errors="replace") if isinstance(raw, bytes) else raw


def parse_credit2(text: str) -> dict[int, Share]:
    """Return what `xl sched-credit2` says of each domain: its rows end with id, weight and cap."""
    found = (_CREDIT2_ROW.search(line) for line in text.splitlines())
    return {int(row[1]): Share(int(row[2]), int(row[3])) for row in found if row}


def _domain(row: dict[str, Any]) -> Domain:
    return Domain(
        domid=int(row["domid"]),
        uuid=str(uuid.UUID(bytes=bytes(row["handle"]))),
        mem_kib=int(row["mem_kb"]),
        maxmem_kib=int(row["maxmem_kb"]),
        vcpus=int(row["max_vcpu_id"]) + 1,
        cpu_time_ns=int(row["cpu_time"]),
        dying=bool(row["dying"]),
        shutdown=bool(row["shutdown"]),
        shutdown_reason=int(row["shutdown_reason"]),
        paused=bool(row["paused"]),
        cpupool=int(row["cpupool"]),
        online=int(row["online_vcpus"]),
    )


def _binding_folders() -> list[str]:
    """Return where the bindings of the running Xen are: Debian keeps one directory for each version."""
    try:
        major, minor = (Path(f"/sys/hypervisor/version/{part}").read_text().strip() for part in ("major", "minor"))
    except OSError:
        return []
    running = Path(f"/usr/lib/xen-{major}.{minor}/lib")
    return [f"{running}/python", *sorted(str(path) for path in running.glob("python*/site-packages"))]
