"""What guests get against what they were promised, on real Xen in the lab, with no server running.

cpu.*.error             worst relative deviation of processor time from the shares, of guests that spin in the guests'
                        own cpupool, of one processor
cpu.*.dom0_busy.error   the same while other guests keep Domain-0 busy with packets and blocks; and how far below the
                        cores that it was promised a guest is, where that is worse
dom0.busy_cores.*       how busy these keep it; reported
cpu.cap.error           deviation from a ceiling of 25 % of a core, in cores
dom0.latency_ratio.*    an agent's round trip with all of these guests at it, divided by the same with none
disk.*.error            relative deviation of what a guest of 2 vCPUs measures on its disk from its limit
disk.flush.error        how far above its limit on writes a guest gets that does nothing but fsync, flushes counted too
disk.unlimited_s        from the start of a rebooted guest's back end until all of its threads are limited
keeper.reconnect_share  the part of ten minutes, from its first reconnect on, in which a guest that connects its disks
                        anew as fast as it can is above its disk limit

Two lab hosts run side by side: one for reconnects, which take longest and whose host boots alone, and one for all else.
Shares are measured under credit2, then under credit on a third host; while that boots, the cap, and after it the disks:
a lab host has two processors, and so may this machine. What is left of them while another lab host is at work, or only
idle, says nothing of Teig's shares (under credit they were 0.04 to 0.06 off then, under credit2 0.01): the others stand
still while shares under credit are measured, and their clocks with them.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Thread

import lab_reconnects
from figures import Figure, options, report
from lab_guests import Bench, bench
from teig.lab.hosts import LabHost
from teig.lab.options import LabOptions, Scheduler
from teig.model.guest import GuestSpec
from teig.model.pool import DiskRate

SPIN_S = 30.0
WARM_S = 5.0
BUSY_S = 600.0
IOPS = 40  # low, so that an emulated guest on a busy machine is always held back by its limit and nothing else
BPS = 128 << 10
AT_ONCE = 3  # as many streams as the driver gives one guest
FLUSH_S = 20
SHARES = ((0.1, 2), (0.4, 2), (0.1, 1))
"""Share and vCPUs of the guests that spin: 1:4, and equal with one vCPU and with two."""
FLOODS = (0.15, 0.15)
"""Shares of the guests that keep Domain-0 busy; all together are promised 0.9 of the pool's one processor."""
FLOOD_RATE = DiskRate(2000, 1000, 64 << 20, 32 << 20)
RECONNECT_RATE = DiskRate(40, 40, 160 << 10, 160 << 10)
RECONNECT_DISKS_MIB = (64, 4, 4)
RECONNECT_S = 600.0
RUNNING: list[LabHost] = []
"""The lab hosts on which something is measured now."""


@dataclass
class Lane:
    """What is measured on one lab host, once `after` has come; `until` comes at its end at the latest."""

    options: LabOptions
    parts: list[Callable[[Bench], list[Figure]]]
    after: Event | None = None
    until: Event = field(default_factory=Event)


WATCH = """
import os, sys, time
queues = min(VCPUS, int(open("/sys/module/xen_blkback/parameters/max_queues").read()) or VCPUS)
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
    free = len(found) < queues or any("/teig/" not in group for group in found)
print(time.monotonic() - first)
"""
"""Waits in Domain-0 for the disk threads of a domain newer than OLD, and until all are in a group of Teig's."""


def busy(stands: Bench, guests: list[GuestSpec], path: str) -> None:
    """Let guests do something for longer than it is measured; they are stopped at it."""
    for guest in guests:
        asked = path.format(threads=guest.vcpus, seconds=int(BUSY_S))
        Thread(target=ask_all_the_same, args=(stands, guest, asked), daemon=True).start()


@contextlib.contextmanager
def alone(stands: Bench, scheduler: Scheduler) -> Iterator[None]:
    """Have the other lab hosts stand still until the block ends: under credit, for credit2 does not mind them."""
    others = [lab for lab in RUNNING if lab is not stands.lab and scheduler is Scheduler.CREDIT]
    try:
        for lab in others:
            with lab.monitor() as monitor:
                monitor.stop()
        yield
    finally:
        for lab in others:
            with lab.monitor() as monitor:
                monitor.go_on()


def spin(stands: Bench, guests: list[GuestSpec]) -> None:
    """Let every vCPU of some guests spin."""
    busy(stands, guests, "burn?seconds={seconds}&threads={threads}")


