"""One network card of xl.cfg's `vif` list: xl-network-configuration(5), tools/xl/xl_parse.c and libxlu_vif.c.

xl tells of a part that it does not know and goes on, so each such part becomes a problem of the card and no error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from teig.xen.config_text import Span
from teig.xen.spec import BadSpec, Pair, pairs

_TEXTS: Final = {
    "type", "bridge", "gatewaydev", "netdev", "ip", "script", "backend", "vifname", "model", "devid", "mtu", "accel",
    "forwarddev", "vlan",
}  # fmt: skip
_RATE: Final = re.compile(r"([0-9]+)([GMK]?)([Bb])/s(?:@([0-9]+)([mu]?)s?)?")
_MAC_PART: Final = re.compile(r"[0-9a-fA-F]{1,2}")
_FACTORS: Final = {"": 1, "K": 1000, "M": 1000_000, "G": 1000_000_000}
_MOST: Final = 2**32 - 1


@dataclass
class Vif:
    """A network card. `mac` is in lower case with colons, `rate_bytes` what it may send in a second."""

    mac: str | None = None
    rate_bytes: int | None = None
    trusted: bool | None = None
    given: dict[str, str] = field(default_factory=dict)
    where: dict[str, Span] = field(default_factory=dict)
    problems: list[BadSpec] = field(default_factory=list)


def parse_vif(text: str) -> Vif:
    """Read one string of the vif list; what xl would not understand is in `problems`."""
    vif = Vif()
    for pair in pairs(text):
        try:
            _take(vif, pair)
        except BadSpec as problem:
            vif.problems.append(problem)
    return vif


def _take(vif: Vif, pair: Pair) -> None:
    vif.where[pair.key] = pair.span
    if pair.value is None:
        if pair.key not in {"trusted", "untrusted"}:
            raise BadSpec(pair.span, f"{pair.key!r:.60} is no vif parameter.", "Write KEY=VALUE, as in bridge=xenbr0.")
        vif.trusted = pair.key == "trusted"
    elif pair.key == "mac":
        vif.mac = parse_mac(pair.value, pair.span)
    elif pair.key == "rate":
        vif.rate_bytes = parse_rate(pair.value, pair.span)
        vif.given["rate"] = pair.value
    elif pair.key in _TEXTS or pair.key.startswith("colo_"):
        vif.given[pair.key] = pair.value
        if pair.key == "type" and pair.value not in {"vif", "ioemu"}:
            raise BadSpec(pair.span, f"{pair.value!r:.60} is no type of a vif.", "Write type=vif or type=ioemu.")
        if pair.key in {"devid", "mtu"} and not (pair.value.isascii() and pair.value.isdigit()):
            raise BadSpec(pair.span, f"{pair.key} must be a number, and is {pair.value!r:.60}.", "Write MTU or id.")
    else:
        raise BadSpec(pair.span, f"xl knows no vif parameter {pair.key!r:.60}.", "See xl-network-configuration(5).")


def parse_mac(text: str, span: Span) -> str:
    """Return a MAC address in lower case with two digits each; BadSpec where it is none."""
    parts = text.strip().split(":")
    if len(parts) != 6 or not all(_MAC_PART.fullmatch(part) for part in parts):
        raise BadSpec(span, f"{text!r:.60} is no MAC address.", "Write six pairs of digits, as in 00:16:3e:12:34:56.")
    return ":".join(f"{int(part, 16):02x}" for part in parts)


def parse_rate(text: str, span: Span) -> int:
    """Return bytes a second; BadSpec where it is no rate that xl understands."""
    match = _RATE.fullmatch(text)
    todo = "Write a rate as in rate=10Mb/s (bits), rate=1MB/s (bytes) or rate=1MB/s@20ms."
    if match is None:
        raise BadSpec(span, f"{text!r:.60} is no rate.", todo)
    number = int(match[1][:12])
    if not 0 < number <= _MOST or (match[4] is not None and not 0 < int(match[4][:12]) <= _MOST):
        raise BadSpec(span, f"The rate {text:.60} is out of range.", todo)
    return number * _FACTORS[match[2]] // (8 if match[3] == "b" else 1)
