"""What a rule is: a code that never changes, a name, a severity, and a function that looks.

A rule's module is named after it; the module's docstring is its documentation (`teig.audit.explaining` says which parts
that has), its constant RULE the rule. Three kinds look at three things: one guest's file, all files together, the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from teig.audit.finding import Severity
from teig.audit.guest import Found, Guest
from teig.audit.host import HostSettings
from teig.xen.config_text import Span

Founds = Iterable[Found]


@dataclass(frozen=True)
class GuestRule:
    """Looks at one guest, beside its host where that is known."""

    code: str
    severity: Severity
    check: Callable[[Guest, HostSettings | None], Founds]


@dataclass(frozen=True)
class GuestsRule:
    """Looks at all guests of one host together."""

    code: str
    severity: Severity
    check: Callable[[Sequence[Guest], HostSettings | None], Founds]


@dataclass(frozen=True)
class HostRule:
    """Looks at the host."""

    code: str
    severity: Severity
    check: Callable[[HostSettings], Founds]


Rule = GuestRule | GuestsRule | HostRule


def on_host(place: str, message: str) -> Found:
    """Return what to say of a host: of one of its files, or of what a command there prints."""
    return Found(None, place, Span(0, 0), message)
