"""Every rule: documented, and true to its own examples; a good guest on a good host has nothing to be said of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teig.agent.contract.spec import parse_manifest, parse_spec
from teig.agent.xen.xlcfg import render
from teig.audit import explaining
from teig.audit.explaining import parts_of
from teig.audit.finding import Severity
from teig.audit.host import ConfigText, HostSettings, Mounted, canonical
from teig.audit.registry import Entry, entries
from teig.audit.review import review
from teig.audit.rule import HostRule
from teig.model.errors import InvalidRequest
from tests.agent import given as agent_given
from tests.audit.given import BADLY, GOOD, WELL, files_in, findings_of, report_of

ENTRIES = list(entries().values())
OF_FILES = [entry for entry in ENTRIES if not isinstance(entry.rule, HostRule)]
OF_HOSTS = [entry for entry in ENTRIES if isinstance(entry.rule, HostRule)]
HOSTS: dict[str, HostSettings] = {
    "HST002": replace(WELL, xen_command_line="dom0_mem=2G"),
    "HST007": replace(WELL, scheduler="null"),
    "HST020": replace(WELL, xen_command_line="dom0_mem=4G,max:4G"),
}
MOUNTED = replace(WELL, guest_types=("pv",), mounted=(Mounted("/dev/mapper/vg0-mounted", "/mnt", "ext4", ("rw",)),))


def code_of(entry: Entry) -> str:
    return entry.rule.code


@pytest.mark.parametrize("entry", ENTRIES, ids=code_of)
def test_a_rule_says_what_why_how_and_where_from(entry: Entry) -> None:
    parts = parts_of(entry)
    wanted = {"Title", "What", "Why", "Example", "Fix", "Source"}
    wanted |= set() if isinstance(entry.rule, HostRule) else {"Instead"}
    assert wanted <= set(parts)
    assert all(len(text) > 5 for text in parts.values())
    assert re.fullmatch(r"[A-Z]{3}\d{3}", entry.rule.code)
    assert entry.rule.code[:3] in explaining.FAMILIES


@pytest.mark.parametrize("entry", OF_FILES, ids=code_of)
def test_a_rule_finds_its_example_and_not_what_to_write_instead(entry: Entry) -> None:
    parts = parts_of(entry)
    for name, expected in (("Example", True), ("Instead", False)):
        report = review(files_in(parts[name] + "\n"), MOUNTED)
        found = [one for one in report.findings if one.code == entry.rule.code]
        assert bool(found) is expected, f"{name}: {found}"
        assert not report.errors
        for one in found:
            assert one.severity is entry.rule.severity
            assert one.line >= 1
            assert one.column >= 1
            assert one.shown or one.line == 1


@pytest.mark.parametrize("entry", OF_HOSTS, ids=code_of)
def test_a_rule_finds_a_host_that_is_set_up_badly(entry: Entry) -> None:
    found = review([], HOSTS.get(entry.rule.code, BADLY)).findings
    assert entry.rule.code in {one.code for one in found}


def test_a_good_guest_on_a_good_host() -> None:
    assert report_of(GOOD, WELL).findings == []
    assert report_of(GOOD).findings == []


def test_a_host_of_which_nothing_is_known_is_not_blamed() -> None:
    assert review([], HostSettings("xen1")).findings == []


def test_what_teig_itself_writes_is_good() -> None:
    spec, manifest = parse_spec(agent_given.spec()), parse_manifest(agent_given.manifest())
    text = render(spec, manifest, "/var/lib/teig/images/x", ["/dev/vg0/a", "/dev/vg0/b"], None)
    assert [one for one in report_of(text).findings if one.severity is not Severity.NOTE] == []


def test_nothing_else_is_found_where_one_fault_was_planted() -> None:
    planted = GOOD.replace("maxmem = 512", "maxmem = 1024").replace("/dev/vg0/web", "/srv/web.img, ")
    codes = [one.code for one in report_of(GOOD.replace("maxmem = 512", "maxmem = 1024"), WELL).findings]
    assert codes == ["MEM001"]
    assert {one.code for one in report_of(planted, WELL).findings} == {"MEM001", "DSK001", "DSK005"}


def test_one_mac_twice_in_one_file() -> None:
    text = GOOD.replace('rate=10Mb/s"]', 'rate=10Mb/s", "mac=00:16:3e:0:0:1, rate=1Mb/s, ip=192.0.2.11"]')
    assert len(findings_of(text, "NET004")) == 2


def test_the_partition_of_a_disk_that_a_guest_has() -> None:
    host = replace(WELL, mounted=(Mounted("/dev/nvme0n1p2", "/srv", "xfs", ("rw",)),))
    text = GOOD.replace("/dev/vg0/web", "/dev/nvme0n1")
    assert "in use at /srv" in findings_of(text, "DSK002", host)[0].message
    assert not findings_of(GOOD.replace("/dev/vg0/web", "/dev/nvme0n"), "DSK002", host)


def test_names_of_logical_volumes() -> None:
    assert canonical("/dev/mapper/vg--0-my--disk") == "/dev/vg-0/my-disk"
    assert canonical("/dev/mapper/control") == "/dev/mapper/control"


def test_findings_point_at_the_part_that_they_are_about() -> None:
    text = 'name = "web"\ndisk = [\n  "phy:/dev/a,xvda,w",\n  "vdev=xvdb, backendtype=qdisk, target=/dev/b",\n]\n'
    [found] = findings_of(text, "DSK006")
    assert (found.line, found.shown[found.column - 1 :][:5]) == (4, "qdisk")


def test_explaining() -> None:
    assert explaining.explain("mem001") == explaining.explain("memory-not-fixed")
    assert explaining.explain("MEM001").startswith("MEM001 memory-not-fixed (warning)")
    assert len(explaining.explain("all").splitlines()) == len(ENTRIES) >= 35
    with pytest.raises(InvalidRequest) as caught:
        explaining.explain("MEM01")
    assert "MEM001" in caught.value.todo


def test_the_page_of_rules_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs/audit-rules.md"
    command = "python -m teig.audit.explaining >docs/audit-rules.md"
    assert page.read_text() == explaining.page(), f"The rules have changed; run: {command}"


def test_every_device_that_xl_cannot_read_is_found_once() -> None:
    text = GOOD + 'pci = ["03:00"]\nvfb = ["vnc=maybe", "vnc=1"]\nusbctrl = ["version=9"]\nvif += ["rata=1"]\n'
    found = [(one.line, one.shown[one.column - 1 :][:5]) for one in findings_of(text, "CFG008")]
    assert found == [(13, "03:00"), (14, "vnc=m"), (15, "versi"), (16, "rata=")]


def test_nothing_can_be_added_to_a_number() -> None:
    text = GOOD + "memory += 1\n"
    assert [one.code for one in report_of(text).findings] == ["CFG003"]


PIECES = st.sampled_from([*GOOD.splitlines(keepends=True), *"[]=,;\n\"' +#", "0x", "phy:", "\0", "# teig: ignore X\n"])


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join), st.integers(0, 500))
def test_nothing_in_a_file_breaks_a_rule(pieces: str, place: int) -> None:
    text = GOOD[:place] + pieces + GOOD[place:]
    report = review([ConfigText("a.cfg", text), ConfigText("b.cfg", pieces)], BADLY)
    assert json.loads(json.dumps(report.as_record()))["findings"] is not None
    for one in [*report.findings, *report.errors]:
        assert one.line >= (0 if one.code.startswith("HST") or one.code == "empty" else 1)


@pytest.mark.parametrize("text", ["name = []\n", "disk = [[]]\n", "memory = [1]\n"])
def test_odd_files_are_no_trouble(text: str) -> None:
    assert review([ConfigText("odd.cfg", text)], BADLY).errors == []