def deviation(guests: dict[int, GuestSpec], used: dict[int, float]) -> float:
    """Return the worst relative deviation of a guest's processor time from its part of theirs."""
    total, whole = sum(used[domid] for domid in guests), sum(guest.share_cores for guest in guests.values())
    return max(abs(used[domid] / total / (guest.share_cores / whole) - 1) for domid, guest in guests.items())


def shortfall(guests: dict[int, GuestSpec], used: dict[int, float], elapsed: float) -> float:
    """Return how far below what it was promised the worst of some guests is, relatively; 0 where none is."""
    return max(0.0, *(1 - used[domid] / elapsed / guest.share_cores for domid, guest in guests.items()))


def cap_error(stands: Bench, spin_s: float) -> float:
    """Return how far a guest with a ceiling of a quarter of a core is from it, in cores."""
    guest = stands.start(cap=25)
    spin(stands, [guest])
    elapsed, used = stands.sample(spin_s, [stands.domid(guest)])
    cores = used[stands.domid(guest)] / elapsed
    stands.stop(guest)
    return abs(cores - 0.25)


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
    figures = [_disk("disk.iops.error", [iops_error(stands, guest) for _ in range(2)])]
    stands.lab.run("systemctl daemon-reload")
    figures.append(_disk("disk.after_reload.error", [iops_error(stands, guest)]))
    stands.lab.run("systemctl kill -s KILL teig-keeper")
    figures.append(_disk("disk.after_keeper_restart.error", [iops_error(stands, guest)]))
    figures.append(Figure("disk.unlimited_s", reboot(stands, guest), "s"))
    figures.append(_disk("disk.after_reboot.error", [iops_error(stands, guest)]))
    figures.append(Figure("disk.flush.error", flush_error(stands, guest), "ratio", "<= 0.10"))
    stands.stop(guest)
    guest = stands.start(vcpus=2, rate=DiskRate(10_000, 10_000, BPS, BPS))
    errors = [abs(delivered(stands, guest, what, 65536) / BPS - 1) for what in ("read", "write")]
    stands.stop(guest)
    return [*figures, _disk("disk.bandwidth.error", errors)]


def reboot(stands: Bench, guest: GuestSpec) -> float:
    """Let the guest reboot; return the seconds for which its new back end had a thread without limits."""
    program = WATCH.replace("OLD", str(stands.domid(guest))).replace("VCPUS", str(guest.vcpus))
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
    """Return how near guests come to their shares under one scheduler, with Domain-0 idle and with it busy."""
    guests = [stands.start(share=share, vcpus=vcpus) for share, vcpus in SHARES]
    floods = [stands.start(share=share, rate=FLOOD_RATE) for share in FLOODS]
    by_domid = {stands.domid(guest): guest for guest in guests}
    all_domids = [*by_domid, *map(stands.domid, floods)]
    with alone(stands, scheduler):
        idle_s = round_trip(stands)
    spin(stands, guests)
    _, used = stands.sample(spin_s, by_domid, alone(stands, scheduler))
    calm = deviation(by_domid, used)
    say(f"{scheduler}: shares within {calm:.3f}")
    with ThreadPoolExecutor(1) as aside:
        # Flooded last: what is asked through a Domain-0 that is flooded may take longer than what is measured.
        sampled = aside.submit(stands.sample, spin_s, all_domids, alone(stands, scheduler))
        time.sleep(2 * WARM_S)
        busy(stands, floods, "flood?seconds={seconds}")
        elapsed, used = sampled.result()
    with alone(stands, scheduler):
        slower, busy_cores = round_trip(stands) / idle_s, used[0] / elapsed
    worst = max(deviation(by_domid, used), shortfall(by_domid, used, elapsed))
    say(f"{scheduler}: within {worst:.3f}; Domain-0 uses {busy_cores:.2f} cores and answers {slower:.1f} times as late")
    stands.stop(*floods, *guests)
    return [
        Figure(f"cpu.{scheduler}.error", calm, "ratio", "<= 0.05"),
        Figure(f"cpu.{scheduler}.dom0_busy.error", worst, "ratio", "<= 0.10"),
        Figure(f"dom0.busy_cores.{scheduler}", busy_cores, "cores"),
        Figure(f"dom0.latency_ratio.{scheduler}", slower, "ratio", "<= 3"),
    ]


