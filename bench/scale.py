"""scale.*: what a server costs where it has 1,000 hosts, 20,000 guests and 200,000 operations that have ended.

The hosts are simulated, in a process of their own; the server is a real one, on SQLite and on PostgreSQL, and reaches
them over SSH. So memory and idle processor time include what 1,000 connections cost.

scale.list_ms            a page of 100 guests, 99th percentile, while 20 clients ask for one each second
scale.create_cpu_ms      processor time of a create's request in the server, the mean of 50; `rounds` has all
scale.claim_ms           the dispatcher's question for the next operation, median
scale.drift_s            GET /v1/drift, the longest of 40
scale.rss_mb             the server's resident memory, the largest that was seen
scale.idle_cpu           of a core, of a server that only observes its hosts, every 30 s; with `.two` the larger share
                         of two servers, which must be less
scale.dead_hosts_ratio   the largest of these figures with 5 % of the hosts silent, divided by the same with none silent
                         before and after; `rounds` are list, create, claim, drift
scale.ssh_call_ms        with --lab: an agent's round trip on a lab host, and our processor time for it
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # the tests stand beside the benchmarks

import sqlalchemy as sa
from tests.postgres import cluster
from tests.servers import REAL_HOSTS, Served, until

from figures import Figure, options, report
from lab_guests import bench
from scale_fill import fill
from scale_hosts import HostsProcess, hosts_running
from scale_world import Size
from serve import cpu_s, resident_mb
from teig.control.observing import EVERY_S
from teig.lab.options import LabOptions
from teig.store.database import sqlite_url

PROGRAM = str(Path(__file__).with_name("scale_server.py"))
CLIENTS = 20
PAGE = 100
CREATES = 50
CLAIMS = 40
DRIFTS = 40
SILENT_PART = 0.05
OBSERVED_S = 600.0
SSH_CALLS = 100


@dataclass(frozen=True)
class Costs:
    """What was measured in one stretch of time: the samples of each figure, in its own unit."""

    lists: list[float]
    creates: list[float]
    claims: list[float]
    drifts: list[float]

    @property
    def figures(self) -> tuple[float, float, float, float]:
        """The figures: 99th percentile of lists, mean of creates, median of claims, median of drifts."""
        slow = sorted(self.lists)[int(0.99 * len(self.lists))]
        return (slow, statistics.mean(self.creates), statistics.median(self.claims), statistics.median(self.drifts))


class Scale:
    """The running server, its hosts, and where its database is."""

    def __init__(self, size: Size, hosts: HostsProcess, folder: Path, database: sa.URL | None) -> None:
        self.size = size
        self.hosts = hosts
        self.folder = folder
        self.url = database or sqlite_url(folder / "server0" / "teig.sqlite")
        self.database = database
        self.seconds = 30.0
        self._names = (f"new{number}" for number in range(10**6))

    @contextmanager
    def server(self, number: int = 0) -> Iterator[Served]:
        """Run a server, with the key of the first, until the block ends."""
        folder = self.folder / f"server{number}"
        folder.mkdir(exist_ok=True)
        if number:
            shutil.copy(self.folder / "server0" / "id_ed25519", folder)
        served = Served(folder, REAL_HOSTS, self.database, (PROGRAM,))
        try:
            served.start()
            yield served
        finally:
            served.kill()

    def await_observed(self, since: float) -> float:
        """Wait until every host was observed after `since`; return how many seconds that took from now."""
        query = sa.text("SELECT count(*) FROM observations WHERE seen_at >= :since OR silent_since IS NOT NULL")
        engine = sa.create_engine(self.url)

        def seen() -> bool:
            time.sleep(1)
            with engine.connect() as connection:
                return bool(connection.execute(query, {"since": since}).scalar_one() >= self.size.hosts)

        took = until(seen, "an observation of every host", OBSERVED_S)
        engine.dispose()
        return took

    def costs(self, served: Served) -> Costs:
        """Measure lists for as long as `seconds`, then one request after the other."""
        stop = threading.Event()
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._listing, served, stop, number) for number in range(CLIENTS)]
            stop.wait(self.seconds)
            stop.set()
            lists = [took for client in clients for took in client.result()]
        creates = [self._create(served) for _ in range(CREATES)]
        claims = [float(served.api.get("/bench/claim")["ms"]) for _ in range(CLAIMS)]
        drifts = [_seconds(lambda: served.api.get("/drift")) for _ in range(DRIFTS)]
        return Costs(lists, creates, claims, drifts)

    def _create(self, served: Served) -> float:
        found = served.api.get("/bench/create", name=next(self._names))
        time.sleep(0.1)
        return float(found["cpu_ms"])

    def _listing(self, served: Served, stop: threading.Event, client: int) -> list[float]:
        """Turn pages once a second, from some guest on; return the milliseconds that each took."""
        after = f"g{random.Random(client).randrange(self.size.guests):06}"  # noqa: S311 - no secret
        taken: list[float] = []
        due = time.monotonic() + client / CLIENTS
        while not stop.wait(max(0.0, due - time.monotonic())):
            begin = time.perf_counter()
            page = served.api.get("/guests", limit=PAGE, after=after)
            taken.append(1000 * (time.perf_counter() - begin))
            after = page[-1]["name"] if len(page) == PAGE else ""
            due += 1.0
        return taken


def idle_cpu(servers: list[Served], seconds: float) -> list[float]:
    """Return the part of a core that each server uses while nobody asks it for anything."""
    pids = [served.process.pid for served in servers if served.process]
    before, begin = [cpu_s(pid) for pid in pids], time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begin
    return [(cpu_s(pid) - used) / took for pid, used in zip(pids, before, strict=True)]


def measured(scale: Scale, name: str) -> list[Figure]:
    """Return the figures on one database."""
    begin = time.time()
    with scale.server() as served:
        first = scale.await_observed(begin)
        say(f"{name}: all hosts seen {first:.0f} s after the server's start")
        scale.await_observed(time.time())
        idle = idle_cpu([served], 2 * EVERY_S)[0]
        say(f"{name}: idle, {idle:.3f} of a core")
        calm, silent, after = stretches(scale, served)
        scale.await_observed(time.time())
        assert served.process
        rss = resident_mb(served.process.pid)
        figures = [
            Figure(f"scale.list_ms.{name}", max(calm.figures[0], after.figures[0]), "ms", "< 50"),
            Figure(f"scale.create_cpu_ms.{name}", calm.figures[1], "ms", "< 20", calm.creates),
            Figure(f"scale.claim_ms.{name}", calm.figures[2], "ms", "< 5", calm.claims),
            Figure(f"scale.drift_s.{name}", max(calm.drifts), "s", "< 0.5", calm.drifts),
            Figure(f"scale.rss_mb.{name}", rss, "MB", "< 400"),
            Figure(f"scale.idle_cpu.{name}", idle, "cores", "< 0.5"),
            dead_hosts(name, calm, silent, after),
        ]
        if scale.database is not None:
            figures.append(two_servers(scale, served, idle))
    return figures


def stretches(scale: Scale, served: Served) -> tuple[Costs, Costs, Costs]:
    """Measure with all hosts, with some of them silent from that moment on, and with all again."""
    calm = scale.costs(served)
    say(f"    all answer: {words(calm)}")
    dead = round(SILENT_PART * scale.size.hosts)
    scale.hosts.silence(dead)
    silent = scale.costs(served)
    say(f"    {dead} silent: {words(silent)}")
    scale.hosts.silence(0)
    scale.await_observed(time.time())
    after = scale.costs(served)
    say(f"    all again:  {words(after)}")
    return calm, silent, after


def dead_hosts(name: str, calm: Costs, silent: Costs, after: Costs) -> Figure:
    """Return how much more is spent where some hosts are silent."""
    before_and_after = zip(calm.figures, after.figures, strict=True)
    ratios = [dead / statistics.mean(living) for dead, living in zip(silent.figures, before_and_after, strict=True)]
    return Figure(f"scale.dead_hosts_ratio.{name}", max(ratios), "ratio", "<= 1.2", ratios)


def two_servers(scale: Scale, first: Served, alone: float) -> Figure:
    """Return the larger share of two servers that observe the hosts together; one `alone` uses more."""
    with scale.server(1) as second:
        scale.await_observed(time.time() + EVERY_S)  # so that both know of each other, and have their connections
        shares = idle_cpu([first, second], 2 * EVERY_S)
    say(f"    two servers: {shares[0]:.3f} and {shares[1]:.3f} of a core")
    return Figure("scale.idle_cpu.postgresql.two", max(shares), "cores", f"< {alone:.3f}", shares)


def words(costs: Costs) -> str:
    """Return figures for a person."""
    slow, create, claim, drift = costs.figures
    lists = f"lists {slow:.0f} ms (median {statistics.median(costs.lists):.1f}, {len(costs.lists)} of them)"
    return f"{lists}, create {create:.1f} ms, claim {claim:.2f} ms, drift {drift:.3f} s"


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _seconds(work: object) -> float:
    assert callable(work)
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def on(kind: str, size: Size, seconds: float) -> list[Figure]:
    """Fill a database of a kind, and measure a server on it."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tb-")))
        (folder / "server0").mkdir()
        database = stack.enter_context(cluster(durable=True)).database() if kind == "postgresql" else None
        hosts = stack.enter_context(hosts_running(size))
        scale = Scale(size, hosts, folder, database)
        scale.seconds = seconds
        begin = time.monotonic()
        fill(scale.url, size, hosts)
        say(f"{kind}: filled in {time.monotonic() - begin:.0f} s")
        return measured(scale, kind)


