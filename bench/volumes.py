"""Measure two ways to a clean volume: a thin one that zeroes blocks as they are taken, or a linear one that is wiped.

    bench/volumes.py root@HOST [-o json] [--group vg0] [--sizes 256,1024,4096] [--ssh "-p 2222 -i KEY"]

Both are made in turn on the same host, in the same run: the time to a volume that reads as zeros, then how fast its
first bytes and the same bytes a second time are written, in large and in small pieces. A scratch pool and volumes named
teig-bench-* are made in the volume group and removed at the end.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import statistics
import subprocess
import sys
from typing import Any

ON_THE_HOST = r"""
import fcntl, json, mmap, os, random, struct, subprocess, sys, time

order = json.loads(sys.argv[1])
group, rounds, mib = order["group"], order["rounds"], 1 << 20
POOL = f"{group}/teig-bench-pool"


def lvm(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def timed(work):
    began = time.monotonic()
    work()
    return time.monotonic() - began


def linear(name, size):
    lvm("lvcreate", "-qq", "-y", "-Wn", "-Zn", "-L", f"{size}m", "-n", name, group)
    handle = os.open(f"/dev/{group}/{name}", os.O_WRONLY)
    for start in range(0, size, 64):
        fcntl.ioctl(handle, 0x127F, struct.pack("=QQ", start * mib, min(64, size - start) * mib))  # BLKZEROOUT
    os.fsync(handle)
    os.close(handle)


def thin(name, size):
    lvm("lvcreate", "-qq", "-y", "-Wn", "-V", f"{size}m", "-T", POOL, "-n", name)


def write(path, offsets, piece):
    buffer = mmap.mmap(-1, piece)
    buffer.write(b"teig" * (piece // 4))
    handle = os.open(path, os.O_WRONLY | os.O_DIRECT)
    began = time.monotonic()
    for offset in offsets:
        os.pwrite(handle, buffer, offset)
    os.fsync(handle)
    took = time.monotonic() - began
    os.close(handle)
    return len(offsets) * piece / mib / took


def one(kind, size):
    name = f"teig-bench-{kind.__name__}"
    found = {"create_s": timed(lambda: kind(name, size))}
    path, most = f"/dev/{group}/{name}", min(size, 128)
    half = most // 2
    large = [start * mib for start in range(half)]
    small = [half * mib + 4096 * block for block in random.Random(1).sample(range(half * 256), 512)]
    for state in ("first", "steady"):
        found[f"{state}_large_mib_s"] = write(path, large, mib)
        found[f"{state}_small_mib_s"] = write(path, small, 4096)
    found["delete_s"] = timed(lambda: lvm("lvremove", "-qq", "-y", f"{group}/{name}"))
    return found


room = max(order["sizes"]) + 512
pool_s = timed(lambda: lvm("lvcreate", "-qq", "-y", "-Zy", "-L", f"{room}m", "-T", POOL))
found = []
try:
    for _ in range(rounds):
        for size in order["sizes"]:
            for kind in (linear, thin):
                found.append({"kind": kind.__name__, "size_mib": size, **one(kind, size)})
finally:
    lvm("lvremove", "-qq", "-y", POOL)
print(json.dumps({"pool_s": pool_s, "found": found, "kernel": os.uname().release, "cpus": os.cpu_count()}))
"""
UNITS = {"create_s": "s", "delete_s": "s"}


def measure(ssh: list[str], group: str, sizes: list[int], rounds: int) -> dict[str, Any]:
    order = json.dumps({"group": group, "sizes": sizes, "rounds": rounds})
    command = f"exec python3 - '{order}'"
    done = subprocess.run(["ssh", *ssh, command], input=ON_THE_HOST, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"ssh {' '.join(ssh)} failed: {done.stderr.strip()[-500:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def figures(answer: dict[str, Any]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[float]] = {}
    for row in answer["found"]:
        for name, value in row.items():
            if name not in {"kind", "size_mib"}:
                groups.setdefault((f"volume.{row['size_mib']}MiB.{row['kind']}.{name}", name), []).append(value)
    rows = [
        {
            "name": full,
            "value": round(statistics.median(values), 3),
            "unit": UNITS.get(name, "MiB/s"),
            "bar": None,
            "ok": True,
            "rounds": [round(value, 3) for value in values],
        }
        for (full, name), values in groups.items()
    ]
    pool = round(answer["pool_s"], 3)
    return [
        *rows,
        {"name": "volume.thin.pool_s", "value": pool, "unit": "s", "bar": None, "ok": True, "rounds": [pool]},
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("host")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    parser.add_argument("--group", default="vg0")
    parser.add_argument("--sizes", default="256,1024,4096")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ssh", default="", metavar="OPTIONS", help="for ssh, for example: '-p 2222 -i KEY'")
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    answer = measure([*shlex.split(given.ssh), given.host], given.group, sizes, given.rounds)
    found = figures(answer)
    if given.output == "json":
        machine = {"measured_from": platform.node(), "kernel": answer["kernel"], "cpus": answer["cpus"]}
        print(json.dumps({"machine": machine, "figures": found}, indent=1))
        return
    for figure in found:
        print(f"{figure['name']:50} {figure['value']:10.3f} {figure['unit']}")


if __name__ == "__main__":
    main()
