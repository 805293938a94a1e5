"""Plain JSON values from the nouns of `teig.model`, and back: what the store, the API and the agent's protocol carry.

pydantic checks types and calls each noun's own constructor, so nothing impossible comes back in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from teig.model.errors import InvalidRequest

T = TypeVar("T")


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def dump(value: object) -> Any:
    """Return a noun (or a tuple of them) as plain JSON values."""
    return _adapter(type(value)).dump_python(value, mode="json")


def load(kind: type[T], untrusted: object) -> T:
    """Return the noun that plain values stand for; InvalidRequest names the first field that does not fit."""
    try:
        value: T = _adapter(kind).validate_python(untrusted)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or kind.__name__
        raise InvalidRequest(f"{where}: {first['msg']}.") from error
    return value
