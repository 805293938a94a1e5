"""Plain JSON values from the nouns of `teig.model`, and back: what the store, the API and the agent's protocol carry.

pydantic checks types and lets each noun check itself, so nothing impossible comes in. What is in our own database came
in once, perhaps in an earlier release that allowed more: `recall` gives that back as it is, or one old row would take
whole lists away.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import CoreSchema, SchemaValidator

from teig.model.errors import InternalFault, InvalidRequest

T = TypeVar("T")


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def dump(value: object) -> Any:
    """Return a noun (or a tuple of them) as plain JSON values."""
    return _adapter(type(value)).dump_python(value, mode="json")


def text(value: object, but: Any = None) -> bytes:
    """Return a noun as JSON, `but` for some fields (pydantic's `exclude`): the same for the same, to be compared."""
    return _adapter(type(value)).dump_json(value, exclude=but)


def load(kind: type[T], untrusted: object) -> T:
    """Return the noun that plain values stand for; InvalidRequest names the first field that does not fit."""
    try:
        value: T = _adapter(kind).validate_python(untrusted)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or kind.__name__
        raise InvalidRequest(f"{where}: {first['msg']}.") from error
    return value


def recall(kind: type[T], stored: object) -> T:
    """Return the noun that our database holds, also where it would be refused today; InternalFault where it is none."""
    try:
        return load(kind, stored)
    except InvalidRequest:
        pass
    try:
        value: T = _trusting(cast("Any", kind)).validate_python(stored)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or kind.__name__
        raise InternalFault(
            f"The database holds a {kind.__name__} that cannot be read: {where}: {error.errors()[0]['msg']}.",
            "Restore a backup: teig state restore",
        ) from error
    return value


@cache
def _trusting(kind: type[Any]) -> SchemaValidator:
    """Return what checks types alone."""
    return SchemaValidator(cast("CoreSchema", _without_own_checks(_adapter(kind).core_schema)))


def _without_own_checks(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: name != "post_init" and _without_own_checks(part) for name, part in schema.items()}
    return [_without_own_checks(part) for part in schema] if isinstance(schema, list) else schema
