"""What a guest may receive: a token bucket (tc-tbf(8)) on Domain-0's end of each of its network cards."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from teig.agent.host.process import must

NET = Path("/sys/class/net")
LATENCY_MS = 50
_LEAST_BURST = 64 << 10  # one whole segment-offloaded packet


def received() -> dict[str, int]:
    """Return what each network card that has a token bucket may receive, in bytes per second."""
    return parse_qdiscs(must(["tc", "-j", "qdisc", "show"], "tc_failed"))


def parse_qdiscs(text: str) -> dict[str, int]:
    """Return the rates of the token buckets in the output of `tc -j qdisc show`.

    Of some other kinds tc prints what is no JSON (an hfsc's `"options":{default 10 }` in iproute2 6.1): these are left
    out, each is printed as an object of its own.
    """
    rates = {}
    for row in _objects(text):
        rate = row.get("options", {}).get("rate")
        if row.get("kind") == "tbf" and row.get("root") and isinstance(rate, int):
            rates[str(row.get("dev"))] = rate
    return rates


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for part in re.split(r',\s*(?=\{\s*"kind"\s*:)', text.strip().removeprefix("[").removesuffix("]")):
        with contextlib.suppress(ValueError):
            yield json.loads(part)


def burst(kbit: int) -> int:
    """Return how many bytes a card of such a rate may receive at once."""
    return max(_LEAST_BURST, bytes_per_second(kbit) // 100)


def bytes_per_second(kbit: int) -> int:
    """Return kilobits (1000 bits) per second in bytes."""
    return kbit * 125
