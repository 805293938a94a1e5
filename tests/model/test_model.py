"""Impossible values do not come into being, and errors survive being written down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teig.fleet.simulated import SimulatedHost
from teig.model import errors
from teig.model.errors import InvalidRequest, TeigError, from_record
from teig.model.guest import GuestSpec, Nic
from teig.model.image import Manifest
from teig.model.names import check_name
from teig.model.plan import Plan
from teig.model.pool import DiskRate, PoolClass
from teig.model.site import Site
from teig.model.units import GIB, MIB, parse_size, show_size
from teig.record import dump, load
from tests.simulated import SITE, manifest

SPEC = load(
    GuestSpec,
    {
        "id": "6e0b3a52-0000-4000-8000-000000000001",
        "name": "web",
        "type": "pv",
        "plan": "tiny",
        "site": "lab",
        "image": "a" * 64,
        "memory_mib": 96,
        "vcpus": 2,
        "share_cores": 0.5,
        "ceiling_cores": 1.5,
        "weight": 256,
        "cap": 150,
        "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16 * MIB, "write_bps": 8 * MIB},
        "out_kbit": 50000,
        "in_kbit": 50000,
        "disks": [{"index": 0, "size_bytes": 256 * MIB}],
        "nics": [{"mac": "00:16:3e:00:00:01", "bridge": "xenbr0", "address": "10.77.16.1/16", "gateway": "10.77.0.1"}],
        "ssh_keys": [],
    },
)
PLAN = Plan("a", 64, 1, 1.0, 1.0, 4 * MIB, DiskRate(10, 10, 65536, 65536), PoolClass(), 100, 100, 1)


@pytest.mark.parametrize("noun", [SPEC, SITE, manifest(), PLAN])
def test_nouns_survive_being_plain_values(noun: object) -> None:
    assert load(type(noun), dump(noun)) == noun


@pytest.mark.parametrize(
    "changes",
    [
        {"weight": 0},
        {"weight": 65536},
        {"cap": 201},
        {"disks": ()},
        {"nics": ()},
        {"id": "6E0B3A52-0000-4000-8000-000000000001"},
        {"id": "../../etc/passwd"},
        {"name": 'web"\nname="other'},
        {"ssh_keys": ("nonsense",)},
    ],
)
def test_an_impossible_guest_does_not_come_into_being(changes: dict[str, object]) -> None:
    with pytest.raises((InvalidRequest, ValueError)):
        replace(SPEC, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"memory_mib": 63},
        {"vcpus": 0},
        {"share_cores": 0.0},
        {"share_cores": 1.5},
        {"ceiling_cores": 0.5},
        {"disk_bytes": 4 * MIB + 1},
        {"in_kbit": 0},
        {"addresses": 5},
    ],
)
def test_a_plan_that_nobody_could_keep_does_not_come_into_being(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        replace(PLAN, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"country": "Norway"},
        {"gateway": "10.99.0.1"},
        {"gateway": "10.77.0.0"},
        {"gateway": "10.77.255.255"},
        {"first_address": "10.77.17.0"},
        {"gateway": "10.77.16.3"},
        {"network": "nonsense"},
        {"last_address": "10.77.255.255", "first_address": "10.77.255.0"},
    ],
)
def test_a_site_does_not_contradict_itself(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        replace(SITE, **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network": "fd00::/64"}, "network is no IPv4 network: Expected 4 octets in 'fd00::'."),
        ({"network": "10.77.0.1/16"}, "network is no IPv4 network: 10.77.0.1/16 has host bits set."),
        ({"first_address": "abc"}, "first address is no IPv4 address: Expected 4 octets in 'abc'."),
        ({"gateway": "10.99.0.1"}, "gateway 10.99.0.1 lies outside of 10.77.0.0/16."),
        (
            {"first_address": "10.77.31.0", "last_address": "10.77.16.0"},
            "the first address, 10.77.31.0, comes after the last, 10.77.16.0.",
        ),
        ({"quarantine_s": -1}, "an address rests 0 to 2592000 seconds, not -1."),
        ({"bridge": "a b c"}, "bridge cannot be called 'a b c'."),
    ],
)
def test_a_site_says_which_of_its_facts_is_wrong(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^Site {SITE.name}: {said}"):
        replace(SITE, **changes)


@given(st.text(max_size=70))
def test_a_name_is_a_dns_label_or_refused(text: str) -> None:
    try:
        check_name("guest", text)
    except InvalidRequest:
        return
    assert text == text.lower().strip("-")
    assert 1 <= len(text) <= 63
    assert text.isascii()
    assert not set(text) - set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize(("text", "size"), [("512M", 512 * MIB), ("10G", 10 * GIB), ("4096B", 4096), ("1 GiB", GIB)])
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1G", "1.5G", "ten", "1X", "٣G", "9" * 5000 + "G"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a size"):
        parse_size(text)


def test_sizes_are_shown() -> None:
    assert [show_size(size) for size in (1, 1536, 512 * MIB, 10 * GIB)] == ["1 B", "1.5 KiB", "512 MiB", "10 GiB"]


@pytest.mark.parametrize("field", ["machine_id", "boot"])
def test_a_host_s_marks_are_not_longer_than_what_holds_them(field: str) -> None:
    facts = SimulatedHost("sim1").facts()
    assert replace(facts, **{field: "m" * 64})  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match=f"{field} cannot have more than 64 characters"):
        replace(facts, **{field: "m" * 65})  # type: ignore[arg-type]


def test_a_mac_outside_xens_range_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="not a MAC address in Xen's range"):
        Nic("52:54:00:00:00:01", "xenbr0", "10.77.16.1/16", "10.77.0.1")


@pytest.mark.parametrize("cmdline", ['root=/dev/xvda"', "root=/dev/xvda\nkernel=", "a" * 1025])
def test_a_kernel_command_line_cannot_leave_its_quotes(cmdline: str) -> None:
    with pytest.raises(InvalidRequest):
        replace(manifest(), cmdline=cmdline)


def test_a_plain_value_that_does_not_fit_is_named() -> None:
    with pytest.raises(InvalidRequest, match="country"):
        load(Site, {key: value for key, value in dump(SITE).items() if key != "country"})
    raw = dump(manifest())
    del raw["files"]["root"]["sha256"]
    with pytest.raises(InvalidRequest, match=r"files\.root\.sha256"):
        load(Manifest, raw)


def leaves(kind: type[TeigError]) -> list[type[TeigError]]:
    below = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [leaf for child in below for leaf in leaves(child)] if below else [kind]


@pytest.mark.parametrize("kind", leaves(TeigError))
def test_every_error_survives_being_written_down(kind: type[TeigError]) -> None:
    error = from_record(kind("It broke.", "Mend it.", code="narrow").as_record())
    assert type(error) is kind
    assert (str(error), error.reason) == ("It broke. Mend it.", "narrow")
