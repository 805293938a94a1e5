"""What one end of the agent's contract takes, the other takes too: the server makes no noun that an agent refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import SPEC, dump_spec, parse_manifest, parse_spec
from teig.model.errors import InvalidRequest
from teig.model.guest import GuestSpec, check_ssh_key
from teig.model.image import Manifest
from teig.record import dump, load
from tests.agent.given import SSH_KEY, manifest, spec

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1.0, 1.9, float("nan"), float("inf"), 10**30, 2**63, 4 << 20, (4 << 20) + 1, "", "x",
    "12", "a" * 64, "a\x00b", "a\nb", "ä", "\u202e", "..", "../x", "A", 'a"b', "a\\b", [], {}, [None],
    "00:16:3e:80:00:00", "10.0.0.1", "10.0.0.1/33", "10.0.0.300/24", "::1", f"{SSH_KEY} ünïcode", f"{SSH_KEY}\x07",
    f"{SSH_KEY}{'a' * 20000}",
)  # fmt: skip


def places(record: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every value in a record."""
    children = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    for key, value in children:
        yield (*at, key)
        yield from places(value, (*at, key))


def changed(record: dict[str, Any], at: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made: Any = copy.deepcopy(record)
    inside = made
    for key in at[:-1]:
        inside = inside[key]
    inside[at[-1]] = value
    return dict(made)


def agent_takes(kind: Any, record: dict[str, Any]) -> bool:
    try:
        (parse_spec if kind is GuestSpec else parse_manifest)(json.loads(json.dumps(record)))
    except Failure:
        return False
    return True


SOUND = {GuestSpec: spec(), Manifest: manifest()}


@given(data=st.data(), kind=st.sampled_from([GuestSpec, Manifest]), value=st.sampled_from(HOSTILE))
def test_what_becomes_a_noun_is_taken_by_the_agent(data: st.DataObject, kind: Any, value: Any) -> None:
    at = data.draw(st.sampled_from(list(places(SOUND[kind]))))
    try:
        noun = load(kind, changed(SOUND[kind], at, value))
    except InvalidRequest:
        return
    assert agent_takes(kind, dump(noun)), f"{'.'.join(map(str, at))} = {value!r}"


@given(data=st.data(), value=st.sampled_from(HOSTILE))
def test_what_the_agent_takes_of_a_guest_becomes_a_noun(data: st.DataObject, value: Any) -> None:
    at = data.draw(st.sampled_from(list(places(SOUND[GuestSpec]))))
    record = changed(SOUND[GuestSpec], at, value)
    if agent_takes(GuestSpec, record):
        assert dump(load(GuestSpec, record)) == dump_spec(parse_spec(record))


def test_a_guest_has_the_same_fields_at_both_ends() -> None:
    assert list(dump(load(GuestSpec, spec()))) == list(SPEC)


@pytest.mark.parametrize("comment", ["kari", "", "kari@høyde", "管理者 key", "two  blanks"])
def test_a_key_s_comment_may_have_letters_of_any_language(comment: str) -> None:
    key = f"{' '.join(SSH_KEY.split()[:2])} {comment}".strip()
    assert check_ssh_key(f"{key}\n") == key
    assert parse_spec(spec(ssh_keys=[key])).ssh_keys == (key,)


@pytest.mark.parametrize("bad", ["\x00", "\x1b[2J", "\n", "\u2028", "\u202e", "\ud800"])
def test_a_key_s_comment_has_nothing_that_is_not_printed(bad: str) -> None:
    with pytest.raises(InvalidRequest, match="not an OpenSSH public key"):
        check_ssh_key(f"{SSH_KEY}{bad}x")
    with pytest.raises(Failure):
        parse_spec(spec(ssh_keys=[f"{SSH_KEY}{bad}x"]))
