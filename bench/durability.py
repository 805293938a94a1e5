"""crash.*, takeover_s, operation.*: what is lost when servers are killed, and what durability costs.

Guests are asked for at the pace of the kills, so that each kill meets work: `crash.interrupted` is how many operations
the killed servers were working on. Kills come at random moments, and may take all servers at once.

Real server processes share simulated hosts, as real ones would be shared over SSH, and a PostgreSQL that is made for
this run with its disk writes on; the figures of SQLite are of one server with its own file. What an operation costs is
the time from sending the request for a guest until the server notes that it is done, on a simulated host in the
server's own process: that does its work in no time, so all of it is ours. `--lab` kills the server of a real lab host
instead, in every step.
"""

from __future__ import annotations

import contextlib
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # the tests stand beside the benchmarks

import sqlalchemy as sa
from tests.postgres import cluster
from tests.servers import OWN_HOST, Served, create, ended, enrol, serving, until
from tests.shared_fleet import SharedFleet, shared_hosts

import durability_lab
from figures import Figure, options, report
from teig.model.errors import TeigError, Unreachable
from teig.model.job import Job, JobState

HOSTS = [f"sim{number}" for number in range(4)]
"""Few, so that several operations are under way at each of them."""
KILL_AFTER_S = (0.1, 2.0)
"""How long servers work before the next is killed, counted from when one of them answers."""
CALL_S = 0.02
JOB_S = 0.2
"""What a changing call and a job take on a simulated host in the crash part, so that kills meet them under way."""
CRASH_S = 900.0
END_S = 120.0
ASKERS = 24
ALL_HOSTS = [f"sim{number}" for number in range(12)]


@contextmanager
def platform(
    count: int, hosts: list[str], *, shared: bool, call_s: float = 0.0, job_s: float = 0.0
) -> Iterator[tuple[list[Served], SharedFleet]]:
    """Run servers over simulated hosts, in one PostgreSQL (`shared`) or in SQLite."""
    with contextlib.ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tb-")))
        fleet = stack.enter_context(shared_hosts(base / "hosts.sock", hosts, call_s=call_s, job_s=job_s))
        database = stack.enter_context(cluster(durable=True)).database() if shared else None
        servers = stack.enter_context(serving(base, count, base / "hosts.sock", database))
        enrol(servers[0], hosts)
        yield servers, fleet


class Killer:
    """Kills a server again and again, and starts it again at once, until it has killed as many as were wanted."""

    def __init__(self, servers: list[Served], wanted: int, chance: random.Random) -> None:
        self.killed = 0
        self.interrupted = 0
        self.wanted = wanted
        self._servers = servers
        self._chance = chance
        self._another = threading.Condition()
        self._failed = False

    def run(self) -> None:
        """Kill as many as are wanted."""
        try:
            while self.killed < self.wanted:
                until(lambda: any(server.up() for server in self._servers), "a server that answers")
                time.sleep(self._chance.uniform(*KILL_AFTER_S))
                self._kill(self._chance.choice([server for server in self._servers if not server.ended()]))
        except BaseException:
            self._failed = True
            raise
        finally:
            with self._another:
                self._another.notify_all()

    def await_kills(self, number: int) -> None:
        """Wait until so many servers were killed."""
        with self._another:
            if not self._another.wait_for(lambda: self.killed >= number or self._failed, CRASH_S):
                raise SystemExit(f"only {self.killed} servers were killed after {CRASH_S:g} s")

    def _kill(self, server: Served) -> None:
        assert server.process is not None
        server.kill()
        self.interrupted += under_way(server, server.process.pid)
        server.begin()
        with self._another:
            self.killed += 1
            self._another.notify_all()
        if self.killed % 5 == 0:
            print(f"{self.killed} kills, {self.interrupted} operations interrupted", file=sys.stderr)


