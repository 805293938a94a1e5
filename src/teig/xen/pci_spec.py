"""One device of xl.cfg's `pci` list: xl-pci-configuration(5) and tools/libs/util/libxlu_pci.c of Xen 4.17."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from teig.xen.config_text import Span
from teig.xen.spec import BadSpec, Pair, leading_number, pairs

_BDF: Final = re.compile(
    r"(?:([0-9a-fA-F]{1,4}):)?([0-9a-fA-F]{1,2}):([0-9a-fA-F]{1,2})\.([0-7]|\*)(?:@([0-9a-fA-F]{1,2}))?"
)
_FLAGS: Final = {"permissive", "msitranslate", "seize", "power_mgmt"}
_TODO: Final = "Write it as 0000:03:00.0 with options behind it (xl-pci-configuration(5))."


@dataclass
class PciDevice:
    """A device passed through: its address on the host (or the name it was made assignable with), and its options."""

    address: str | None = None
    name: str | None = None
    vslot: int | None = None
    rdm_policy: str | None = None
    flags: dict[str, bool] = field(default_factory=dict)
    where: dict[str, Span] = field(default_factory=dict)


def parse_pci(text: str) -> PciDevice:
    """Read one string of the pci list. Raises BadSpec where xl refuses it."""
    device = PciDevice()
    for number, pair in enumerate(pairs(text)):
        _take(device, pair, number)
    if (device.address is None) == (device.name is None):
        raise BadSpec(Span(0, len(text)), "A PCI device needs its address, or its name instead.", _TODO)
    return device


def _take(device: PciDevice, pair: Pair, number: int) -> None:
    key, value, span = pair.key, pair.value, pair.span
    if value is None:
        if number > 1 or (number == 1 and device.vslot is not None):
            raise BadSpec(span, f"{key!r:.60} is one parameter too many.", _TODO)
        key, value = ("bdf", key) if number == 0 else ("vslot", key)
    device.where[key] = span
    if key == "bdf":
        _address(device, value, span)
    elif key == "vslot":
        device.vslot = _slot(value, span)
    elif key == "name":
        device.name = value
    elif key in _FLAGS:
        device.flags[key] = leading_number(value) != 0
    elif key == "rdm_policy" and value in {"strict", "relaxed"}:
        device.rdm_policy = value
    else:
        raise BadSpec(span, f"xl knows no PCI option {key}={value}.", _TODO)


def _address(device: PciDevice, text: str, span: Span) -> None:
    match = _BDF.fullmatch(text)
    if match is None or int(match[3], 16) > 0x1F:
        raise BadSpec(span, f"{text!r:.60} is no PCI address.", _TODO)
    device.address = f"{int(match[1] or '0', 16):04x}:{int(match[2], 16):02x}:{int(match[3], 16):02x}.{match[4]}"
    if match[5]:
        device.vslot = int(match[5], 16)


def _slot(text: str, span: Span) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise BadSpec(span, f"{text!r:.60} is no slot.", "Write a hexadecimal number.") from None
