"""Why `xl create` made no running domain, from what it said: its exit status is not telling."""

from __future__ import annotations

import re

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.contract.spec import Spec
from teig.agent.host.process import Done
from teig.agent.xen.hotplug import BLOCK, VIF_BRIDGE

TOO_SLOW = "because of timeout"
"""What xl says where a hotplug script took longer than it waits."""
TOO_BUSY = "dom0_too_slow"
_REASONS = (
    (TOO_SLOW, TOO_BUSY, "Domain-0 was too busy to attach its devices in time"),
    (rf"{BLOCK} add \[\d+\] exited", "disk_failed", "its disks could not be attached"),
    (rf"{VIF_BRIDGE} online \[\d+\] exited", "network_failed", "its network cards could not be attached"),
    (r"populate_physmap|can't allocate low memory|failed to free memory|[Oo]ut of memory|Cannot allocate memory",
     "out_of_memory", "Xen has not enough memory for it"),
    (r"[Dd]omain.*already exists|name already", "domain_exists", "a domain with this name or UUID exists already"),
    (r"kernel|ramdisk|xc_dom_(?:kernel|parse|ramdisk)", "bad_kernel", "Xen cannot boot its kernel"),
    (r"unable to add disk|vbd.*hotplug|disk", "disk_failed", "its disks could not be attached"),
    (r"unable to add (?:vif|nic)|vif|bridge", "network_failed", "its network cards could not be attached"),
)  # fmt: skip


def no_memory(spec: Spec, free: int) -> Failure:
    """Return the failure of a start for which Xen has too little memory, `free` MiB."""
    return host_fault(
        "out_of_memory",
        f"Guest {spec.name} did not start: Xen has {free} MiB free, and it needs {spec.memory_mib} MiB and a little "
        "for Xen itself.",
        "Stop another guest on this host or choose a smaller plan.",
    )


def not_started(spec: Spec, done: Done, free: int) -> Failure:
    """Return why `xl create` made no running domain, from what it said; its exit status is not telling."""
    for pattern, code, reason in _REASONS:
        if re.search(pattern, done.said) and code == "out_of_memory":
            return no_memory(spec, free)
        if re.search(pattern, done.said):
            return host_fault(
                code, f"Guest {spec.name} did not start: {reason}. xl says: {done.said}", _todo(code, spec)
            )
    said = done.said or "nothing"
    said = f"Guest {spec.name} did not start, or stopped at once. xl says: {said}"
    return host_fault("not_started", said, _todo("not_started", spec))


def _todo(code: str, spec: Spec) -> str:
    if code == TOO_BUSY:
        return "Start it again when Domain-0 is less busy: `xentop` on the host shows what it does, and for whom."
    return (
        f"Put that right on the host and start the guest again; xl says more in /var/log/xen/xl-{spec.name}.log there."
    )


def going_down(spec: Spec) -> Failure:
    """Return that a guest is not started because its host goes down: it would be cut off at once."""
    return Failure(
        "busy",
        f"Guest {spec.name} is not started: its host goes down.",
        "Start it when the host is back. If it does not go down, on the host: systemctl start teig-guests",
        code="host_going_down",
    )
