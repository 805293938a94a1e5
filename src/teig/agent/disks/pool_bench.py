"""What a volume group's disks can do, measured on a volume made for it.

4 KiB operations at random places and 1 MiB ones in a row, past the page cache, about five seconds each, by several
threads of which half read and half write: what is found can be promised both ways at once. The volume is filled first,
so that reads meet bytes that are really there. Threads of one Python process saturate disks up to some ten thousands of
operations a second; a faster one is rated lower than it is, never higher.
"""

from __future__ import annotations

import mmap
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.disks import pools
from teig.agent.host.process import must, run
from teig.agent.host.state import State, locked

VOLUME = "teig-bench"
SIZE_BYTES = 1 << 30
LEAST_BYTES = 64 << 20
SECONDS = 5.0
THREADS = 16
SMALL, LARGE = 4096, 1 << 20
Operation = Callable[[int, mmap.mmap, int], int]
Place = Callable[[int, int], int]


def pool_bench(state: State, pool: str) -> dict[str, Any]:
    """Return a volume group's figures as teig.model.pool.PoolRating. What a killed run left behind is removed first."""
    with locked(state.root / "bench.lock", 0, "Another measurement runs on this host."):
        run(["lvremove", "--quiet", "--yes", f"{pool}/{VOLUME}"])
        free = {group.name: group.free_bytes for group in pools.groups()}
        if pool not in free:
            raise Failure("not_found", f"The host has no volume group {pool}.", "Look: vgs", code="no_volume_group")
        if free[pool] < LEAST_BYTES:
            raise host_fault(
                "volume_group_full", f"Volume group {pool} has no {LEAST_BYTES >> 20} MiB free to measure on.",
                "Delete a guest, or extend the volume group (vgextend).",
            )  # fmt: skip
        size = min(SIZE_BYTES, free[pool]) // LEAST_BYTES * LEAST_BYTES
        must(
            ["lvcreate", "--quiet", "--yes", "--wipesignatures", "n", "--zero", "n", "--size", f"{size}b",
             "--addtag", "teig", "--name", VOLUME, pool], "lvm_failed",
        )  # fmt: skip
        try:
            return {"rate": measure(f"/dev/{pool}/{VOLUME}", size), "together": True}
        finally:
            must(["lvremove", "--quiet", "--yes", f"{pool}/{VOLUME}"], "lvm_failed")


def measure(path: str, size_bytes: int, seconds: float = SECONDS) -> dict[str, int]:
    """Return operations and bytes per second on a block device, reads beside writes. Its bytes are lost."""
    handle = os.open(path, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)
    try:
        filled, _ = _by_threads(handle, (_write,), LARGE, seconds, _in_a_row(size_bytes))
        size = max(THREADS, min(size_bytes // LARGE, min(filled) * THREADS)) * LARGE
        read_iops, write_iops = _both_ways(handle, SMALL, seconds, _at_random(size))
        read_bps, write_bps = (rate * LARGE for rate in _both_ways(handle, LARGE, seconds, _in_a_row(size)))
    finally:
        os.close(handle)
    rates = {"read_iops": read_iops, "write_iops": write_iops, "read_bps": read_bps, "write_bps": write_bps}
    return {name: int(rate) for name, rate in rates.items()}


def _write(handle: int, buffer: mmap.mmap, offset: int) -> int:
    return os.pwritev(handle, [buffer], offset)


def _read(handle: int, buffer: mmap.mmap, offset: int) -> int:
    return os.preadv(handle, [buffer], offset)


def _in_a_row(size_bytes: int) -> Place:
    """Say where large operations go: the threads side by side, from the first block to the last and again."""
    blocks = size_bytes // LARGE
    return lambda thread, step: (step * THREADS + thread) % blocks


def _at_random(size_bytes: int) -> Place:
    """Say where small operations go: anywhere."""
    blocks = size_bytes // SMALL
    return lambda *_: random.randrange(blocks)  # noqa: S311 - no secret


def _both_ways(handle: int, block: int, seconds: float, place: Place) -> tuple[float, float]:
    """Return the reads and the writes per second of threads that do both at the same time."""
    counts, took = _by_threads(handle, (_read, _write), block, seconds, place)
    return sum(counts[::2]) / took, sum(counts[1::2]) / took


def _by_threads(
    handle: int, operations: tuple[Operation, ...], block: int, seconds: float, place: Place
) -> tuple[list[int], float]:
    """Let threads repeat an operation each, in turn out of `operations`; return how often each did, and the seconds."""
    begin = time.monotonic()

    def work(thread: int) -> int:
        # Anonymous maps are page-aligned, as O_DIRECT wants it; random bytes cannot be compressed away.
        buffer = mmap.mmap(-1, block)
        buffer.write(os.urandom(block))
        operation = operations[thread % len(operations)]
        step = 0
        while time.monotonic() < begin + seconds:
            operation(handle, buffer, place(thread, step) * block)
            step += 1
        return step

    with ThreadPoolExecutor(THREADS) as pool:
        counts = list(pool.map(work, range(THREADS)))
    return counts, time.monotonic() - begin
