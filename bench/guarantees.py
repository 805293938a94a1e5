"""What guests get against what they were promised, on real Xen in the lab, with no server running.

cpu.*.error             worst relative deviation of processor time from the shares, of guests crowded on one processor,
                        which is a cpupool of its own
cpu.*.with_dom0.error   the same where the guests have all processors, and Domain-0 takes what it needs in between
cpu.cap.error           deviation from a ceiling of 25 % of a core, in cores
dom0.latency_ratio      an agent's round trip with all guests spinning, divided by the same on an idle host
disk.*.error            relative deviation of what a guest of 2 vCPUs measures on its disk from its limit
disk.flush.error        how far above its limit on writes a guest gets that does nothing but fsync, flushes counted too
disk.unlimited_s        from the start of a rebooted guest's back end until all of its threads are limited
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from figures import Figure, options, report
from lab_guests import Bench, bench
from teig.lab.options import LabOptions, Scheduler
from teig.model.guest import GuestSpec
from teig.model.pool import DiskRate

SPIN_S = 60.0
WARM_S = 5.0
IOPS = 20  # low, so that an emulated guest on a busy machine is always held back by its limit and nothing else
BPS = 128 << 10
AT_ONCE = 4
FLUSH_S = 20
CASES = (((0.1, 2), (0.2, 2)), ((0.1, 2), (0.4, 2)), ((0.2, 1), (0.2, 2)))
"""Share and vCPUs of the guests that compete."""
CROWD = "crowd"
WATCH = """
import os, sys, time
first, free, ended = None, True, time.monotonic() + 300
while (free or first is None) and time.monotonic() < ended:
    found = []
    for pid in os.listdir("/proc"):
        try:
            name = pid.isdigit() and open(f"/proc/{pid}/comm").read()
            if name and ".xvda-" in name and int(name.replace("blkback.", "").split(".")[0]) > OLD:
                found.append(open(f"/proc/{pid}/cgroup").read())
        except (OSError, ValueError):
            pass
    if found and first is None:
        first = time.monotonic()
    free = len(found) < 2 or any("/teig/" not in group for group in found)
print(time.monotonic() - first)
"""
"""Waits in Domain-0 for the two disk threads of a domain newer than OLD, and until both are in a group of Teig's."""


def spinning(stands: Bench, guests: list[GuestSpec], seconds: float) -> ThreadPoolExecutor:
    """Let every vCPU of some guests spin; the pool ends with them."""
    pool = ThreadPoolExecutor(len(guests))
    for guest in guests:
        pool.submit(stands.ask, guest, f"burn?seconds={int(seconds)}&threads={guest.vcpus}")
    time.sleep(WARM_S)
    return pool


def share_errors(stands: Bench, case: tuple[tuple[float, int], ...], spin_s: float) -> tuple[float, float]:
    """Return the worst relative deviation of a guest's processor time from its part: on all processors, and on one."""
    guests = [stands.start(share=share, vcpus=vcpus) for share, vcpus in case]
    with_dom0 = deviation(stands, guests, spin_s)
    with crowded(stands, guests):
        on_one = deviation(stands, guests, spin_s)
        stands.stop(*guests)
    return with_dom0, on_one


def deviation(stands: Bench, guests: list[GuestSpec], spin_s: float) -> float:
    """Let guests spin; return the worst relative deviation of one's processor time from its part of theirs."""
    domids = [stands.domid(guest) for guest in guests]
    with spinning(stands, guests, spin_s + 2 * WARM_S):
        _, used = stands.sample(spin_s)
    total, whole = sum(used[domid] for domid in domids), sum(guest.share_cores for guest in guests)
    parts = zip(domids, guests, strict=True)
    return max(abs(used[domid] / total / (guest.share_cores / whole) - 1) for domid, guest in parts)


@contextmanager
def crowded(stands: Bench, guests: list[GuestSpec]) -> Iterator[None]:
    """Have guests in a cpupool of one processor, until they are stopped.

    Pinning to one would prove nothing: the credit scheduler gives credit by weight for all processors of a pool, so
    that guests pinned to one of several have more than they can burn, and share it evenly whatever their weights.
    """
    stands.lab.run(f"xl cpupool-cpu-remove Pool-0 1 && xl cpupool-create 'name=\"{CROWD}\"' 'cpus=[\"1\"]'")
    for guest in guests:
        stands.lab.run(f"xl cpupool-migrate {guest.name} {CROWD}")  # which sets its weight to 256: the keeper mends it
        stands.ready(guest)
    yield
    stands.lab.run(f"xl cpupool-destroy {CROWD} && xl cpupool-cpu-add Pool-0 1")


def cap_error(stands: Bench, spin_s: float) -> float:
    """Return how far a guest with a ceiling of a quarter of a core is from it, in cores."""
    guest = stands.start(cap=25)
    with spinning(stands, [guest], spin_s + 4 * WARM_S):
        elapsed, used = stands.sample(spin_s)
    cores = used[stands.domid(guest)] / elapsed
    stands.stop(guest)
    return abs(cores - 0.25)


def latency_ratio(stands: Bench, spin_s: float) -> float:
    """Return the median round trip to the agent under load, divided by the idle one."""
    guests = [stands.start(share=0.5, vcpus=2) for _ in range(3)]
    idle = round_trip(stands)
    with spinning(stands, guests, spin_s):
        loaded = round_trip(stands)
    stands.stop(*guests)
    return loaded / idle


