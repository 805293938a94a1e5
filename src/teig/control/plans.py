"""Plans: what is on offer. The ones that ship, and those that an administrator has applied over them.

A guest keeps what it was promised when its plan changes; the new figures are for guests made or resized after that.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple, TypeVar

import sqlalchemy as sa

from teig.agent.contract import spec
from teig.control.services import Services
from teig.model.errors import InvalidRequest, NotFound
from teig.model.names import check_name
from teig.model.plan import MOST_TRANSFER, PastTransfer, Plan
from teig.model.pool import DiskRate, Medium, PoolClass, Redundancy
from teig.model.units import GIB, MIB
from teig.store import plans

W = TypeVar("W", bound=StrEnum)


class _Figure(NamedTuple):
    """A number of a plan's file: what its unit is in ours, bounds and grain in ours, names of its unit and grain."""

    factor: int
    least: int
    most: int
    unit: str
    grain_is: str = "a whole number"
    grain: int = 1

    def read(self, key: str, value: int | Decimal) -> int:
        """Return a figure in our unit; InvalidRequest where it cannot be one."""
        if not self.least <= value * self.factor <= self.most:
            bounds = f"{self.least / self.factor:.12g} to {self.most / self.factor:.12g}"
            raise InvalidRequest(f"{key} must be from {f'{bounds} {self.unit}'.strip()}, not {value}.")
        if value * self.factor % self.grain:
            raise InvalidRequest(f"{key} must be {self.grain_is}, not {value}.")
        return int(value * self.factor)


_IOPS = _Figure(1, spec.LEAST_IOPS, spec.MOST_IOPS, "operations a second")
_BPS = _Figure(MIB, spec.LEAST_BPS, spec.MOST_BPS, "MiB/s", "a whole number of bytes a second")
_BIT = _Figure(1000, spec.LEAST_KBIT, spec.MOST_KBIT, "Mbit/s", "a whole number of kbit/s")
_FIGURES: Final = {
    "memory_mib": _Figure(1, spec.LEAST_MIB, spec.MOST_MIB, "MiB"),
    "vcpus": _Figure(1, 1, spec.MOST_VCPUS, ""),
    "disk_mib": _Figure(
        MIB, spec.EXTENT_BYTES, spec.MOST_DISK_BYTES, "MiB", "a multiple of 4 MiB, LVM's extent size", spec.EXTENT_BYTES
    ),
    "read_iops": _IOPS, "write_iops": _IOPS, "read_mib_s": _BPS, "write_mib_s": _BPS, "out_mbit": _BIT, "in_mbit": _BIT,
    "addresses": _Figure(1, 1, spec.MOST_NICS, ""),
}  # fmt: skip
_OPTIONAL_FIGURES: Final = {
    "out_packets": _Figure(1, spec.LEAST_PACKETS, spec.MOST_PACKETS, "packets a second"),
    "transfer_gib": _Figure(GIB, GIB, MOST_TRANSFER, "GiB", "a whole number of bytes"),
    "past_mbit": _BIT,
}
_NUMBERS: Final = (*_FIGURES, "share_cores", "ceiling_cores")
MOST = 10**15
"""Beyond all that a plan can say, in any unit."""
_WORDS = ("medium", "redundancy")
_OPTIONAL: Final = {"own_cores", "past_transfer", *_OPTIONAL_FIGURES}


@cache
def shipped() -> dict[str, Plan]:
    """Return the plans that ship with Teig, by name."""
    return parse((files("teig") / "plans.toml").read_text())


def listed(services: Services) -> list[Plan]:
    """Return all plans by name; an applied one stands in the place of a shipped one."""
    return services.db.read(_listed)


def _listed(connection: sa.Connection) -> list[Plan]:
    return sorted({**shipped(), **plans.listed(connection)}.values(), key=lambda plan: plan.memory_mib)


def named(connection: sa.Connection, name: str) -> Plan:
    """Return one plan; NotFound names those there are."""
    known = {plan.name: plan for plan in _listed(connection)}
    if name not in known:
        raise NotFound(f"There is no plan named {name}.", f"Plans: {', '.join(known)}.", code="no_plan")
    return known[name]


