"""What the agent answers to requests that are good, and to those that are not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teig.agent.contract.protocol import CAPABILITIES, MOST_LINE, Channel
from teig.agent.contract.verbs import JOBS, VERBS
from teig.agent.guests.guests import Guests
from teig.agent.host.state import State
from teig.agent.verbs import BODIES, Agent
from tests.agent.given import GUEST, IMAGE, Asking, agent, manifest, spec

DEADLINE_S = 30


def test_hello_comes_first(tmp_path: Path) -> None:
    with agent(tmp_path) as asking:
        assert asking.ask("inventory")["error"]["code"] == "no_hello"
        assert asking.ask("hello", protocol=1)["ok"]["protocol"] == 1


def test_another_protocol_is_refused_naming_both(tmp_path: Path) -> None:
    with agent(tmp_path) as asking:
        error = asking.ask("hello", protocol=7)["error"]
        assert error["code"] == "agent_version"
        assert "1" in error["message"]
        assert "7" in error["message"]
        assert asking.ask("image_present", image=IMAGE)["error"]["code"] == "no_hello"


def job(verb: str, **args: Any) -> dict[str, Any]:
    return {"guest": GUEST, "fence": 1, "verb": verb, "args": args}


@pytest.mark.parametrize(
    ("verb", "args", "code"),
    [
        ("guest_explode", {}, "unknown_verb"),
        ("hello", {}, "missing_argument"),
        ("image_present", {"image": IMAGE, "force": True}, "unknown_argument"),
        ("image_present", {"image": "../../etc"}, "invalid"),
        ("image_present", {"image": 7}, "invalid"),
        ("image_present", [], "invalid"),
        ("guest_show", {"guest": GUEST.upper()}, "invalid"),
        ("guest_show", {"guest": "../" + GUEST}, "invalid"),
        ("guest_enforce", {"guest": GUEST, "fence": -1}, "invalid"),
        ("guest_enforce", {"guest": GUEST, "fence": True}, "invalid"),
        ("guest_enforce", {"guest": GUEST, "fence": 1.5}, "invalid"),
        ("job_begin", job("guest_stop", grace_s=float("inf")), "invalid"),
        ("job_begin", job("guest_explode"), "invalid"),
        ("job_begin", job("guest_start", force=True), "unknown_argument"),
        ("guest_start", {"guest": GUEST, "fence": 1}, "unknown_verb"),
        ("job_begin", job("volume_create", index=8, size_bytes=4 << 20, pool="vg0"), "invalid"),
        ("job_begin", job("volume_create", index=0, size_bytes=5 << 20 | 1, pool="vg0"), "invalid"),
        ("image_receive", {"image": IMAGE, "file": "../x", "size": 1, "sha256": "0" * 64}, "invalid"),
        ("image_receive", {"image": IMAGE, "file": "x", "size": 0, "sha256": "0" * 64}, "invalid"),
        ("connect", {"guest": GUEST, "port": 65536}, "invalid"),
    ],
)
def test_what_is_not_a_request_is_refused_and_does_nothing(
    asking: Asking, tmp_path: Path, verb: str, args: Any, code: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    asking.send(verb, args)
    error = asking.answer()["error"]
    assert (error["kind"], error["code"]) == ("invalid", code)
    assert sorted(tmp_path.rglob("*")) == before
    assert asking.ask("image_present", image=IMAGE)["ok"] == {"present": False}


@pytest.mark.parametrize(
    "line", [b"", b"nonsense", b"[]", b'{"id":1}', b'{"id":"1","verb":"hello","args":{}}', b"\xff"]
)
def test_a_line_that_is_no_request(asking: Asking, line: bytes) -> None:
    asking.raw(line + b"\n")
    assert asking.answer()["error"]["kind"] == "invalid"
    assert "ok" in asking.ask("image_present", image=IMAGE)


def test_a_line_without_end_is_cut_off(asking: Asking) -> None:
    asking.raw(b"x" * (MOST_LINE + 1))
    assert asking.answer()["error"]["code"] == "line_too_long"


def test_the_agent_ends_with_its_channel(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "teig.agent", "serve", str(tmp_path)]
    done = subprocess.run(argv, input=b"", capture_output=True, timeout=DEADLINE_S, check=False)
    assert (done.returncode, done.stdout) == (0, b"")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(field=st.sampled_from(sorted(spec())), value=_VALUES)
def test_no_value_in_a_description_breaks_the_agent(asking: Asking, tmp_path: Path, field: str, value: Any) -> None:
    error = asking.ask("guest_define", guest=GUEST, fence=0, spec=spec(**{field: value}))["error"]
    assert error["kind"] in {"invalid", "not_found"}
    assert {path.name for path in tmp_path.iterdir()} <= {"guests", "images", "images.lock"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(field=st.sampled_from(sorted(manifest())), value=_VALUES)
def test_no_value_in_a_manifest_breaks_the_agent(asking: Asking, tmp_path: Path, field: str, value: Any) -> None:
    answer = asking.ask("image_begin", image=IMAGE, manifest=manifest(**{field: value}))
    assert "ok" in answer or answer["error"]["kind"] in {"invalid", "conflict"}
    assert {path.name for path in tmp_path.iterdir()} <= {"guests", "images", "images.lock"}


def test_the_agent_does_just_what_the_contract_lists() -> None:
    bodies = vars(Agent(State(Path("/nowhere")), Channel()))["_verbs"]
    streams = {name for name, verb in VERBS.items() if verb.bytes_follow}
    assert set(bodies) | streams == set(VERBS)
    assert not set(bodies) & streams
    assert {verb.needs for verb in VERBS.values()} <= {"", *CAPABILITIES}
    assert all(callable(getattr(Guests, BODIES[job])) for job in JOBS)


def test_the_documentation_has_every_verb_with_its_arguments() -> None:
    text = (Path(__file__).parents[2] / "docs/agent.md").read_text(encoding="utf-8")
    told: dict[str, set[str]] = {}
    for line in text[text.index("| verb | arguments |") :].split("\n\n", 1)[0].splitlines()[2:]:
        names, arguments = line.split("|")[1:3]
        told.update({name: set(re.findall(r"`(\w+)`", arguments)) for name in re.findall(r"`(\w+)`", names)})
    assert told == {
        **{name: set(verb.arguments) for name, verb in VERBS.items()},
        **{name: set(arguments) for name, arguments in JOBS.items()},
    }
