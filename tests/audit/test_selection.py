"""Which rules speak, and what comments silence."""

from __future__ import annotations

import pytest

from teig.audit.host import ConfigText
from teig.audit.review import review
from teig.audit.selection import Selection
from teig.model.errors import InvalidRequest

FILE = """name = "web"
type = "pv"
kernel = "/boot/vmlinuz"
memory = 512
maxmem = 1024
vif = [
    "mac=00:16:3e:00:00:01, ip=192.0.2.1",
    "mac=00:16:3e:00:00:02, ip=192.0.2.2",
]
"""


def codes(text: str, selection: Selection | None = None) -> list[str]:
    return [finding.code for finding in review([ConfigText("web.cfg", text)], None, selection).findings]


def test_codes_and_their_beginnings() -> None:
    everything = codes(FILE)
    assert {"MEM001", "NET001", "GST009"} <= set(everything)
    assert codes(FILE, Selection(("MEM001",))) == ["MEM001"]
    assert set(codes(FILE, Selection(("NET", "MEM001")))) == {"NET001", "MEM001"}
    assert codes(FILE, Selection((), ("NET", "GST"))) == [one for one in everything if one[:3] not in {"NET", "GST"}]
    assert codes(FILE, Selection(("NET",), ("NET001",))) == []


@pytest.mark.parametrize("wrong", ["XYZ", "MEM9", "mem001"])
def test_a_code_that_no_rule_has_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Selection((wrong,))
    assert wrong in caught.value.message


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        ("maxmem = 1024", "maxmem = 1024  # teig: ignore MEM001", {"NET001": 2}),
        ("maxmem = 1024", "# teig: ignore MEM\nmaxmem = 1024", {"NET001": 2}),
        ("maxmem = 1024", "maxmem = 1024  # teig: ignore MEM002", {"MEM001": 1, "NET001": 2}),
        ('192.0.2.1",', '192.0.2.1", # teig: ignore NET001', {"MEM001": 1, "NET001": 1}),
        ("vif = [", "vif = [  # teig: ignore NET001", {"MEM001": 1}),
        ("vif = [", "# teig:ignore: NET001, MEM001\nvif = [", {"MEM001": 1}),
        ("memory = 512", "memory = 512 # teig: ignore-file NET001, MEM", {}),
        ("memory = 512", "memory = 512 # teig: ignore", {"MEM001": 1, "NET001": 2}),
    ],
)
def test_comments(old: str, new: str, left: dict[str, int]) -> None:
    found = codes(FILE.replace(old, new), Selection(("MEM", "NET001")))
    assert {code: found.count(code) for code in set(found)} == left
