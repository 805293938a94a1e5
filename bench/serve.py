"""serve.rss_mb: the memory of an idle `teig serve` that has one host with one guest.

Its resident set is read once a second for a minute, in which it looks at the host several times; the largest counts.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from figures import Figure, options, report
from standing import Standing, standing

SECONDS = 60


def resident_mb(pid: int) -> float:
    """Return a process's resident set in MB (proc(5), VmRSS in units of 1024 bytes)."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024 / 1e6


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, in seconds (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(stands: Standing) -> list[Figure]:
    pid = int((stands.state / "teig/server/lock").read_text())
    before, begin = cpu_s(pid), time.monotonic()
    found = []
    for _ in range(SECONDS):
        found.append(resident_mb(pid))
        time.sleep(1)
    share = 100 * (cpu_s(pid) - before) / (time.monotonic() - begin)
    return [Figure("serve.rss_mb", max(found), "MB", "< 150"), Figure("serve.idle_cpu", share, "%")]


def main() -> int:
    args = options("Measure an idle server.").parse_args()
    with standing() as stands:
        figures = measure(stands)
    return report(figures, args.output)


if __name__ == "__main__":
    sys.exit(main())
