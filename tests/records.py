"""Records with one value changed, wherever it stands: what tests of hostile values send."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any


def places(record: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of the record itself, and of every value in it."""
    yield at
    children = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    for key, value in children:
        yield from places(value, (*at, key))


def changed(record: Any, at: tuple[Any, ...], value: Any) -> Any:
    """Return the record with another value at a place."""
    if not at:
        return value
    made = copy.deepcopy(record)
    inside = made
    for key in at[:-1]:
        inside = inside[key]
    inside[at[-1]] = value
    return made
