"""The xl.cfg that a description becomes. The lab tests show that xl takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import dump_spec, packets, parse_manifest, parse_spec
from teig.agent.xen.xlcfg import quoted, render
from teig.model.guest import GuestSpec
from teig.record import dump, load
from tests.agent.given import manifest, spec

GOLDEN = Path(__file__).parent / "golden"
CARD = {"mac": "00:16:3e:00:00:05", "bridge": "xenbr0", "address": "10.77.16.5/16", "gateway": "10.77.0.1"}
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


def test_further_addresses_and_networks_lead_to_a_card() -> None:
    also = ["192.0.2.7/32", "2001:db8:7::/64"]
    assert list(parse_spec(dump_spec(parse_spec(spec(nics=[{**CARD, "also": also}])))).nics[0].also) == also


@pytest.mark.parametrize(("said", "held"), [({}, 12500), ({"out_packets": 900}, 900), ({"out_kbit": 100}, 100)])
def test_packets_are_as_many_as_its_plan_says_or_as_fit_its_rate(said: dict[str, int], held: int) -> None:
    assert packets(parse_spec(spec(**said))) == held


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
        *(
            {"nics": [{**CARD, "also": also}]}
            for also in (
                "192.0.2.7/32",
                ["192.0.2.7"],
                ["192.0.2.7/24"],
                ["0.0.0.0/0"],
                ["::/0"],
                ["127.0.0.1/32"],
                ["::1/128"],
                ["fe80::/64"],
                ["ff02::1/128"],
                ["224.0.0.0/8"],
                ["2001:DB8::/64"],
                [7],
                [None],
                ["192.0.2.7/32\n"],
                ["\u0661.2.3.4/32"],
                ["2001:db8::/64%x"],
                ["2001:db8::/64"] * 33,
            )
        ),
        {"out_packets": -1},
        {"out_packets": 1.5},
        {"out_packets": 10**9 + 1},
        {"ssh_keys": ["ssh-ed25519 short"]},
        {"extra": "root=/dev/sda"},
    ],
)
def test_impossible_descriptions(changes: dict[str, Any]) -> None:
    with pytest.raises(Failure) as caught:
        parse_spec(spec(**changes))
    assert caught.value.kind == "invalid"
