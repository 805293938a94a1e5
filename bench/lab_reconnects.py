"""How long a guest that connects its disk anew as fast as it can is above its disk limit: `keeper.reconnect_share`.

The guest is one of image micro with two disks; `start` has it begin, and `share` measures from its first reconnect on.
It is read from Domain-0, of the volumes' own counters, so that it depends on nothing that the keeper says.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from teig.lab.hosts import LabHost
from teig.model.guest import GuestSpec

STEP_S = 0.25
"""How long a stretch of time is that is within the limit or above it."""
ABOVE = 1.15
"""Above the limit is what exceeds it by more than the bar of `disk.*.error` allows."""
PROGRAM = """
import json, os, sys, time
sectors, step, seconds, wait = [float(word) for word in sys.argv[1:5]]
disk = "(%s.xvdb-" % sys.argv[5]
files = ["/sys/dev/block/%s/stat" % number for number in sys.argv[6:]]
def written():
    return sum(int(open(file).read().split()[6]) for file in files)
def threads():
    found = set()
    for name in os.listdir("/proc"):
        try:
            text = open("/proc/%s/stat" % name).read() if name.isdigit() else ""
        except OSError:
            continue
        if disk in text:
            found.add(name)
    return found
first, begun = threads(), time.monotonic()
while threads() <= first and time.monotonic() < begun + wait:
    time.sleep(0.05)
total = above = most = 0.0
start = last_time = time.monotonic()
last = written()
while last_time < start + seconds:
    time.sleep(step)
    now, count = time.monotonic(), written()
    total += now - last_time
    rate = (count - last) / (now - last_time)
    above += now - last_time if rate > sectors else 0.0
    most = max(most, rate / sectors)
    last, last_time = count, now
print(json.dumps({"seconds": total, "above": above, "most": most}))
"""


class Above(NamedTuple):
    """For how many of `seconds` a guest was above its limit, and the most that it did, as a multiple of the limit."""

    seconds: float
    above: float
    most: float

    @property
    def share(self) -> float:
        """The part of the time."""
        return self.above / self.seconds


def share(lab: LabHost, spec: GuestSpec, domid: int, seconds: float = 600.0) -> Above:
    """Measure a guest from its next reconnect on, which the page `reconnect` of image micro has it make."""
    listed = lab.run(f"lvs --noheadings --separator : -o lv_kernel_major,lv_kernel_minor -S lv_name=~{spec.id}")
    devices = [line.strip() for line in listed.splitlines()]
    sectors = ABOVE * spec.disk_rate.write_bps / 512
    words = " ".join([f"{sectors:g}", f"{STEP_S:g}", f"{seconds:g}", "120", str(domid), *devices])
    return Above(**json.loads(lab.run(f"python3 - {words}", stdin=PROGRAM.encode(), timeout_s=seconds + 300)))
