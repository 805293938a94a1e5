"""What the agent reads for `teig audit`, from a made-up root and from what Xen's and LVM's programs print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from teig.agent.host import audit_devices, audit_facts, audit_words, facts
from teig.agent.host.state import State
from teig.agent.xen.hypervisor import Hypervisor
from teig.audit.host import AuditedHost, DiskSettings, HostSettings
from teig.audit.review import review
from teig.record import load
from tests.agent.given import Asking
from tests.audit.given import GOOD

INFO = """host                   : xen1
release                : 6.1.0-28-amd64
nr_cpus                : 4
virt_caps              : pv hvm hap shadow
total_memory           : 8191
free_memory            : 3981
xen_major              : 4
xen_minor              : 17
xen_extra              : .6-pre
xen_version            : 4.17.6-pre
xen_scheduler          : credit
xen_commandline        : placeholder dom0_mem=1G,max:1G loglvl=all
cc_compile_date        : Mon Nov  3 12:00:00 UTC 2025
"""
OLD_INFO = """host                   : old
nr_cpus                : 8
total_memory           : 16381
xen_major              : 3
xen_minor              : 4
xen_extra              : .3
xen_scheduler          : credit
xen_commandline        :
"""
LIST = """Name                                        ID   Mem VCPUs\tState\tTime(s)
Domain-0                                     0  1024     4     r-----     571.3
"""
VCPUS = """Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)
Domain-0                             0     0    1   -b-      79.7  {first}
Domain-0                             0     1    0   r--      68.2  0-1 / all
"""
CREDIT = """Cpupool Pool-0: tslice=30ms ratelimit=1000us migration-delay=0us
Name                                ID Weight  Cap
Domain-0                             0    256    0
web                                  3    512   50
a name with 7 words                  4    300    0
"""
MOUNTS = """/dev/mapper/vg0-root / ext4 rw,relatime,errors=remount-ro 0 0
proc /proc proc rw 0 0
/dev/sdb1 /srv/my\\040files xfs rw,nobarrier 0 0
"""


def answers(**said: str) -> Any:
    """Return a stand-in for starting programs: argv joined by blanks, with _ for blanks, to what it prints."""
    known = {name.replace("_", " "): text for name, text in said.items()}
    return lambda argv: known.get(" ".join(argv).replace("-", " "))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "etc/default/grub": '#GRUB_CMDLINE_XEN="x"\nGRUB_CMDLINE_XEN="dom0_mem=2G"\nGRUB_TIMEOUT=1\n',
        "etc/default/grub.d/xen.cfg": "GRUB_CMDLINE_XEN_DEFAULT='loglvl=all'\n",
        "etc/xen/xl.conf": 'autoballoon="on"\n',
        "etc/xen/web.cfg": GOOD,
        "etc/xen/odd.cfg": "name = 'x\udcff'",
        "etc/xen/notes.txt": "not read",
        "var/lib/teig/guests/5a6f8e0c/xl.cfg": "memory = 96\n",
        "boot/vmlinuz": "a kernel",
        "sys/block/sda/queue/scheduler": "noop deadline [cfq]\n",
        "sys/block/sda/queue/rotational": "1\n",
        "sys/block/sda/queue/write_cache": "write back\n",
        "sys/block/sda/sda2/holders/md0/holders/dm-0/dm/uuid": "LVM-abc\n",
        "sys/block/nvme0n1/queue/scheduler": "none\n",
        "sys/block/nvme0n1/queue/rotational": "0\n",
        "sys/block/md0/md/level": "raid1\n",
        "sys/block/md0/md/raid_disks": "2\n",
        "sys/block/md0/md/degraded": "1\n",
        "sys/block/loop0/queue/scheduler": "none\n",
        "sys/class/net/xenbr0/bridge/stp_state": "1\n",
        "sys/class/net/xenbr0/bridge/forward_delay": "1500\n",
        "proc/sys/net/bridge/bridge-nf-call-iptables": "1\n",
        "proc/mounts": MOUNTS,
        "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/dm-1                partition\t1\t0\t-2\n",
        "proc/77/comm": "chronyd\n",
        "dev/dm-0": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, errors="surrogateescape")
    (tmp_path / "dev/mapper").mkdir()
    (tmp_path / "dev/mapper/vg0-root").symlink_to("../dm-0")
    (tmp_path / "dev/vg0").mkdir()
    (tmp_path / "dev/vg0/web").symlink_to("../dm-0")
    return tmp_path


def read(root: Path, monkeypatch: pytest.MonkeyPatch, **said: str) -> AuditedHost:
    monkeypatch.setattr(audit_facts, "said", answers(**said))
    monkeypatch.setattr(audit_words, "volume_groups", list)
    return load(AuditedHost, json.loads(json.dumps(audit_facts.audit_facts(root))))


def test_a_host_with_xl(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = read(
        root, monkeypatch, xl_info=INFO, xl_list_Domain_0=LIST, xl_sched_credit=CREDIT,
        xl_vcpu_list_Domain_0=VCPUS.format(first="all / all"),
    ).settings  # fmt: skip
    assert (host.xen_version, host.cores, host.memory_mib, host.scheduler) == ("4.17.6-pre", 4, 8191, "credit")
    assert host.xen_option("dom0_mem") == "1G,max:1G"
    assert (host.dom0_memory_mib, host.dom0_vcpus, host.dom0_pinned) == (1024, 4, False)
    assert (host.dom0_weight, host.heaviest_guest, host.timeslice_ms) == (256, 512, 30)
    assert host.guest_types == ("pv", "pvh")
    assert host.autoballoon is True
    assert host.boot_options == "GRUB_CMDLINE_XEN=\"dom0_mem=2G\"\nGRUB_CMDLINE_XEN_DEFAULT='loglvl=all'"


def test_a_host_of_old_with_xm(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = read(root, monkeypatch, xm_info=OLD_INFO, xm_list_Domain_0=LIST).settings
    assert (host.xen_version, host.cores, host.dom0_memory_mib) == ("3.4.3", 8, 1024)
    assert (host.dom0_weight, host.dom0_pinned) == (None, None)
    assert {"HST001", "HST017"} <= {one.code for one in review([], host).findings}


def test_devices(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = read(root, monkeypatch).settings
    assert host.disks == (
        DiskSettings("nvme0n1", "none", ("none",), False, "", False),
        DiskSettings("sda", "cfq", ("noop", "deadline", "cfq"), True, "write back", True),
    )
    assert [(array.name, array.disks, array.missing) for array in host.arrays] == [("md0", 2, 1)]
    assert [(one.device, one.where) for one in host.mounted] == [
        ("/dev/mapper/vg0-root", "/"), ("/dev/sdb1", "/srv/my files"), ("/dev/dm-1", "swap"),
    ]  # fmt: skip
    assert [(bridge.name, bridge.stp, bridge.forward_delay_s) for bridge in host.bridges or ()] == [
        ("xenbr0", True, 15.0)
    ]
    assert (host.bridge_netfilter, host.time_service) == (True, "chronyd")
    assert host.device("/dev/vg0/web") == host.device("/dev/mapper/vg0-root") == "/dev/dm-0"


def test_files_and_the_paths_in_them(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audited = read(root, monkeypatch)
    assert [config.path for config in audited.configs] == [
        "/etc/xen/odd.cfg",
        "/etc/xen/web.cfg",
        "/var/lib/teig/guests/5a6f8e0c/xl.cfg",
    ]
    assert audited.configs[1].text == GOOD
    assert audited.settings.kinds == {"/boot/vmlinuz": "file", "/dev/vg0/web": "file"}


def test_a_machine_without_anything_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audited = read(tmp_path, monkeypatch)
    assert audited.configs == ()
    assert {one.code for one in review([], audited.settings).findings} == {"HST016"}


def test_paths_in_files() -> None:
    text = (
        'disk = ["phy:/dev/vg0/a,xvda,w", "vg0/b,raw,xvdb", "target=/srv/c.img"]\nkernel = "/boot/k"\nextra = "x/y"\n'
    )
    assert audit_facts.paths_in([text]) == ["/dev/vg0/a", "/srv/c.img", "/boot/k", "/dev/vg0/b"]
    assert audit_facts.paths_in(["name = '/\0'"]) == ["/\0"]


@pytest.mark.parametrize(
    ("first", "expected"), [("all / all", False), ("any cpu", False), ("0", True), ("2-3 / all", True)]
)
def test_pinning(first: str, expected: bool) -> None:
    assert audit_words.pinned(VCPUS.format(first=first)) is expected


def test_nothing_is_pinned_where_nothing_is_told() -> None:
    assert audit_words.pinned("") is None
    assert audit_words.weights("") == {"dom0_weight": None, "heaviest_guest": None, "timeslice_ms": None}
    assert audit_words.dom0("Name ID\n") == {}


def test_a_guest_in_another_cpupool_weighs_nothing_against_domain_0() -> None:
    text = (
        "Cpupool Pool-0: ratelimit=1000us\n"
        "Name                                ID Weight  Cap\n"
        "Domain-0                             0    512    0\n"
        "web                                  1    256    0\n"
        "Cpupool teig-5a6f: ratelimit=1000us\n"
        "Name                                ID Weight  Cap\n"
        "own                                  2   1024    0\n"
    )
    assert audit_words.weights(text) == {"dom0_weight": 512, "heaviest_guest": 256, "timeslice_ms": None}


def test_thin_pools() -> None:
    text = "  vg0;pool;twi-aotz--;93.10;12.50\n  vg0;web;Vwi-aotz--;40.00;\n  vg0;root;-wi-ao----;;\n"
    assert audit_words.thin_pools(text) == [{"name": "vg0/pool", "data_percent": 93.1, "metadata_percent": 12.5}]


def test_the_agent_answers(asking: Asking) -> None:
    answer = asking.ask("audit_facts")["ok"]
    assert isinstance(load(AuditedHost, answer).settings, HostSettings)


def test_names_that_are_no_text_take_nothing_else_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel takes any bytes as the name of a bridge, and udev's rules any for a link."""
    monkeypatch.setattr(audit_facts, "said", lambda _: None)
    for folder in ("sys/class/net/xenbr0/bridge", "sys/class/net/br\udcff/bridge", "dev/mapper", "etc/xen"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("a", "\udcff"):
        (tmp_path / "dev/mapper" / name).symlink_to("../dm-0")
        (tmp_path / "etc/xen" / f"{name}.cfg").write_text('name = "x"\n')
    told = json.dumps(audit_facts.audit_facts(tmp_path), ensure_ascii=False).encode()
    host = load(AuditedHost, json.loads(told))
    assert [bridge.name for bridge in host.settings.bridges or ()] == ["xenbr0"]
    assert {name for name, _ in host.settings.links} == {"/dev/mapper/a"}
    assert [config.path for config in host.configs] == ["/etc/xen/a.cfg", "/etc/xen/\ufffd.cfg"]


def test_a_bridge_whose_name_is_no_text_is_not_among_the_host_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("xenbr0", "br\udcff", "br\x07"):
        (tmp_path / name / "bridge").mkdir(parents=True)
    monkeypatch.setattr(facts, "NET", tmp_path)
    assert facts.host_facts(State(tmp_path), Hypervisor())["bridges"] == ["xenbr0"]


def test_links_do_not_run_in_circles(tmp_path: Path) -> None:
    (tmp_path / "dev/mapper").mkdir(parents=True)
    (tmp_path / "dev/mapper/a").symlink_to("a")
    assert audit_devices.devices(tmp_path)["links"][0][0] == "/dev/mapper/a"