def apply(services: Services, untrusted_text: str) -> list[Plan]:
    """Store the plans of a TOML file, all of them or none, and return them."""
    found = parse(untrusted_text)
    services.db.write(lambda connection: plans.put(connection, list(found.values())))
    return list(found.values())


def parse(untrusted_text: str) -> dict[str, Plan]:
    """Return the plans in a TOML file by name; InvalidRequest says where it is wrong."""
    try:
        table = tomllib.loads(untrusted_text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:  # of 4300 digits a number is no TOMLDecodeError
        raise InvalidRequest(
            f"The file of plans is not TOML: {error}.", "Correct it there.", code="bad_plan"
        ) from error
    if not table:
        raise InvalidRequest("There is no plan in the file.", "A plan begins with [its-name].", code="bad_plan")
    return {name: _plan(name, values) for name, values in table.items()}


def _plan(name: str, values: object) -> Plan:
    if not isinstance(values, dict):
        raise InvalidRequest(f"{name} stands outside of any plan.", "A plan begins with [its-name].", code="bad_plan")
    check_name("plan", name)
    _check_keys(name, values)
    try:
        whole = {key: figure.read(key, values[key]) for key, figure in _FIGURES.items()}
        more = {key: figure.read(key, values[key]) for key, figure in _OPTIONAL_FIGURES.items() if key in values}
        return Plan(
            name=name,
            memory_mib=whole["memory_mib"],
            vcpus=whole["vcpus"],
            share_cores=float(values["share_cores"]),
            ceiling_cores=float(values["ceiling_cores"]),
            disk_bytes=whole["disk_mib"],
            disk_rate=DiskRate(whole["read_iops"], whole["write_iops"], whole["read_mib_s"], whole["write_mib_s"]),
            pool=PoolClass(_word(Medium, name, values["medium"]), _word(Redundancy, name, values["redundancy"])),
            out_kbit=whole["out_mbit"],
            in_kbit=whole["in_mbit"],
            addresses=whole["addresses"],
            own_cores=values.get("own_cores", False),
            out_packets=more.get("out_packets", 0),
            transfer_bytes=more.get("transfer_gib", 0),
            past_transfer=_word(PastTransfer, name, values.get("past_transfer", PastTransfer.NOTHING)),
            past_kbit=more.get("past_mbit", 0),
        )
    except InvalidRequest as error:
        message = error.message if error.message.startswith("Plan ") else f"Plan {name}: {error.message}"
        raise InvalidRequest(message, error.todo or "Correct the plan.", code="bad_plan") from error


def _check_keys(name: str, values: dict[str, object]) -> None:
    wanted = {*_NUMBERS, *_WORDS}
    if missing := sorted(wanted - set(values)):
        raise InvalidRequest(f"Plan {name} does not say {', '.join(missing)}.", "Add it.", code="bad_plan")
    if unknown := sorted(set(values) - wanted - _OPTIONAL):
        raise InvalidRequest(
            f"Plan {name} says {', '.join(unknown)}, which nothing is.", "Take it out.", code="bad_plan"
        )
    if not isinstance(values.get("own_cores", False), bool):
        raise InvalidRequest(f"Plan {name}: own_cores must be true or false.", "Correct it.", code="bad_plan")
    for key in (*_NUMBERS, *(_OPTIONAL_FIGURES.keys() & set(values))):
        value = values[key]
        shown = _shown(value)
        nan = isinstance(value, Decimal) and value.is_nan()
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or nan:
            raise InvalidRequest(f"Plan {name}: {key} must be a number, not {shown}.", code="bad_plan")
        if not -MOST < value < MOST:
            raise InvalidRequest(f"Plan {name}: {key} is more than any plan can say: {shown}.", code="bad_plan")


def _word(kind: type[W], name: str, untrusted: object) -> W:
    try:
        return kind(str(untrusted))
    except ValueError as error:
        raise InvalidRequest(
            f"Plan {name}: {_shown(untrusted)} is none of {', '.join(kind)}.", "Choose one of them.", code="bad_plan"
        ) from error


def _shown(untrusted: object) -> str:
    try:
        return f"{str(untrusted) if isinstance(untrusted, Decimal) else repr(untrusted):.40}"
    except ValueError:  # Python writes out no whole number of more than 4300 digits; in hexadecimal it reads them
        return "something with thousands of digits"
