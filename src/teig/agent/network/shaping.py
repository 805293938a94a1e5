"""What a guest may receive: a token bucket (tc-tbf(8)) on Domain-0's end of each of its network cards.

What it may send is `rate=` in its xl.cfg, which netback holds it to; see xl-network-configuration(5).
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import Spec
from teig.agent.host.process import must

NET = Path("/sys/class/net")
LATENCY_MS = 50
_LEAST_BURST = 64 << 10  # one whole segment-offloaded packet


def has_all(spec: Spec, domid: int) -> bool:
    """Return whether all of a guest's cards are there: a domain is, some time before they are."""
    return all((NET / card).exists() for card in _cards(spec, domid))


def _cards(spec: Spec, domid: int) -> list[str]:
    return [f"vif{domid}.{number}" for number in range(len(spec.nics))]


def hold(spec: Spec, domid: int, rates: dict[str, int]) -> list[str]:
    """Hold a guest's cards to what they may receive; `rates` is what `received` said. Return what had to be done.

    One that cannot be limited keeps no other from it, and is told when all were tried.
    """
    did, failed = [], []
    for card in _cards(spec, domid):
        if not (NET / card).exists() or rates.get(card) == bytes_per_second(spec.in_kbit):
            continue
        try:
            must(replace_argv(card, spec.in_kbit), "tc_failed")
            did.append(f"{card} may receive {spec.in_kbit} kbit/s")
        except Failure as failure:
            failed.append(failure)
    if failed:
        raise failed[0]
    return did


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


def replace_argv(card: str, kbit: int) -> list[str]:
    """Return the command that gives a card its token bucket, or the one it has another rate."""
    burst = max(_LEAST_BURST, bytes_per_second(kbit) // 100)
    return ["tc", "qdisc", "replace", "dev", card, "root", "tbf", "rate", f"{kbit}kbit",
            "burst", str(burst), "latency", f"{LATENCY_MS}ms"]  # fmt: skip


def bytes_per_second(kbit: int) -> int:
    """Return kilobits (1000 bits) per second in bytes."""
    return kbit * 125
