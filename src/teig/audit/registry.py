"""All rules, found in `teig.audit.rules`."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from teig.audit import rules
from teig.audit.rule import Rule


@dataclass(frozen=True)
class Entry:
    """A rule, its name (that of its module, with hyphens) and its documentation."""

    rule: Rule
    name: str
    documentation: str


@cache
def entries() -> dict[str, Entry]:
    """Return all rules by code, in order."""
    found = [_entry(importlib.import_module(f"{rules.__name__}.{one.name}")) for one in _modules()]
    by_code = {entry.rule.code: entry for entry in found}
    assert len(by_code) == len(found), "two rules have one code"  # noqa: S101 - a mistake of whoever adds a rule
    return dict(sorted(by_code.items()))


def _modules() -> list[pkgutil.ModuleInfo]:
    return list(pkgutil.iter_modules(rules.__path__))


def _entry(module: ModuleType) -> Entry:
    name = module.__name__.rpartition(".")[2].replace("_", "-")
    return Entry(module.RULE, name, module.__doc__ or "")
