"""native.cpu_ratio and native.disk_ratio: a PV guest's throughput divided by Domain-0's.

The same loop of the same shell counts in both, and the same dd reads the same logical volume past the page cache in
both, in turn. A ratio of 1 means that the guest is as fast as the machine.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

from figures import Figure, options, report
from standing import Standing, standing
from teig.cli.demo_names import GUEST
from teig.lab import recipes

BURN = recipes.FOLDER / "micro/files/sbin/burn"
BURN_S = 5
READ_MIB = 32
BLOCK = 65536


def ask(stands: Standing, ip: str, path: str) -> Any:
    """Return what the guest answers; asked from Dom0, so that nothing else is in the way."""
    url = f"http://{ip}/cgi-bin/{path}"
    fetch = f'import urllib.request; print(urllib.request.urlopen("{url}", timeout=300).read().decode())'
    return json.loads(stands.dom0("python3", "-c", f"'{fetch}'"))


def cpu(stands: Standing, ip: str) -> tuple[float, float]:
    """Return the loop's passes per second, in the guest and in Dom0."""
    there = ask(stands, ip, f"burn?seconds={BURN_S}")
    here = int(stands.dom0("busybox", "sh", "-s", str(BURN_S), stdin=BURN.read_bytes()))
    return there["iterations"] / there["seconds"], here / BURN_S


def disk(stands: Standing, ip: str, volume: str) -> tuple[float, float]:
    """Return bytes read per second, in the guest and in Dom0."""
    there = ask(stands, ip, f"read?mib={READ_MIB}&block={BLOCK}")
    count = READ_MIB * 2**20 // BLOCK
    timed = (
        "import subprocess, time; begin = time.perf_counter(); "
        f'subprocess.run(["busybox", "dd", "if={volume}", "of=/dev/null", "bs={BLOCK}", "count={count}", '
        '"iflag=direct"], check=True, capture_output=True); print(time.perf_counter() - begin)'
    )
    seconds = float(stands.dom0("python3", "-c", f"'{timed}'"))
    return there["bytes"] / there["seconds"], READ_MIB * 2**20 / seconds


def main() -> int:
    parser = options("Compare a PV guest's processor and disk with Domain-0's.")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with standing() as stands:
        guest = stands.json("guest", "show", GUEST)
        ip, volume = guest["addresses"][0], f"/dev/vg0/teig-{guest['id']}-disk0"
        cpu_ratios, disk_ratios = [], []
        for _ in range(args.rounds):
            there, here = cpu(stands, ip)
            cpu_ratios.append(there / here)
            there, here = disk(stands, ip, volume)
            disk_ratios.append(there / here)
    return report(
        [
            Figure("native.cpu_ratio", statistics.median(cpu_ratios), "ratio", rounds=cpu_ratios),
            Figure("native.disk_ratio", statistics.median(disk_ratios), "ratio", rounds=disk_ratios),
        ],
        args.output,
    )


if __name__ == "__main__":
    sys.exit(main())
