"""Cores become weight and cap."""

from __future__ import annotations

import pytest

from teig.xen.scheduler import cap_for, weight_for


@pytest.mark.parametrize(("share", "vcpus", "weight"), [(1.0, 1, 1024), (1.0, 2, 512), (0.25, 1, 256), (0.0001, 8, 1)])
def test_weight_is_proportional_to_share_for_each_vcpu(share: float, vcpus: int, weight: int) -> None:
    assert weight_for(share, vcpus) == weight


@pytest.mark.parametrize(("ceiling", "vcpus", "cap"), [(1.0, 1, 0), (0.25, 1, 25), (1.5, 2, 150), (2.0, 2, 0)])
def test_cap_is_percent_of_one_core_and_none_at_the_top(ceiling: float, vcpus: int, cap: int) -> None:
    assert cap_for(ceiling, vcpus) == cap
