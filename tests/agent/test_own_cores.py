"""Which CPUs a guest gets for itself. That Xen's pools are made and go is the lab tests' part."""

from __future__ import annotations

import pytest

from teig.agent.xen.own_cores import chosen

PLAIN = [(0, 0), (0, 1), (0, 2), (0, 3)]
THREADS = [(0, 0), (0, 1), (0, 0), (0, 1)]
"""CPUs 0 and 2 are threads of one core, and so are 1 and 3."""


@pytest.mark.parametrize(
    ("free", "cores", "count", "cpus"),
    [
        ((0, 1, 2, 3), PLAIN, 2, [2, 3]),
        ((0, 1, 2, 3), THREADS, 2, [1, 3]),
        ((0, 2), PLAIN, 1, [2]),
        ((0, 1), PLAIN, 2, None),
        ((0,), PLAIN, 1, None),
    ],
)
def test_cpus_are_taken_from_the_end_core_by_core(
    free: tuple[int, ...], cores: list[tuple[int, int]], count: int, cpus: list[int] | None
) -> None:
    assert chosen(free, cores, count) == cpus