def under_way(server: Served, pid: int) -> int:
    """Return how many operations a killed server was working on, as its row in the database says."""
    assert server.database is not None
    engine = sa.create_engine(server.database)
    query = sa.text(
        "SELECT count(*) FROM operations JOIN servers ON servers.id = operations.server "
        "WHERE operations.ended IS NULL AND servers.name LIKE :name"
    )
    with engine.connect() as connection:
        found = int(connection.execute(query, {"name": f"%:{pid}"}).scalar_one())
    engine.dispose()
    return found


def ask(servers: list[Served], number: int) -> str:
    """Have a guest made, by whichever server answers, and return its operation; a third are deleted again."""
    name = f"guest{number}"
    made = by_any(servers, number, "guest_create", name, lambda server: create(server, name))
    if number % 3 == 0:
        await_end(servers, made)
        path = f"/guests/{name}"
        by_any(servers, number, "guest_delete", name, lambda server: server.api.delete(path, force="true"))
    return made


def by_any(servers: list[Served], number: int, kind: str, name: str, request: Any) -> str:
    """Return the id of the operation that a request began; where its answer was lost, look whether it was heard."""
    for attempt in range(1000):
        server = servers[(number + attempt) % len(servers)]
        with contextlib.suppress(Unreachable):
            try:
                return str(request(server)["id"])
            except TeigError as error:
                if isinstance(error, Unreachable) or error.reason not in {"name_taken", "busy", "no_guest"}:
                    raise
            for operation in server.api.get("/operations", limit=1000):
                if (operation["kind"], operation["subject"]) == (kind, name):
                    return str(operation["id"])
        time.sleep(0.1)
    raise SystemExit(f"nobody took {kind} {name}")


def await_end(servers: list[Served], operation: str) -> dict[str, Any]:
    """Return an operation once it has ended, asking whichever server answers."""
    deadline = time.monotonic() + END_S
    while time.monotonic() < deadline:
        for server in servers:
            with contextlib.suppress(Unreachable):
                found: dict[str, Any] = server.api.get(f"/operations/{operation}", timeout_s=30.0)
                if found["ended"]:
                    return found
        time.sleep(0.2)
    raise SystemExit(f"operation {operation} has not ended after {END_S} s")


