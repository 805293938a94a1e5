"""memory.overhead_mib: what Xen takes for a guest besides its memory, on real Xen in the lab.

A guest of each size is started as Teig starts one, with a disk and a network card, and what the hypervisor has free is
read before its start and once it answers. `memory.overhead_left_mib` is the least that admission counts beyond that: it
must not be negative.
"""

from __future__ import annotations

import sys

from figures import Figure, options, report
from lab_guests import XEN, Bench, bench
from teig.lab.options import LabOptions
from teig.policy.admission import overhead_mib

SIZES = ((96, 1), (96, 2), (96, 4), (512, 1), (1024, 2))
"""Memory in MiB, and vCPUs."""
FREE = XEN + 'print(xen.physinfo()["free_memory"])'


def free_mib(stands: Bench) -> float:
    """Return the memory that no domain and no structure of Xen has, in MiB."""
    return int(stands.lab.run("python3 -", stdin=FREE.encode())) / 1024


def overhead(stands: Bench, memory_mib: int, vcpus: int) -> float:
    """Return what a guest takes besides its memory, in MiB."""
    before = free_mib(stands)
    guest = stands.start(memory_mib=memory_mib, vcpus=vcpus)
    taken = before - free_mib(stands)
    stands.stop(guest)
    return taken - memory_mib


def main() -> int:
    args = options("Measure what Xen takes for a guest besides its memory.").parse_args()
    with bench(LabOptions()) as stands:
        measured = {size: overhead(stands, *size) for size in SIZES}
    left = [overhead_mib(*size) - taken for size, taken in measured.items()]
    figures = [
        Figure(f"memory.overhead_mib.{memory_mib}_mib_{vcpus}_vcpus", taken, "MiB")
        for (memory_mib, vcpus), taken in measured.items()
    ]
    return report([*figures, Figure("memory.overhead_left_mib", min(left), "MiB", ">= 0", left)], args.output)


if __name__ == "__main__":
    sys.exit(main())
