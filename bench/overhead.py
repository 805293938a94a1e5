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
from teig.model.guest import GuestType
from teig.policy.admission import overhead_mib

SIZES = {GuestType.PV: ((96, 1), (96, 2), (96, 4), (512, 1), (1024, 2)), GuestType.PVH: ((96, 1), (512, 2), (1024, 1))}
"""Memory in MiB, and vCPUs."""
FREE = XEN + 'print(xen.physinfo()["free_memory"])'


def free_mib(stands: Bench) -> float:
    """Return the memory that no domain and no structure of Xen has, in MiB."""
    return int(stands.lab.run("python3 -", stdin=FREE.encode())) / 1024


def overhead(stands: Bench, kind: GuestType, memory_mib: int, vcpus: int) -> float:
    """Return what a guest takes besides its memory, in MiB."""
    before = free_mib(stands)
    guest = stands.start(memory_mib=memory_mib, vcpus=vcpus, kind=kind)
    taken = before - free_mib(stands)
    stands.stop(guest)
    return taken - memory_mib


def main() -> int:
    args = options("Measure what Xen takes for a guest besides its memory.").parse_args()
    figures: list[Figure] = []
    left: list[float] = []
    for kind, sizes in SIZES.items():
        with bench(LabOptions(pvh=kind is GuestType.PVH)) as stands:
            for memory_mib, vcpus in sizes:
                taken = overhead(stands, kind, memory_mib, vcpus)
                name = f"memory.overhead_mib.{kind}.{memory_mib}_mib_{vcpus}_vcpus"
                figures.append(Figure(name, taken, "MiB"))
                left.append(overhead_mib(memory_mib, vcpus) - taken)
    return report([*figures, Figure("memory.overhead_left_mib", min(left), "MiB", ">= 0", left)], args.output)


if __name__ == "__main__":
    sys.exit(main())
