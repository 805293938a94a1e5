"""How long a guest that connects its disk anew as fast as it can is above its disk limit: `keeper.reconnect_share`.

The guest is one of image micro with eight disks, whose page `reconnect` has it begin. It is measured from its first
reconnect on, in Domain-0, by the volumes' own counters: nothing depends on what the keeper says.
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
import json, sys, time
sectors, step, seconds, wait = [float(word) for word in sys.argv[1:5]]
files = ["/sys/dev/block/%s/stat" % number for number in sys.argv[5:]]
def written():
    return sum(int(open(file).read().split()[6]) for file in files)
last, begun = written(), time.monotonic()
while written() == last and time.monotonic() < begun + wait:
    time.sleep(step)
total = above = most = 0.0
start = last_time = time.monotonic()
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


def share(lab: LabHost, spec: GuestSpec, seconds: float = 600.0) -> Above:
    """Measure a guest from the first time on that it writes to its further disks, as the page `reconnect` has it do."""
    columns = "lv_name,lv_kernel_major,lv_kernel_minor"
    listed = lab.run(f"lvs --noheadings --separator : -o {columns} -S lv_name=~{spec.id}").split()
    devices = [line.partition(":")[2] for line in listed if not line.partition(":")[0].endswith("disk0")]
    sectors = ABOVE * spec.disk_rate.write_bps / 512
    words = " ".join([f"{sectors:g}", f"{STEP_S:g}", f"{seconds:g}", "30", *devices])
    return Above(**json.loads(lab.run(f"python3 - {words}", stdin=PROGRAM.encode(), timeout_s=seconds + 300)))
