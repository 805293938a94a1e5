"""What a volume group's disks can do, measured on a volume made for it.

4 KiB operations at random places and 1 MiB ones in a row, past the page cache, by several threads at once, about five
seconds each. Written first, so that reads meet bytes that are really there. Threads of one Python process saturate
disks up to some ten thousands of operations a second; a faster one is rated lower than it is, never higher.
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


def pool_bench(state: State, pool: str) -> dict[str, Any]:
    """Return a volume group's figures as teig.model.pool.DiskRate. What a killed run left behind is removed first."""
    with locked(state.root / "bench.lock", 0, "Another measurement runs on this host."):
        free = {group.name: group.free_bytes for group in pools.groups()}
        if pool not in free:
            raise Failure("not_found", f"The host has no volume group {pool}.", "Look: vgs", code="no_volume_group")
        run(["lvremove", "--quiet", "--yes", f"{pool}/{VOLUME}"])
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
            return measure(f"/dev/{pool}/{VOLUME}", size)
        finally:
            must(["lvremove", "--quiet", "--yes", f"{pool}/{VOLUME}"], "lvm_failed")


def measure(path: str, size_bytes: int, seconds: float = SECONDS) -> dict[str, Any]:
    """Return operations and bytes per second on a block device, whose bytes are lost."""
    handle = os.open(path, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)
    try:
        write_bps, written = _in_a_row(handle, _write, size_bytes, seconds)
        write_iops = _at_random(handle, _write, written, seconds)
        read_iops = _at_random(handle, _read, written, seconds)
        read_bps, _ = _in_a_row(handle, _read, written, seconds)
    finally:
        os.close(handle)
    return {"read_iops": read_iops, "write_iops": write_iops, "read_bps": read_bps, "write_bps": write_bps}


def _write(handle: int, buffer: mmap.mmap, offset: int) -> int:
    return os.pwritev(handle, [buffer], offset)


def _read(handle: int, buffer: mmap.mmap, offset: int) -> int:
    return os.preadv(handle, [buffer], offset)


def _in_a_row(handle: int, operation: Operation, size_bytes: int, seconds: float) -> tuple[int, int]:
    """Return the bytes per second of large operations one after the other, and how far they came at first."""
    blocks = size_bytes // LARGE
    counts, took = _by_threads(
        handle, operation, LARGE, seconds, lambda thread, step: (step * THREADS + thread) % blocks
    )
    done = sum(counts)
    return int(done * LARGE / took), max(THREADS, min(blocks, min(counts) * THREADS)) * LARGE


def _at_random(handle: int, operation: Operation, size_bytes: int, seconds: float) -> int:
    """Return the small operations per second at random places within the first `size_bytes`."""
    blocks = size_bytes // SMALL
    counts, took = _by_threads(handle, operation, SMALL, seconds, lambda *_: random.randrange(blocks))  # noqa: S311
    return int(sum(counts) / took)


def _by_threads(
    handle: int, operation: Operation, block: int, seconds: float, place: Callable[[int, int], int]
) -> tuple[list[int], float]:
    """Repeat an operation in all threads for so long; return how often each did it, and the seconds it took."""
    begin = time.monotonic()

    def work(thread: int) -> int:
        # Anonymous maps are page-aligned, as O_DIRECT wants it; random bytes cannot be compressed away.
        buffer = mmap.mmap(-1, block)
        buffer.write(os.urandom(block))
        step = 0
        while time.monotonic() < begin + seconds:
            operation(handle, buffer, place(thread, step) * block)
            step += 1
        return step

    with ThreadPoolExecutor(THREADS) as pool:
        counts = list(pool.map(work, range(THREADS)))
    return counts, time.monotonic() - begin