def round_trip(stands: Bench) -> float:
    """Return the median seconds of a question that the agent answers at once."""
    taken = []
    for _ in range(15):
        begin = time.perf_counter()
        stands.host.image_present(stands.image.id)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def delivered(stands: Bench, guest: GuestSpec, what: str, block: int) -> float:
    """Return the bytes per second that the guest reads or writes past its page cache.

    Several requests at once: one at a time, a disk is idle whenever the guest thinks, and no limit is reached. Each
    says by the guest's clock how long it took; they begin seconds apart, so the time is that of all of them together.
    """

    def one(_: int) -> tuple[float, float]:
        seconds = float(stands.ask(guest, f"{what}?mib=1&block={block}")["seconds"])
        ended = time.monotonic()
        return ended - seconds, ended

    before = stands.charged(guest, what)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        spans = list(pool.map(one, range(AT_ONCE)))
    if stands.charged(guest, what) - before < AT_ONCE << 20:
        raise SystemExit(f"the guest's {what} did not go through its control group")
    return (AT_ONCE << 20) / (max(ended for _, ended in spans) - min(began for began, _ in spans))


def disk_figures(stands: Bench) -> list[Figure]:
    """Return how near a guest comes to its limits, and whether they outlive what happens to guest and host."""
    guest = stands.start(vcpus=2, rate=DiskRate(IOPS, IOPS, 1 << 30, 1 << 30))
    figures = [_disk("disk.iops.error", [iops_error(stands, guest) for _ in range(3)])]
    stands.lab.run("systemctl daemon-reload")
    figures.append(_disk("disk.after_reload.error", [iops_error(stands, guest)]))
    stands.lab.run("systemctl kill -s KILL teig-keeper")
    figures.append(_disk("disk.after_keeper_restart.error", [iops_error(stands, guest)]))
    figures.append(Figure("disk.unlimited_s", reboot(stands, guest), "s"))
    figures.append(_disk("disk.after_reboot.error", [iops_error(stands, guest)]))
    figures.append(Figure("disk.flush.error", flush_error(stands, guest), "ratio", "<= 0.10"))
    stands.stop(guest)
    guest = stands.start(vcpus=2, rate=DiskRate(10_000, 10_000, BPS, BPS))
    errors = [abs(delivered(stands, guest, what, 65536) / BPS - 1) for what in ("read", "write", "read")]
    stands.stop(guest)
    return [*figures, _disk("disk.bandwidth.error", errors)]


def reboot(stands: Bench, guest: GuestSpec) -> float:
    """Let the guest reboot; return the seconds for which its new back end had a thread without limits."""
    program = WATCH.replace("OLD", str(stands.domid(guest)))
    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(stands.lab.run, "python3 -", stdin=program.encode(), timeout_s=400)
        stands.ask(guest, "reboot")
        unlimited_s = float(watched.result())
    stands.ready(guest)
    return unlimited_s


def flush_error(stands: Bench, guest: GuestSpec) -> float:
    """Return how far writes and flushes of the disk under a guest that only syncs are above its limit; 0 below it."""
    before = disk_operations(stands)
    told = stands.ask(guest, f"sync?seconds={FLUSH_S}")
    done = (disk_operations(stands) - before) / float(told["seconds"])
    return max(0.0, done / IOPS - 1)


def disk_operations(stands: Bench) -> int:
    """Return the writes that the host's data disk has done, which a flush is counted as too (see docs/keeper.md)."""
    return int(stands.lab.run("cat /sys/block/vdb/stat").split()[4])


def iops_error(stands: Bench, guest: GuestSpec) -> float:
    """Return the relative deviation of the guest's operations per second from its limit."""
    return abs(delivered(stands, guest, "read", 4096) / 4096 / IOPS - 1)


def _disk(name: str, rounds: list[float]) -> Figure:
    return Figure(name, max(rounds), "ratio", "<= 0.10", rounds)


def cpu_figures(stands: Bench, scheduler: Scheduler, spin_s: float) -> list[Figure]:
    """Return how near guests come to their shares under one scheduler."""
    with_dom0, crowded_ones = zip(*(share_errors(stands, case, spin_s) for case in CASES), strict=True)
    return [
        Figure(f"cpu.{scheduler}.error", max(crowded_ones), "ratio", "<= 0.05", list(crowded_ones)),
        Figure(f"cpu.{scheduler}.with_dom0.error", max(with_dom0), "ratio", rounds=list(with_dom0)),
    ]


def main() -> int:
    parser = options("Compare what guests get with what they were promised.")
    parser.add_argument("--spin", type=float, default=SPIN_S, help="seconds of processor time that are measured")
    parser.add_argument("--only", choices=("cpu", "disk"), help="measure only this")
    args = parser.parse_args()
    figures: list[Figure] = []
    for scheduler in (Scheduler.CREDIT2, Scheduler.CREDIT):
        if args.only == "disk" and scheduler == Scheduler.CREDIT:
            break
        with bench(LabOptions(scheduler=scheduler)) as stands:
            if args.only != "cpu" and scheduler == Scheduler.CREDIT2:
                figures += disk_figures(stands)
            if args.only != "disk":
                figures += cpu_figures(stands, scheduler, args.spin)
            if args.only != "disk" and scheduler == Scheduler.CREDIT2:
                figures.append(Figure("cpu.cap.error", cap_error(stands, args.spin), "cores", "<= 0.03"))
                figures.append(Figure("dom0.latency_ratio", latency_ratio(stands, args.spin), "ratio", "<= 3"))
    return report(figures, args.output)


if __name__ == "__main__":
    sys.exit(main())
