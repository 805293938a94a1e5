"""native.cpu_ratio and native.disk_ratio: a PV guest's throughput divided by Domain-0's.

The same loop of the same shell counts in both, and the same dd reads the same logical volume past the page cache in
both, in turn. The guest's limits are far above what the machine can do. A ratio of 1 means that the guest is as fast
as the machine.
"""

from __future__ import annotations

import statistics
import sys

from figures import Figure, options, report
from lab_guests import Bench, bench
from teig.lab import recipes
from teig.lab.options import LabOptions
from teig.model.guest import GuestSpec

BURN = recipes.FOLDER / "micro/files/sbin/burn"
BURN_S = 5
READ_MIB = 32
BLOCK = 65536


def cpu(stands: Bench, guest: GuestSpec) -> tuple[float, float]:
    """Return the loop's passes per second, in the guest and in Dom0."""
    there = stands.ask(guest, f"burn?seconds={BURN_S}")
    here = int(stands.lab.run(f"busybox sh -s {BURN_S}", stdin=BURN.read_bytes(), timeout_s=60))
    return there["iterations"] / there["seconds"], here / BURN_S


def disk(stands: Bench, guest: GuestSpec) -> tuple[float, float]:
    """Return bytes read per second, in the guest and in Dom0."""
    there = stands.ask(guest, f"read?mib={READ_MIB}&block={BLOCK}")
    count = READ_MIB * 2**20 // BLOCK
    timed = (
        "import subprocess, time; begin = time.perf_counter(); "
        f'subprocess.run(["busybox", "dd", "if=/dev/vg0/teig-{guest.id}-disk0", "of=/dev/null", "bs={BLOCK}", '
        f'"count={count}", "iflag=direct"], check=True, capture_output=True); print(time.perf_counter() - begin)'
    )
    seconds = float(stands.lab.run("python3 -", stdin=timed.encode(), timeout_s=60))
    return there["bytes"] / there["seconds"], READ_MIB * 2**20 / seconds


def main() -> int:
    parser = options("Compare a PV guest's processor and disk with Domain-0's.")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with bench(LabOptions()) as stands:
        guest = stands.start(share=1.0)
        cpu_ratios, disk_ratios = [], []
        for _ in range(args.rounds):
            there, here = cpu(stands, guest)
            cpu_ratios.append(there / here)
            there, here = disk(stands, guest)
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