def reconnect_figures(stands: Bench) -> list[Figure]:
    """Return for how long a guest is above its limit that does what it can to be."""
    guest = stands.start(rate=RECONNECT_RATE, memory_mib=192, disks_mib=RECONNECT_DISKS_MIB)
    say(f"{guest.name}, which is to reconnect, is there")
    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(lab_reconnects.share, stands.lab, guest, RECONNECT_S)
        time.sleep(2 * WARM_S)  # it must be there first: the first seconds are the worst
        # Its answer may not come: the guest may be paused, or reboot, before it has been sent.
        path = f"reconnect?seconds={int(2 * RECONNECT_S)}&kib=512&reboot=1"
        Thread(target=ask_all_the_same, args=(stands, guest, path), daemon=True).start()
        above = watched.result()
    held = f"{guest.name}: paused, and will be again"  # before it could write, on a host that is slow to see to it
    if not above.most and held not in stands.lab.run("journalctl -u teig-keeper --since=-15min -o cat --no-pager"):
        raise SystemExit("the guest has written nothing: it has not connected its disks anew")
    say(f"reconnects: above the limit for {above.above:.1f} of {above.seconds:.0f} s, {above.most:.1f} times at most")
    return [
        Figure("keeper.reconnect_share", above.share, "ratio", "< 0.02"),
        Figure("keeper.reconnect_most", above.most, "times"),
    ]


def ask_all_the_same(stands: Bench, guest: GuestSpec, path: str) -> None:
    with contextlib.suppress(Exception):
        stands.ask(guest, path)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def lanes(only: str | None, spin_s: float) -> list[Lane]:
    """Return what is measured on each of the lab hosts, one after the other there."""
    credit, credit2 = (LabOptions(scheduler=scheduler) for scheduler in (Scheduler.CREDIT, Scheduler.CREDIT2))
    there, under_credit2, under_credit = Event(), Event(), Event()
    if only:
        under_credit.set()

    def reconnects(stands: Bench) -> list[Figure]:
        there.set()
        return reconnect_figures(stands)

    def cap(stands: Bench) -> list[Figure]:
        return [Figure("cpu.cap.error", cap_error(stands, spin_s), "cores", "<= 0.03")]

    def disks(stands: Bench) -> list[Figure]:
        under_credit.wait()  # a disk's time goes on while its host stands still
        return disk_figures(stands)

    def shares(stands: Bench) -> list[Figure]:
        figures = cpu_figures(stands, Scheduler.CREDIT2, spin_s)
        under_credit2.set()
        return figures

    second = Lane(
        credit, [lambda stands: cpu_figures(stands, Scheduler.CREDIT, spin_s)], after=under_credit2, until=under_credit
    )
    longest = Lane(credit2, [reconnects], until=there)
    parts: dict[str | None, list[Lane]] = {
        None: [longest, Lane(credit2, [shares, cap, disks], after=there, until=under_credit2), second],
        "cpu": [Lane(credit2, [shares, cap], until=under_credit2), second],
        "disk": [Lane(credit2, [disks])],
        "reconnect": [longest],
    }
    return parts[only]


def measure(lane: Lane) -> list[Figure]:
    """Have a lab host and measure some things on it."""
    scheduler = lane.options.scheduler
    try:
        if lane.after:
            lane.after.wait()
        with bench(lane.options) as stands:
            say(f"a lab host under {scheduler} is there")
            RUNNING.append(stands.lab)
            try:
                return [figure for part in lane.parts for figure in part(stands)]
            finally:
                RUNNING.remove(stands.lab)
    except BaseException as error:  # the other hosts are measured to their end first
        say(f"{scheduler}: {error or type(error).__name__}")
        raise
    finally:
        lane.until.set()


def main() -> int:
    parser = options("Compare what guests get with what they were promised.")
    parser.add_argument("--spin", type=float, default=SPIN_S, help="seconds of processor time that are measured")
    parser.add_argument("--only", choices=("cpu", "disk", "reconnect"), help="measure only this")
    args = parser.parse_args()
    work, begin = lanes(args.only, args.spin), time.monotonic()
    with ThreadPoolExecutor(len(work)) as pool:
        figures = [figure for done in [pool.submit(measure, lane) for lane in work] for figure in done.result()]
    took = time.monotonic() - begin
    return report([*figures, Figure("guarantees.took_s", took, "s", "<= 900")], args.output)


if __name__ == "__main__":
    sys.exit(main())
