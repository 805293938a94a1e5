"""The xl.cfg that a description becomes. The lab tests show that xl takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import dump_spec, parse_manifest, parse_spec
from teig.agent.xen.xlcfg import quoted, render
from teig.model.guest import GuestSpec
from teig.record import dump, load
from tests.agent.given import manifest, spec

GOLDEN = Path(__file__).parent / "golden"
VOLUMES = ["/dev/vg0/teig-web1-disk0", "/dev/vg0/teig-web1-disk1"]


@pytest.mark.parametrize(
    ("name", "changes", "image", "seed"),
    [
        ("pv-kernel-ip", {}, {}, None),
        (
            "pvh-nocloud",
            {"type": "pvh", "cap": 0, "ceiling_cores": 2, "on_crash": "stop", "own_cores": True},
            {"network": "nocloud"},
            "/dev/vg0/seed",
        ),
    ],
)
def test_golden(name: str, changes: dict[str, Any], image: dict[str, Any], seed: str | None) -> None:
    text = render(parse_spec(spec(**changes)), parse_manifest(manifest(**image)), "/images/1", VOLUMES, seed)
    assert text == (GOLDEN / f"{name}.cfg").read_text()


@given(st.text())
def test_a_string_cannot_end_early(text: str) -> None:
    try:
        inside = quoted(text)[1:-1]
    except Failure:
        assert not text.isprintable() or '"' in text or "\\" in text
    else:
        assert inside == text
        assert not {'"', "\\", "\n"} & set(inside)


def test_what_an_older_server_did_not_say_is_as_it_was() -> None:
    older = {key: value for key, value in spec().items() if key not in {"on_crash", "own_cores"}}
    assert (parse_spec(older).on_crash, parse_spec(older).own_cores) == ("restart", False)


def test_the_agent_reads_what_the_server_writes() -> None:
    noun = load(GuestSpec, spec())
    assert dump_spec(parse_spec(dump(noun))) == dump(noun)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "web1\nkernel='/x'"},
        {"name": "12"},
        {"plan": 'tiny"'},
        {"memory_mib": 0},
        {"cap": 201},
        {"disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16 << 20}},
        {"disk_rate": {"read_iops": 0, "write_iops": 250, "read_bps": 16 << 20, "write_bps": 8 << 20}},
        {"out_kbit": 0},
        {"type": "hvm"},
        {"disks": []},
        {"disks": [{"index": 1, "size_bytes": 4 << 20}]},
        {
            "nics": [
                {"mac": "00:16:3e:00:00:05", "bridge": "x,script=y", "address": "10.0.0.2/24", "gateway": "10.0.0.1"}
            ]
        },
        {"nics": [{"mac": "00:16:3e:00:00:05", "bridge": "xenbr0", "address": "10.0.0.2/24", "gateway": "10.9.0.1"}]},
        {"ssh_keys": ["ssh-ed25519 short"]},
        {"extra": "root=/dev/sda"},
    ],
)
def test_impossible_descriptions(changes: dict[str, Any]) -> None:
    with pytest.raises(Failure) as caught:
        parse_spec(spec(**changes))
    assert caught.value.kind == "invalid"
