"""A lab host set up badly on purpose: all that was planted is found and nothing else, and mending breaks nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from teig.audit.fixing import fixable, fixed
from teig.audit.host import AuditedHost
from teig.audit.review import review
from teig.lab.images import build
from tests.fleet.conftest import Stand
from tests.lab.states import create_domain, get, make_volume, send_image

pytestmark = pytest.mark.lab
GUEST = """name = "{name}"
uuid = "5a6f8e0c-61f1-4c1a-9b5e-7d7c0f5c1a{number:02x}"
type = "pv"
kernel = "/root/micro/kernel"
ramdisk = "/root/micro/initrd"
cmdline = "{cmdline} ip=10.77.18.{number}::10.77.0.1:255.255.0.0:{name}:eth0:off"
memory = 96
maxmem = 96
vcpus = 1
cpu_weight = 256
cap = 0
disk = ["format=raw, vdev=xvda, access=rw, target=/dev/vg0/{name}"]
vif = ["mac=00:16:3e:01:01:{number:02x}, bridge=xenbr0, ip=10.77.18.{number}, rate=50Mb/s"]
on_crash = "destroy"
"""
CHANGES = {
    "MEM001": ("maxmem = 96", "maxmem = 192"),
    "DSK007": ('"format=raw, vdev=xvda, access=rw, target=/dev/vg0/{name}"', '"phy:/dev/vg0/{name},xvda,w"'),
    "CFG004": ("vcpus = 1", "vcpus = 4\nvcpus = 1"),
    "NET001": (", rate=50Mb/s", ""),
    "GST005": ("/root/micro/initrd", "/root/micro/gone"),
    "CFG001": ("cap = 0", "cap = 0\nmemroy = 96"),
}
ELEVATOR = "/sys/block/vdb/queue/scheduler"
HOST_FAULTS = {
    "HST006": ("xl sched-credit2 -d Domain-0 -w 256", "xl sched-credit2 -d Domain-0 -w 2048"),
    "HST014": (
        "ip link set xenbr0 type bridge stp_state 1 forward_delay 1500",
        # One at a time: while the spanning tree is on, less than two seconds is refused.
        "ip link set xenbr0 type bridge stp_state 0 && ip link set xenbr0 type bridge forward_delay 0",
    ),
    "HST003": (
        "cp /etc/xen/xl.conf /root/xl.conf && echo 'autoballoon=\"on\"' >>/etc/xen/xl.conf",
        "mv /root/xl.conf /etc/xen/xl.conf",
    ),
    "HST009": (
        f"cat {ELEVATOR} >/root/elevator && modprobe bfq && echo bfq >{ELEVATOR}",
        f"sed 's/.*\\[//; s/\\].*//' /root/elevator >{ELEVATOR}",
    ),
    "HST010": ("lvcreate -qq -y -Wn -l 97%FREE -n planted vg0", "lvremove -qq -y vg0/planted"),
    "HST015": ("modprobe br_netfilter && sysctl -qw net.bridge.bridge-nf-call-iptables=1", "rmmod br_netfilter"),
}


def codes(audited: AuditedHost) -> list[str]:
    return sorted(finding.code for finding in review(audited.configs, audited.settings).findings)


def put(stand: Stand, name: str, text: str) -> None:
    stand.lab.run(f"cat >/etc/xen/{name}.cfg", stdin=text.encode())


@pytest.fixture
def guest_file(stand: Stand) -> Iterator[str]:
    """A good file, its volume and its image."""
    image = build("micro")
    send_image(stand.lab, image)
    make_volume(stand.lab, "audited", image, 64)
    yield GUEST.format(name="audited", number=9, cmdline=image.manifest["cmdline"])
    stand.run("xl destroy audited 2>/dev/null; rm -f /etc/xen/*.cfg; lvremove -qq -y vg0/audited")


def test_what_was_planted_is_found_and_nothing_else(stand: Stand, guest_file: str) -> None:
    stand.run("systemctl stop teig-keeper")
    put(stand, "audited", guest_file)
    before = codes(stand.host.audit_facts())
    assert not [code for code in before if not code.startswith("HST")], "the good file is good"
    try:
        text = guest_file
        for old, new in CHANGES.values():
            text = text.replace(old.format(name="audited"), new.format(name="audited"))
        put(stand, "audited", text)
        for command, _ in HOST_FAULTS.values():
            stand.run(command)
        after = codes(stand.host.audit_facts())
        assert after == sorted([*before, *CHANGES, *(code for code in HOST_FAULTS if code not in before)])
    finally:
        for _, command in HOST_FAULTS.values():
            stand.run(command)
        stand.run("systemctl start teig-keeper")


def test_a_mended_guest_starts(stand: Stand, guest_file: str) -> None:
    text = guest_file
    for code in ("MEM001", "DSK007", "CFG004"):
        old, new = CHANGES[code]
        text = text.replace(old.format(name="audited"), new.format(name="audited"))
    put(stand, "audited", text)
    audited = stand.host.audit_facts()
    [config] = audited.configs
    put(stand, "audited", fixed(config, audited.settings))
    again = stand.host.audit_facts()
    assert fixable(review(again.configs, again.settings).findings) == 0
    create_domain(stand.lab, "/etc/xen/audited.cfg")
    assert get(stand.lab, "10.77.18.9")
    assert stand.run("xl list audited | tail -n 1").split()[2] == "96"
