"""Hosts and files for tests of the audit: a host that is set up well, one that is set up badly, and a good guest."""

from __future__ import annotations

from dataclasses import replace

from teig.audit.finding import Finding
from teig.audit.host import (
    ArraySettings,
    Bridge,
    ConfigText,
    DiskSettings,
    GroupSettings,
    HostSettings,
    Mounted,
    ThinPool,
)
from teig.audit.review import Report, review

GIB = 1 << 30
WELL = HostSettings(
    hostname="xen1",
    date="2026-11-22",
    xen_version="4.17.7",
    xen_command_line="placeholder dom0_mem=2G,max:2G dom0_max_vcpus=2 dom0_vcpus_pin",
    cores=16,
    memory_mib=65536,
    scheduler="credit2",
    guest_types=("pv", "pvh"),
    dom0_memory_mib=2048,
    dom0_vcpus=2,
    dom0_pinned=True,
    dom0_weight=2048,
    heaviest_guest=1024,
    autoballoon=False,
    boot_options='GRUB_CMDLINE_XEN="dom0_mem=2G,max:2G"',
    disks=(DiskSettings("sda", "mq-deadline", ("mq-deadline", "none"), True, "write through", True),),
    groups=(GroupSettings("vg0", 1000 * GIB, 500 * GIB, ""),),
    arrays=(ArraySettings("md0", "raid1", 2, 0),),
    mounted=(Mounted("/dev/sdb1", "/", "ext4", ("rw", "relatime")),),
    bridges=(Bridge("xenbr0", False, 0.0),),
    bridge_netfilter=False,
    time_service="chronyd",
    links=(("/dev/mapper/vg0-mounted", "/dev/dm-3"), ("/dev/vg0/mounted", "/dev/dm-3")),
    paths=(
        ("/boot/vmlinuz", "file"),
        ("/boot/missing", "missing"),
        ("/dev/vg0/web", "block"),
        ("/dev/vg0/missing", "missing"),
    ),
)
BADLY = replace(
    WELL,
    xen_version="4.11.4",
    xen_command_line="spec-ctrl=no",
    cores=8,
    scheduler="credit",
    timeslice_ms=30,
    dom0_vcpus=8,
    dom0_pinned=False,
    dom0_weight=256,
    autoballoon=True,
    boot_options="",
    disks=(
        DiskSettings("sda", "cfq", ("noop", "deadline", "cfq"), True, "write back", True),
        DiskSettings("nvme0n1", "mq-deadline", ("mq-deadline", "none"), False, "write through", True),
    ),
    groups=(GroupSettings("vg0", 1000 * GIB, GIB, "1 of its physical volumes are missing"),),
    arrays=(ArraySettings("md0", "raid1", 2, 1),),
    thin_pools=(ThinPool("vg0/thin", 93.1, 12.0),),
    mounted=(
        Mounted("/dev/sdb1", "/", "ext4", ("rw", "nobarrier")),
        Mounted("/dev/mapper/vg0-mounted", "/mnt", "ext4", ("rw",)),
    ),
    bridges=(Bridge("xenbr0", True, 15.0),),
    bridge_netfilter=True,
    time_service="",
)
GOOD = """name = "web"
uuid = "5a6f8e0c-61f1-4c1a-9b5e-7d7c0f5c1a01"
type = "pv"
kernel = "/boot/vmlinuz"
memory = 512
maxmem = 512
vcpus = 2
cpu_weight = 512
cap = 100
disk = ["format=raw, vdev=xvda, access=rw, target=/dev/vg0/web"]
vif = ["mac=00:16:3e:00:00:01, bridge=xenbr0, ip=192.0.2.10, rate=10Mb/s"]
on_crash = "restart"
"""


def report_of(text: str, host: HostSettings | None = None, path: str = "web.cfg") -> Report:
    """Audit one file."""
    return review([ConfigText(path, text)], host)


def findings_of(text: str, code: str, host: HostSettings | None = None) -> list[Finding]:
    """Return what one rule says of a file."""
    return [finding for finding in report_of(text, host).findings if finding.code == code]


def files_in(block: str) -> list[ConfigText]:
    """Return the files of an example: those that begin with a comment `# /etc/xen/NAME.cfg`, or the one file it is."""
    files: list[ConfigText] = []
    for line in block.splitlines(keepends=True):
        if line.startswith("# /etc/xen/"):
            files.append(ConfigText(line[2:].strip(), ""))
            continue
        if not files:
            files.append(ConfigText("/etc/xen/web.cfg", ""))
        files[-1] = replace(files[-1], text=files[-1].text + line)
    return files
