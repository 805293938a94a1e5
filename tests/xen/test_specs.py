"""The small languages inside xl.cfg's strings; disks are asked of xl's own library too, where it is installed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teig.xen.config_text import Span
from teig.xen.disk_spec import Disk, modern, parse_disk
from teig.xen.keyed_spec import KEYS, parse_keyed
from teig.xen.pci_spec import parse_pci
from teig.xen.spec import BadSpec
from teig.xen.vif_spec import parse_mac, parse_rate, parse_vif
from tests.xen.xlutil import XlUtil

FIELDS = ("backend", "target", "vdev", "script", "backendtype", "format", "readonly", "cdrom", "direct_io_safe")
DISKS = [
    "phy:/dev/vg/a,xvda,w", "/dev/vg/a,raw,xvda,rw", "/dev/vg/a,,hda", "file:/a,xvda,w", "tap:aio:/a,xvda,w",
    "tap:qcow2:/a.q,xvda,w", "tap2:tapdisk:aio:/a,xvda,w", "iscsi:iqn:x,xvda,w", "drbd:r0,hda,w", ",hdc:cdrom,r",
    "/x.iso,,hdc,cdrom", "/x.iso,raw,hdc,devtype=cdrom", "phy:/a,xvda,w,", "phy:/a,xvda,w,x", "/a,xvda,w", "/a,,xvda,x",
    "format=raw,vdev=xvda", "vdev=xvda, target=", "foo", "bogus:/a,xvda,w", "/a,raw,xvda,w,direct-io-safe",
    "cdrom,vdev=hdc", "foo=bar,vdev=xvda,target=/a", "format=raw,format=qcow2,vdev=xvda,target=/a",
    "vdev=a,vdev=b,target=/a", "phy:/a,ioemu:hda,w", "phy:/a,hda:foo,w", "", "  phy:/a,xvda,w  ", "phy:/a , xvda",
    "format = raw,vdev=xvda,target=/a", "target=/a,vdev=xvda", "specification=virtio,vdev=xvda,target=/a",
    "access=,vdev=xvda,target=/a", "a=,vdev=xvda,target=/a", "PHY:/a,xvda", "hdc:", "devtype=cdrom,,,hdc",
    "format=qcow2, vdev=xvdb, access=ro, backendtype=qdisk, script=s, backend=d, target=/x,y", ",empty,hdc:cdrom,r",
]  # fmt: skip
PARTS = st.sampled_from(
    ["phy:", "file:", "tap:", "aio:", "qcow2:", "iscsi:", "bogus:", "/dev/vg/a", "/a.img", "raw", "qcow2", "xvda",
     "hdc", ":cdrom", ":disk", "w", "r", "ro", ",", ",", ",", " ", "format=raw", "vdev=xvdb", "access=rw", "target=/b",
     "cdrom", "devtype=cdrom", "direct-io-safe", "discard", "no-discard", "backendtype=qdisk", "script=x",
     "colo-port=1", "x=y", "=", "a=", "1"]
)  # fmt: skip


def fields_of(text: str) -> dict[str, object] | None:
    try:
        disk = parse_disk(text)
    except BadSpec:
        return None
    return {name: getattr(disk, name) for name in FIELDS}


@pytest.mark.parametrize("text", DISKS)
def test_disks_are_read_as_xl_reads_them(xlutil: XlUtil, text: str) -> None:
    assert fields_of(text) == xlutil.disk(text)


@settings(max_examples=500, deadline=None)
@given(st.lists(PARTS, max_size=12).map("".join))
def test_any_disk_is_read_as_xl_reads_it(xlutil: XlUtil, text: str) -> None:
    if text.rstrip(" ").endswith("="):  # xl's lexer forgets to complain of what it cannot read at the very end
        return
    assert fields_of(text) == xlutil.disk(text)


def test_a_disk_knows_where_its_parts_stand() -> None:
    text = "phy:/dev/vg0/web,xvda,w"
    disk = parse_disk(text)
    assert disk.prefixes == ("phy",)
    assert {name: text[span.start : span.end] for name, span in disk.where.items()} == {
        "prefix": "phy:", "target": "/dev/vg0/web", "vdev": "xvda", "access": "w",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("phy:/a,xvda,x", "x", "'x' is no access of a disk."),
        ("/a,xvda,w", "xvda", "'xvda' is no format of a disk."),
        ("bogus:/a,xvda", "bogus:", "xl knows no disk prefix bogus:"),
        ("/a,raw", "/a,raw", "The disk has no device name for the guest."),
    ],
)
def test_a_bad_disk_says_where_and_what(text: str, at: str, said: str) -> None:
    with pytest.raises(BadSpec) as caught:
        parse_disk(text)
    span = caught.value.span
    assert (text[span.start : span.end], caught.value.message) == (at, said)


@settings(max_examples=200, deadline=None)
@given(st.lists(PARTS, max_size=12).map("".join))
def test_the_modern_form_means_the_same(text: str) -> None:
    try:
        disk = parse_disk(text)
    except BadSpec:
        return
    new = modern(disk)
    if new is not None:
        again = parse_disk(new)
        assert {name: getattr(again, name) for name in FIELDS} == {name: getattr(disk, name) for name in FIELDS}


def test_kinds_of_targets() -> None:
    assert parse_disk("vg0/web,raw,xvda").path == "/dev/vg0/web"
    assert parse_disk("vg0/web,raw,xvda").block_device
    assert parse_disk("/srv/web.img,raw,xvda").image_file
    script = parse_disk("script=block-x, vdev=xvda, target=/srv/web")
    assert not script.image_file
    assert not script.block_device
    assert not parse_disk("script=/opt/ceph/block, vdev=xvda, target=/pool/image").image_file
    for name in ("block", "/etc/xen/scripts/block", "/usr/local/etc/xen/scripts//block", "/etc/xen/scripts/teig-block"):
        assert parse_disk(f"script={name}, vdev=xvda, target=/dev/vg0/web").block_device
        assert parse_disk(f"script={name}, vdev=xvda, target=/srv/web").image_file
    assert not Disk().image_file


def test_vifs() -> None:
    vif = parse_vif("mac=0:16:3E:00:0:01, bridge=xenbr0,rate=10Mb/s@20ms,script=vif-route,untrusted,type=vif")
    assert (vif.mac, vif.rate_bytes, vif.trusted) == ("00:16:3e:00:00:01", 1_250_000, False)
    assert vif.given["bridge"] == "xenbr0"
    assert vif.problems == []
    assert parse_vif("").problems == []
    text = "bridge=xenbr0,rata=1MB/s,fast"
    problems = parse_vif(text).problems
    assert [text[one.span.start : one.span.end] for one in problems] == ["rata=1MB/s", "fast"]


@pytest.mark.parametrize("text", ["1", "10MB", "0MB/s", "1TB/s", "1MB/s@", "1MB/s@0ms", "-1Mb/s", "99999999999B/s"])
def test_bad_rates(text: str) -> None:
    with pytest.raises(BadSpec):
        parse_rate(text, Span(0, len(text)))


@pytest.mark.parametrize("text", ["", "00:16:3e:00:00", "00:16:3e:00:00:xx", "00163e000001", "00:16:3e:00:00:001"])
def test_bad_macs(text: str) -> None:
    with pytest.raises(BadSpec):
        parse_mac(text, Span(0, len(text)))


def test_pci_devices() -> None:
    long, short = parse_pci("0000:03:00.0,permissive=1,seize=0"), parse_pci("03:00.0@1f,rdm_policy=relaxed")
    assert (long.address, long.flags) == ("0000:03:00.0", {"permissive": True, "seize": False})
    assert (short.address, short.vslot, short.rdm_policy) == ("0000:03:00.0", 0x1F, "relaxed")
    assert parse_pci("36:00.*").address == "0000:36:00.*"
    assert parse_pci("bdf=36:00.0,vslot=20").vslot == 0x20
    assert parse_pci("name=nic0").name == "nic0"


@pytest.mark.parametrize("text", ["", "03:00", "03:00.8", "03:20.0", "03:00.0,strict=1", "03:00.0,20,3", "vslot=1"])
def test_bad_pci_devices(text: str) -> None:
    with pytest.raises(BadSpec):
        parse_pci(text)


def test_other_devices() -> None:
    assert parse_keyed("vfb", "vnc=1, vnclisten=0.0.0.0,vncunused=1").given["vnclisten"] == "0.0.0.0"  # noqa: S104
    assert parse_keyed("usbctrl", "version=2,ports=8").given == {"version": "2", "ports": "8"}
    assert parse_keyed("usbdev", "hostbus=1,hostaddr=3").given["hostaddr"] == "3"


@pytest.mark.parametrize(
    ("language", "text"),
    [("vfb", "kind=vnc"), ("vfb", "vnc=yes"), ("usbctrl", "version=4"), ("usbdev", "host"), ("vtpm", "uuid=1"),
     ("channel", "name=a")],
)  # fmt: skip
def test_bad_other_devices(language: str, text: str) -> None:
    with pytest.raises(BadSpec):
        parse_keyed(language, text)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(KEYS)), st.text())
def test_no_text_breaks_a_reader(language: str, text: str) -> None:
    for read in (parse_disk, parse_pci, lambda words: parse_keyed(language, words), parse_vif):
        problems = []
        try:
            read(text)
        except BadSpec as problem:
            problems.append(problem)
        assert all(0 <= problem.span.start <= problem.span.end <= len(text) for problem in problems)
