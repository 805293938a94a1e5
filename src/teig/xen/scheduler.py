"""From cores to what Xen's schedulers understand: weight and cap.

Sources: xl.cfg(5), `cpu_weight` ("a domain with a weight of 512 will get twice as much CPU as a domain with a weight of
256 on a contended host. Legal weights range from 1 to 65535 and the default is 256") and `cap` ("the maximum amount of
CPU a domain will be able to consume ... expressed in percentage of one physical CPU ... 0 means no upper cap").
Measured: both credit and credit2 apply the weight to each vCPU, so two spinning vCPUs get twice what one gets.
"""

from __future__ import annotations

import math
from typing import Final

WEIGHT_OF_ONE_CORE: Final = 1024
LEAST_WEIGHT: Final = 1
MOST_WEIGHT: Final = 65535
_GRAIN: Final = 1e-6


def weight_for(share_cores: float, vcpus: int) -> int:
    """Return the scheduler weight of a guest that is entitled to `share_cores` cores over `vcpus` vCPUs."""
    return max(LEAST_WEIGHT, min(MOST_WEIGHT, round(WEIGHT_OF_ONE_CORE * share_cores / vcpus)))


def cap_for(ceiling_cores: float, vcpus: int) -> int:
    """Return the cap in whole percent of one core, never less than the ceiling, which may be what is guaranteed.

    0, Xen's word for none, where the ceiling is all of its vCPUs.
    """
    return 0 if ceiling_cores >= vcpus else max(1, math.ceil(100 * ceiling_cores - _GRAIN))
