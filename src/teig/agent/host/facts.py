"""What the host is and has, as teig.model.host.HostFacts and Inventory."""

from __future__ import annotations

import os
import re
import shutil
import socket
from pathlib import Path
from typing import Any

from teig.agent.contract.failure import failure_of
from teig.agent.contract.protocol import CAPABILITIES
from teig.agent.disks import ownership, pools
from teig.agent.guests.guests import Guests
from teig.agent.guests.record import maxmem_mib
from teig.agent.host.clock import clock
from teig.agent.host.state import State
from teig.agent.host.version import version
from teig.agent.keeper import keeper
from teig.agent.network.shaping import NET
from teig.agent.xen import cpupools
from teig.agent.xen.hypervisor import Domain, Hypervisor

PROGRAMS = ("xl", "lvm", "lvcreate", "lvremove", "vgs", "ip", "tc", "bridge", "nft")
_XL_CONF = Path("/etc/xen/xl.conf")


def host_facts(state: State, xen: Hypervisor) -> dict[str, Any]:
    """Measure the host. Where Xen does not run, its version is empty and its figures are 0."""
    now = clock()
    missing = tuple(program for program in PROGRAMS if shutil.which(program) is None)
    return {
        **now._asdict(),
        "hostname": socket.gethostname(),
        "machine_id": Path("/etc/machine-id").read_text().strip(),
        "kernel": os.uname().release,
        "cgroup2": Path("/sys/fs/cgroup/cgroup.controllers").exists(),
        "bridges": sorted(name for path in NET.glob("*/bridge") if (name := path.parent.name).isprintable()),
        **({"volume_groups": []} if "vgs" in missing else _groups(state)),
        "missing_programs": missing,
        "keeper_beat": keeper.beat(),
        "agent_version": version(),
        "keeper_version": keeper.version(),
        "capabilities": list(CAPABILITIES),
        **(_xen_facts(state, xen) if xen.present() else _NO_XEN),
    }


_NO_XEN: dict[str, Any] = {
    **dict.fromkeys(("cores", "xen_memory_mib", "free_memory_mib", "dom0_memory_mib", "dom0_vcpus", "dom0_weight"), 0),
    **dict.fromkeys(("dom0_cores", "guest_cores"), 0),
    **dict.fromkeys(("xen_version", "scheduler"), ""),
    "guest_types": [],
    "dom0_maxmem_mib": None,
    "autoballoon": False,
    "foreign": [],
}


def _xen_facts(state: State, xen: Hypervisor) -> dict[str, Any]:
    physical, about = xen.xc.physinfo(), xen.xc.xeninfo()
    domains = xen.domains()
    dom0 = domains[0]
    weight = xen.shares([domain.domid for domain in domains]).get(0)
    dom0_cores, guest_cores = cpupools.counted(cpupools.division(xen), domains, set(state.guests()))
    total_mib = int(physical["total_memory"]) // 1024
    return {
        "xen_version": f"{about['xen_major']}.{about['xen_minor']}{about['xen_extra']}",
        "cores": int(physical["nr_cpus"]),
        "xen_memory_mib": total_mib,
        "free_memory_mib": int(physical["free_memory"]) // 1024,
        "scheduler": xen.scheduler(),
        "guest_types": guest_types(str(physical.get("virt_caps", ""))),
        "dom0_memory_mib": dom0.mem_kib // 1024,
        "dom0_maxmem_mib": dom0_maximum(dom0.maxmem_kib, total_mib),
        "dom0_vcpus": dom0.vcpus,
        "dom0_weight": weight.weight if weight else 0,
        "dom0_cores": dom0_cores,
        "guest_cores": guest_cores,
        "autoballoon": autoballoon(_read(_XL_CONF), str(about.get("xen_commandline", ""))),
        "foreign": foreign(state, xen, domains),
    }


def inventory(state: State, xen: Hypervisor, guests: Guests) -> dict[str, Any]:
    """Return all guests and foreign domains. One pass over each source, however many guests there are."""
    state.keep_reserve()
    now = clock()
    domains = xen.domains()
    shares = xen.shares([domain.domid for domain in domains])
    return {"guests": guests.all(domains, shares, now), "foreign": foreign(state, xen, domains), **now._asdict()}


def foreign(state: State, xen: Hypervisor, domains: list[Domain]) -> list[dict[str, Any]]:
    """Return the domains that Teig did not make, Domain-0 excepted."""
    ours = set(state.guests())
    others = [domain for domain in domains if domain.domid != 0 and domain.uuid not in ours]
    shares = xen.shares([domain.domid for domain in others])
    total_mib = int(xen.xc.physinfo()["total_memory"]) // 1024 if others else 0
    return [
        {
            "domid": domain.domid,
            "name": xen.name(domain.domid),
            "uuid": domain.uuid,
            "memory_mib": _most_mib(domain, total_mib),
            "vcpus": domain.vcpus,
            "weight": shares[domain.domid].weight if domain.domid in shares else 0,
        }
        for domain in others
    ]


def _most_mib(domain: Domain, total_mib: int) -> int:
    """Return the memory that a domain has or may take at any time; one may have a maximum that means none."""
    most = maxmem_mib(domain)
    return max(domain.mem_kib // 1024, most if most <= total_mib else 0)


def guest_types(virt_caps: str) -> list[str]:
    """Return what kinds of guests Xen can run, from its own word (`xl info`, virt_caps)."""
    words = set(virt_caps.split())
    return [kind for kind, needs in (("pv", "pv"), ("pvh", "hvm")) if needs in words]


def dom0_maximum(maxmem_kib: int, total_mib: int) -> int | None:
    """Return the bound on Domain-0's memory in MiB; None where there is none, which Xen shows as more than it has."""
    return maxmem_kib // 1024 if maxmem_kib // 1024 <= total_mib else None


def autoballoon(xl_conf: str, xen_command_line: str) -> bool:
    """Say whether `xl create` may take memory from Domain-0 (xl.conf(5), `autoballoon`; its default is "auto").

    "auto" means no where the Xen command line has dom0_mem.
    """
    found = re.findall(r"^\s*autoballoon\s*=\s*[\"']?(\w+)", xl_conf, re.MULTILINE)
    word = found[-1] if found else "auto"
    return word in {"1", "on"} or (word == "auto" and "dom0_mem=" not in xen_command_line)


def _groups(state: State) -> dict[str, Any]:
    """Return the volume groups, and write down where guests' volumes lie in them by now."""
    try:
        reports = pools.reports()
        ownership.note(state, ownership.lvm_of(reports))
        return {"volume_groups": [group._asdict() for group in pools.groups_of(reports)]}
    except Exception as error:  # noqa: BLE001  (what LVM says of one group must not hide all else of the host)
        return {"volume_groups": [], "lvm_failure": failure_of(error).message}


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
