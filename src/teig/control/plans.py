"""Plans: what is on offer. The ones that ship, and those that an administrator has applied over them.

A guest keeps what it was promised when its plan changes; the new figures are for guests made or resized after that.
"""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from teig.control.services import Services
from teig.model.errors import InvalidRequest, NotFound
from teig.model.names import check_name
from teig.model.plan import Plan
from teig.model.pool import DiskRate, Medium, PoolClass, Redundancy
from teig.model.units import MIB
from teig.store import plans

W = TypeVar("W", bound=StrEnum)
_NUMBERS = (
    "memory_mib", "vcpus", "share_cores", "ceiling_cores", "disk_mib", "read_iops", "write_iops", "read_mib_s",
    "write_mib_s", "out_mbit", "in_mbit", "addresses",
)  # fmt: skip
MOST = 10**15
"""Beyond all that a plan can say, in any unit; not a number is not below it either."""
_WORDS = ("medium", "redundancy")


@cache
def shipped() -> dict[str, Plan]:
    """Return the plans that ship with Teig, by name."""
    return parse((files("teig") / "plans.toml").read_text())


def listed(services: Services) -> list[Plan]:
    """Return all plans by name; an applied one stands in the place of a shipped one."""
    applied = services.db.read(plans.listed)
    return sorted({**shipped(), **applied}.values(), key=lambda plan: plan.memory_mib)


def named(services: Services, name: str) -> Plan:
    """Return one plan; NotFound names those there are."""
    known = {plan.name: plan for plan in listed(services)}
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
        table = tomllib.loads(untrusted_text)
    except (ValueError, RecursionError) as error:  # a number of more than 4300 digits is no TOMLDecodeError
        raise InvalidRequest(
            f"The file of plans is not TOML: {error}.", "Correct it there.", code="bad_plan"
        ) from error
    return {name: _plan(name, values) for name, values in table.items()}


def _plan(name: str, values: object) -> Plan:
    if not isinstance(values, dict):
        raise InvalidRequest(f"{name} stands outside of any plan.", "A plan begins with [its-name].", code="bad_plan")
    check_name("plan", name)
    _check_keys(name, values)
    try:
        return Plan(
            name=name,
            memory_mib=_whole(values, "memory_mib"),
            vcpus=_whole(values, "vcpus"),
            share_cores=float(values["share_cores"]),
            ceiling_cores=float(values["ceiling_cores"]),
            disk_bytes=_whole(values, "disk_mib", MIB),
            disk_rate=DiskRate(
                _whole(values, "read_iops"),
                _whole(values, "write_iops"),
                _whole(values, "read_mib_s", MIB),
                _whole(values, "write_mib_s", MIB),
            ),
            pool=PoolClass(_word(Medium, name, values["medium"]), _word(Redundancy, name, values["redundancy"])),
            out_kbit=_whole(values, "out_mbit", 1000),
            in_kbit=_whole(values, "in_mbit", 1000),
            addresses=_whole(values, "addresses"),
            own_cores=values.get("own_cores", False),
        )
    except InvalidRequest as error:
        message = error.message if error.message.startswith("Plan ") else f"Plan {name}: {error.message}"
        raise InvalidRequest(message, error.todo or "Correct the plan.", code="bad_plan") from error


def _whole(values: dict[str, Any], key: str, unit: int = 1) -> int:
    """Return a figure in its smallest unit; InvalidRequest where it is no whole number of them."""
    value = values[key] * unit
    if value != int(value):
        raise InvalidRequest(f"{key} must be a whole number of what it counts, not {values[key]!r}.")
    return int(value)


def _check_keys(name: str, values: dict[str, object]) -> None:
    wanted = {*_NUMBERS, *_WORDS}
    if missing := sorted(wanted - set(values)):
        raise InvalidRequest(f"Plan {name} does not say {', '.join(missing)}.", "Add it.", code="bad_plan")
    if unknown := sorted(set(values) - wanted - {"own_cores"}):
        raise InvalidRequest(
            f"Plan {name} says {', '.join(unknown)}, which nothing is.", "Take it out.", code="bad_plan"
        )
    if not isinstance(values.get("own_cores", False), bool):
        raise InvalidRequest(f"Plan {name}: own_cores must be true or false.", "Correct it.", code="bad_plan")
    for key in _NUMBERS:
        value = values[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not -MOST < value < MOST:
            raise InvalidRequest(f"Plan {name}: {key} must be a number, not {value!r:.40}.", code="bad_plan")


def _word(kind: type[W], name: str, untrusted: object) -> W:
    try:
        return kind(str(untrusted))
    except ValueError as error:
        raise InvalidRequest(
            f"Plan {name}: {untrusted!r} is none of {', '.join(kind)}.", "Choose one of them.", code="bad_plan"
        ) from error
