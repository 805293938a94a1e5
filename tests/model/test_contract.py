"""What one end of the agent's contract takes, the other takes too: the server makes no noun that an agent refuses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teig.agent.contract.arguments import volume_group
from teig.agent.contract.failure import Failure
from teig.agent.contract.protocol import MOST_LINE
from teig.agent.contract.spec import MOST_COMMENT, MOST_KEY, MOST_KEYS, SPEC, dump_spec, parse_manifest, parse_spec
from teig.model.errors import InvalidRequest
from teig.model.guest import GuestSpec, check_ssh_key
from teig.model.image import Manifest
from teig.record import dump, load
from tests.agent.given import SSH_KEY, manifest, spec
from tests.records import changed, places

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1.0, 1.9, float("nan"), float("inf"), 10**30, 2**63, 4 << 20, (4 << 20) + 1, "", "x",
    "12", "a" * 64, "a\x00b", "a\nb", "ä", "\u202e", "..", "../x", "A", 'a"b', "a\\b", [], {}, [None],
    "00:16:3e:80:00:00", "10.0.0.1", "10.0.0.1/33", "10.0.0.300/24", "::1", f"{SSH_KEY} ünïcode", f"{SSH_KEY}\x07",
    f"{SSH_KEY}{'a' * 20000}",
)  # fmt: skip


def agent_takes(kind: Any, record: dict[str, Any]) -> bool:
    try:
        (parse_spec if kind is GuestSpec else parse_manifest)(json.loads(json.dumps(record)))
    except Failure:
        return False
    return True


SOUND = {GuestSpec: spec(), Manifest: manifest()}


@given(data=st.data(), kind=st.sampled_from([GuestSpec, Manifest]), value=st.sampled_from(HOSTILE))
def test_what_becomes_a_noun_is_taken_by_the_agent(data: st.DataObject, kind: Any, value: Any) -> None:
    at = data.draw(st.sampled_from(list(places(SOUND[kind]))[1:]))
    try:
        noun = load(kind, changed(SOUND[kind], at, value))
    except InvalidRequest:
        return
    assert agent_takes(kind, dump(noun)), f"{'.'.join(map(str, at))} = {value!r}"


@given(data=st.data(), value=st.sampled_from(HOSTILE))
def test_what_the_agent_takes_of_a_guest_becomes_a_noun(data: st.DataObject, value: Any) -> None:
    at = data.draw(st.sampled_from(list(places(SOUND[GuestSpec]))[1:]))
    record = changed(SOUND[GuestSpec], at, value)
    if agent_takes(GuestSpec, record):
        assert dump(load(GuestSpec, record)) == dump_spec(parse_spec(record))


def test_a_guest_has_the_same_fields_at_both_ends() -> None:
    assert list(dump(load(GuestSpec, spec()))) == list(SPEC)


@pytest.mark.parametrize("comment", ["kari", "", "kari@høyde", "管理者\u3000key", "two  blanks", "\U0001fae8"])
def test_a_key_s_comment_may_have_letters_of_any_language(comment: str) -> None:
    key = f"{' '.join(SSH_KEY.split()[:2])} {comment}".strip()
    assert check_ssh_key(f"{key}\n") == key
    assert parse_spec(spec(ssh_keys=[key])).ssh_keys == (key,)


def test_a_key_that_an_earlier_release_took_still_belongs_to_its_guest() -> None:
    for cut in (f"{SSH_KEY.split()[0]} {SSH_KEY.split()[1][:-1]} kari", SSH_KEY.replace("ssh-ed25519 ", "ssh-rsa ")):
        assert load(GuestSpec, spec(ssh_keys=[cut])).ssh_keys == (cut,)
        assert parse_spec(spec(ssh_keys=[cut])).ssh_keys == (cut,)
        with pytest.raises(InvalidRequest, match="not an OpenSSH public key"):
            check_ssh_key(cut)


def test_as_many_keys_as_there_may_be_fit_into_one_request() -> None:
    blob = base64.b64encode(b"\0\0\0\x07ssh-rsa".ljust(3 * MOST_KEY // 4, b"\0")).decode()
    key = check_ssh_key(f"ssh-rsa {blob} {'😀' * MOST_COMMENT}")
    assert len(json.dumps(spec(ssh_keys=[key] * MOST_KEYS))) < MOST_LINE - 65536
    with pytest.raises(InvalidRequest):
        check_ssh_key(f"{key}x")


@pytest.mark.parametrize("name", [".", ".."])
def test_no_volume_group_is_called_like_a_folder(name: str) -> None:
    with pytest.raises(Failure):
        volume_group("pool", name)


@pytest.mark.parametrize("address", ["10.77.16.5/016", "10.77.016.5/16", "10.77.16.5/255.255.0.0"])
def test_an_address_is_written_in_one_way(address: str) -> None:
    card = {**spec()["nics"][0], "address": address}
    with pytest.raises(Failure):
        parse_spec(spec(nics=[card]))


@pytest.mark.parametrize("bad", ["\x00", "\x1b[2J", "\n", "\u2028", "\u202e", "\ud800"])
def test_a_key_s_comment_has_nothing_that_is_not_printed(bad: str) -> None:
    with pytest.raises(InvalidRequest, match="not an OpenSSH public key"):
        check_ssh_key(f"{SSH_KEY}{bad}x")
    with pytest.raises(Failure):
        parse_spec(spec(ssh_keys=[f"{SSH_KEY}{bad}x"]))