def ssh_calls() -> list[Figure]:
    """Return what an agent's answer costs on a real host, by the clock and in our processor time."""
    with bench(LabOptions()) as stands:
        stands.host.image_present(stands.image.id)
        used = time.process_time()
        taken = [1000 * _seconds(lambda: stands.host.image_present(stands.image.id)) for _ in range(SSH_CALLS)]
        cpu = 1000 * (time.process_time() - used) / SSH_CALLS
    return [
        Figure("scale.ssh_call_ms", statistics.median(taken), "ms", rounds=taken),
        Figure("scale.ssh_call_cpu_ms", cpu, "ms"),
    ]


def parser() -> argparse.ArgumentParser:
    made = options("Measure a server that has a large fleet.")
    made.add_argument("--hosts", type=int, default=1000)
    made.add_argument("--guests", type=int, default=20_000)
    made.add_argument("--operations", type=int, default=200_000)
    made.add_argument("--seconds", type=float, default=60.0, help="how long lists are measured, each time")
    made.add_argument("--only", choices=("sqlite", "postgresql"), help="measure only on this database")
    made.add_argument("--lab", action="store_true", help="SSH's own cost on a lab host too")
    return made


def main() -> int:
    args = parser().parse_args()
    size = Size(args.hosts, args.guests, args.operations)
    figures: list[Figure] = []
    for kind in ("sqlite", "postgresql"):
        if args.only in {None, kind}:
            figures += on(kind, size, args.seconds)
    if args.lab:
        figures += ssh_calls()
    return report(figures, args.output)


if __name__ == "__main__":
    sys.exit(main())
