"""What the demo's things are called."""

from __future__ import annotations

from typing import Final

SITE: Final = {
    "name": "lab",
    "country": "NO",
    "operator": "this machine",
    "network": "10.77.0.0/16",
    "gateway": "10.77.0.1",
    "first_address": "10.77.16.0",
    "last_address": "10.77.31.255",
    "bridge": "xenbr0",
}
GUEST: Final = "demo"
PLAN: Final = "tiny"
IMAGE: Final = "micro"
LAB_RATE: Final = {
    "read_iops": 4000,
    "write_iops": 2000,
    "read_bps": 128 << 20,
    "write_bps": 64 << 20,
}
LAB_RATING: Final = {**LAB_RATE, "together": True}
