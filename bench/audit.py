"""audit.configs_per_s: how many different configuration files a second `teig audit` looks at, with all rules.

One process, one core, from bytes to sorted findings, all files together and with their host. Beside it, how long the
command takes for a thousand files on disk, its own start included.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from audit_files import configs
from figures import Figure, options, report
from teig.audit.host import Bridge, ConfigText, DiskSettings, GroupSettings, HostSettings
from teig.audit.registry import entries
from teig.audit.review import review

BAR = ">= 500"
HOST = HostSettings(
    hostname="xen1",
    date="2026-11-22",
    xen_version="4.17.7",
    xen_command_line="placeholder loglvl=warning",
    cores=16,
    memory_mib=65536,
    scheduler="credit",
    timeslice_ms=30,
    dom0_memory_mib=4096,
    dom0_vcpus=16,
    dom0_pinned=False,
    dom0_weight=256,
    autoballoon=True,
    disks=(DiskSettings("sda", "cfq", ("cfq", "noop"), True, "write back", True),),
    groups=(GroupSettings("vg0", 1 << 40, 1 << 30, ""),),
    bridges=(Bridge("xenbr0", True, 15.0),),
    links=tuple((f"/dev/mapper/vg0-web{number}", f"/dev/dm-{number}") for number in range(1000)),
    paths=tuple((f"/boot/vmlinuz-{number}", "missing") for number in range(1000)),
)


def rate(files: list[bytes]) -> float:
    begin = time.process_time()
    found = review([ConfigText.of(f"guest{number}.cfg", data) for number, data in enumerate(files)], HOST)
    spent = time.process_time() - begin
    assert not found.errors
    assert len(found.findings) > len(files), "the files are made to have something wrong with each"
    return len(files) / spent


def command_seconds(files: list[bytes]) -> float:
    teig = str(Path(sys.executable).with_name("teig"))
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, data in enumerate(files):
            paths.append(str(Path(folder) / f"guest{number}.cfg"))
            Path(paths[-1]).write_bytes(data)
        begin = time.perf_counter()
        subprocess.run([teig, "audit", "-o", "json", *paths], stdout=subprocess.DEVNULL, check=False)
        return time.perf_counter() - begin


def main() -> int:
    parser = options("Measure how fast configuration files are audited.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=1000)
    args = parser.parse_args()
    files = [text.encode() for text in configs(args.files)]
    assert len(set(files)) == args.files
    rate(files[:50])  # imports the rules
    rates = [rate(files) for _ in range(args.rounds)]
    seconds = [command_seconds(files) for _ in range(args.rounds)]
    return report(
        [
            Figure("audit.configs_per_s", statistics.median(rates), "1/s", BAR, rates),
            Figure("audit.command_1000_s", statistics.median(seconds) * 1000 / args.files, "s", rounds=seconds),
            Figure("audit.rules", len(entries()), "", ">= 35"),
        ],
        args.output,
    )


if __name__ == "__main__":
    sys.exit(main())
