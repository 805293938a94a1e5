"""Checks of single values that a request carries. Each returns the value, or raises a Failure of kind `invalid`."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

from teig.agent.contract.failure import invalid

Check = Callable[[str, Any], Any]
"""Takes the argument's name, for the message, and its untrusted value."""

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_VOLUME_GROUP = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,126}", re.ASCII)  # lvm(8), VALID NAMES
NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Controls, marks that turn the direction of text around, halves of characters, and the two that YAML knows no way
to write. A list of its own, and not what `str.isprintable` says: that changes with every release of Python, and the two
ends may have different ones."""
MOST_FENCE = 2**63 - 1


def check(fields: dict[str, Check], untrusted: Any) -> dict[str, Any]:
    """Return the arguments of a request, of which none may be missing, unknown or of a wrong type."""
    if not isinstance(untrusted, dict):
        raise invalid("The arguments must be an object.")
    unknown = sorted(set(untrusted) - set(fields))
    missing = sorted(set(fields) - set(untrusted))
    if unknown:
        raise invalid(f"Unknown argument: {unknown[0]!r:.80}.", code="unknown_argument")
    if missing:
        raise invalid(f"Missing argument: {missing[0]}.", code="missing_argument")
    return {name: field(name, untrusted[name]) for name, field in fields.items()}


def whole(least: int, most: int) -> Check:
    """Return the check for a whole number between two bounds, both included."""

    def is_whole(name: str, untrusted: Any) -> int:
        if type(untrusted) is not int or not least <= untrusted <= most:
            raise invalid(f"{name} must be a whole number from {least} to {most}, not {untrusted!r:.80}.")
        return untrusted

    return is_whole


def seconds(most: float) -> Check:
    """Return the check for a number of seconds from 0 to `most`."""

    def is_seconds(name: str, untrusted: Any) -> float:
        if type(untrusted) not in (int, float) or not 0 <= untrusted <= most:
            raise invalid(f"{name} must be a number of seconds from 0 to {most:g}, not {untrusted!r:.80}.")
        return float(untrusted)

    return is_seconds


def _matching(pattern: re.Pattern[str], what: str) -> Check:
    def matches(name: str, untrusted: Any) -> str:
        if not isinstance(untrusted, str) or not pattern.fullmatch(untrusted):
            raise invalid(f"{name} must be {what}, not {untrusted!r:.80}.")
        return untrusted

    return matches


sha256 = _matching(_SHA256, "a SHA-256 in hexadecimal")
file_name = _matching(_FILE, "a plain file name")
volume_group = _matching(_VOLUME_GROUP, "the name of a volume group")
label = _matching(LABEL, "a name of a-z, 0-9 and -")
fence = whole(0, MOST_FENCE)
port = whole(1, 65535)
disk_index = whole(0, 7)


def one_of(*words: str) -> Check:
    """Return the check for one of some words."""

    def is_one(name: str, untrusted: Any) -> str:
        if untrusted not in words:
            raise invalid(f"{name} must be one of {', '.join(words)}, not {untrusted!r:.80}.")
        return str(untrusted)

    return is_one


def guest_id(name: str, untrusted: Any) -> str:
    """Return a UUID in its canonical form: nothing else may become part of a path or of a volume's name."""
    try:
        good = isinstance(untrusted, str) and str(uuid.UUID(untrusted)) == untrusted
    except ValueError:
        good = False
    if not good:
        raise invalid(f"{name} must be a UUID in its canonical form, not {untrusted!r:.80}.")
    return str(untrusted)


def anything(name: str, untrusted: Any) -> Any:
    """Return an object unchecked: `teig.agent.contract.spec` checks it whole."""
    if not isinstance(untrusted, dict):
        raise invalid(f"{name} must be an object.")
    return untrusted
