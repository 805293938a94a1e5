"""admission.admitted: 500 guests are asked for at once where there is room for exactly 300.

The hosts are simulated; the requests, the transactions, the operations and the database are the server's own.
Afterwards no resource of any host may be promised twice, and every admitted guest must run.
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # the tests stand beside the benchmarks

from tests.simulated import SITE, server_with_hosts, wish

from figures import Figure, options, report
from teig.control import guests, hosts, operations
from teig.control.services import Services
from teig.fleet.simulated import DOM0_MIB, SimulatedHost
from teig.model.errors import Refused
from teig.model.operation import Operation, OperationState
from teig.policy.admission import RESERVE_MIB, core_room, disk_room, memory_for, memory_room, rate_room

ASKED = 500
HOSTS = 30
ROOM = 10
"""Guests that one host has room for: memory is what runs out."""
MEMORY_MIB = DOM0_MIB + RESERVE_MIB + ROOM * memory_for(96, 1) + 50


def ask(services: Services, number: int) -> Operation | None:
    """Return the operation of an admitted guest, None where it was refused."""
    try:
        return guests.create(services, wish(f"guest{number}"))
    except Refused:
        return None


def least_room(services: Services) -> float:
    """Return the least that is left of any resource of any host; below 0 something was promised twice."""
    rooms = []
    for view in hosts.listed(services):
        host = view.candidate
        assert host is not None
        rooms += [memory_room(host), disk_room(host), core_room(host), *rate_room(host).values()]
    return min(rooms)


def main() -> int:
    args = options("Ask for more guests at once than there is room for.").parse_args()
    simulated = [SimulatedHost(f"sim{number}", memory_mib=MEMORY_MIB, cores=8) for number in range(HOSTS)]
    site = replace(SITE, last_address="10.77.31.255")
    with tempfile.TemporaryDirectory() as folder, server_with_hosts(Path(folder), *simulated, site=site) as services:
        begin = time.perf_counter()
        with ThreadPoolExecutor(50) as pool:
            admitted = [made for made in pool.map(lambda number: ask(services, number), range(ASKED)) if made]
        asked_s = time.perf_counter() - begin
        left = least_room(services)
        while any(not operations.by_id(services, made.id).state.ended for made in admitted):
            time.sleep(0.5)
        done_s = time.perf_counter() - begin
        states = [operations.by_id(services, made.id).state for made in admitted]
        running = sum(kept.domid is not None for host in simulated for kept in host.guests.values())
    return report(
        [
            Figure("admission.admitted", len(admitted), "guests", f"== {HOSTS * ROOM}"),
            Figure("admission.running", running, "guests", f"== {HOSTS * ROOM}"),
            Figure("admission.failed", states.count(OperationState.FAILED), "guests", "<= 0"),
            Figure("admission.least_room", left, "units", ">= 0"),
            Figure("admission.asked_s", asked_s, "s"),
            Figure("admission.done_s", done_s, "s"),
        ],
        args.output,
    )


if __name__ == "__main__":
    sys.exit(main())