def crash(wanted: int, kills: int, seed: int) -> list[Figure]:
    """Ask for `wanted` operations while servers are killed, and count what is wrong afterwards."""
    asked = wanted * 3 // 4  # every third guest is deleted again, which is an operation too
    with platform(3, HOSTS, shared=True, call_s=CALL_S, job_s=JOB_S) as (servers, fleet):
        killer, begin = Killer(servers, kills, random.Random(seed)), time.monotonic()  # noqa: S311 - no secret

        def ask_in_time(number: int) -> str:
            killer.await_kills((number - ASKERS) * kills // asked)
            return ask(servers, number)

        with ThreadPoolExecutor(ASKERS + 1) as pool:
            killing = pool.submit(killer.run)
            accepted = list(pool.map(ask_in_time, range(asked)))
            killing.result()
        for server in servers:
            until(server.up, "the servers' last start")
        known = {operation["id"]: operation for operation in servers[0].api.get("/operations", limit=1000)}
        states = {ident: await_end(servers, ident)["state"] for ident in known}
        took = time.monotonic() - begin
        lost = [ident for ident in {*accepted, *states} if states.get(ident) != "done"]
        wrong, doubled = differences(servers[0], fleet)
    return [
        Figure("crash.operations", len(states), "", f">= {wanted}"),
        Figure("crash.killed", killer.killed, "", f">= {kills}"),
        Figure("crash.interrupted", killer.interrupted, ""),
        Figure("crash.lost", len(lost), "", "== 0"),
        Figure("crash.orphans", wrong, "", "== 0"),
        Figure("crash.doubled", doubled, "", "== 0"),
        Figure("crash.took_s", took, "s"),
    ]


def differences(server: Served, fleet: SharedFleet) -> tuple[int, int]:
    """Return how many guests are on a host or in the database alone or not whole, and how many things twice."""
    rows = [server.api.get(f"/guests/{guest['name']}") for guest in server.api.get("/guests")]
    wanted = {(guest["host"], guest["id"]) for guest in rows}
    there = {
        (host, guest): (defined, domid is not None, volumes)
        for host, kept in fleet.ask(None, "state").items()
        for guest, (defined, domid, volumes) in kept.items()
        if defined or domid or volumes
    }
    wrong = wanted ^ set(there)
    half = [key for key, found in there.items() if found != (True, True, (0,))]
    busy = [guest for guest in rows if guest["operation"] or guest["drift"]]
    calls = fleet.ask(None, "record")
    domains: dict[str, set[object]] = {}
    for call in calls:
        if isinstance(call.result, Job) and call.result.verb == "guest_start" and call.result.state is JobState.DONE:
            domains.setdefault(call.guest, set()).add(call.result.result["domid"])
    again = sum(len(found) - 1 for found in domains.values())
    addresses = [nic["address"] for guest in rows for nic in guest["nics"]]
    twice = len(addresses) - len(set(addresses)) + len(rows) - len({guest["id"] for guest in rows})
    both = sum(not call.alone and call.error is None for call in calls)
    return len(wrong) + len(half) + len(busy), again + twice + both


def takeover(rounds: int) -> list[float]:
    """Return the seconds from the kill of a server in the middle of an operation until another has done it."""
    found = []
    with platform(2, ALL_HOSTS, shared=True) as (servers, fleet):
        for number in range(rounds):
            first, second = (servers[(number + at) % 2] for at in range(2))
            fleet.ask(None, "hold", "guest_start")
            operation = create(first, f"guest{number}")
            until(lambda: bool(fleet.ask(None, "held_now")), "the step start")
            begin = time.monotonic()
            first.kill()
            fleet.ask(None, "release")
            ended(second, operation)
            found.append(time.monotonic() - begin)
            first.start()
    return found


def overhead(rounds: int, *, shared: bool) -> list[float]:
    """Return the milliseconds that making a guest takes where its host takes none, one after another."""
    found = []
    with contextlib.ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tb-")))
        database = stack.enter_context(cluster(durable=True)).database() if shared else None
        [server] = stack.enter_context(serving(base, 1, OWN_HOST, database))
        enrol(server, ["sim0"])
        for number in range(rounds + 5):
            begin = time.time()
            done = ended(server, create(server, f"guest{number}"))
            found.append(1000 * (done["ended"] - begin))
    return found[5:]


def throughput(servers_count: int, guests: int) -> float:
    """Return the guests made in a second by so many servers, asked all at once."""
    with platform(servers_count, ALL_HOSTS, shared=True) as (servers, _fleet):
        begin = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            made = list(pool.map(lambda number: create(servers[number % servers_count], f"g{number}"), range(guests)))
        for operation in made:
            ended(servers[0], operation, END_S)
        return guests / (time.monotonic() - begin)


def main() -> int:
    parser = options("Kill servers, and say what that and durability cost.")
    parser.add_argument("--operations", type=int, default=300)
    parser.add_argument("--kills", type=int, default=40, help="how many servers are killed meanwhile")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of what is killed when")
    parser.add_argument("--lab", action="store_true", help="20 guests on a real lab host instead: ten minutes")
    args = parser.parse_args()
    if args.lab:
        return report(durability_lab.crash(), args.output)
    took = takeover(3)
    sqlite, postgres = (overhead(args.rounds, shared=shared) for shared in (False, True))
    figures = [
        Figure("takeover_s", max(took), "s", "< 15", took),
        Figure("operation.overhead_ms.sqlite", statistics.median(sqlite), "ms", "< 40", sqlite),
        Figure("operation.overhead_ms.postgresql", statistics.median(postgres), "ms", "< 60", postgres),
        Figure("operation.throughput.1", throughput(1, 150), "/s"),
        Figure("operation.throughput.3", throughput(3, 150), "/s"),
    ]
    return report([*crash(args.operations, args.kills, args.seed), *figures], args.output)


if __name__ == "__main__":
    sys.exit(main())
