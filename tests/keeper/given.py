"""A host in miniature: xenstore, /proc, /sys and cgroup v2 as far as the keeper reads and writes them."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

from teig.agent.contract.spec import Spec, parse_spec
from teig.agent.host.state import State, make_private, write_json
from teig.agent.keeper.control_groups import ControlGroups, io_max_line, parse_io_max
from teig.agent.keeper.limits import Limits
from teig.agent.xen.hypervisor import Domain, Share, boottime
from tests.agent.given import GUEST, spec
from tests.agent.processors import CpuPools, domain

QUEUES = "multi-queue-num-queues"


class KernelGroups(ControlGroups):
    """Control groups over plain files that take lines the way the kernel does."""

    def _write(self, file: Path, line: str) -> None:
        if file.name == "cgroup.procs":
            for other in self._ours.rglob("cgroup.procs"):
                other.write_text(other.read_text().replace(f"{line}\n", ""))
            file.write_text((file.read_text() if file.exists() else "") + f"{line}\n")
        elif file.name == "cpu.weight":
            file.write_text(f"{line}\n")
        elif file.name == "io.max":
            rates = {**(parse_io_max(file.read_text()) if file.exists() else {}), **parse_io_max(line)}
            file.write_text("".join(f"{io_max_line(device, rate)}\n" for device, rate in rates.items() if any(rate)))
        else:
            file.write_text(f"{file.read_text()} {line.lstrip('+')}")

    def _weigh(self, folder: Path, weight: int) -> list[str]:
        if "cpu" in (self._ours / "cgroup.subtree_control").read_text() and not (folder / "cpu.weight").exists():
            (folder / "cpu.weight").write_text("100\n")
        return super()._weigh(folder, weight)

    def _remove(self, folder: Path) -> None:
        """Remove a group as the kernel does: not one with threads, nor one with groups in it; its files go with it."""
        if any(path.is_dir() for path in folder.iterdir()) or _text(folder / "cgroup.procs"):
            raise OSError(errno.EBUSY, "Device or resource busy", str(folder))
        shutil.rmtree(folder)


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


class Xen(CpuPools):
    """Domains and a xenstore that tests fill. It has one CPU, which is not divided, where nothing else is said."""

    def __init__(self, cpus: int = 1) -> None:
        super().__init__(cpus)
        self.store: dict[str, str] = {}
        self.weights = {0: Share(2048, 0)}
        self.shares_fail = False
        self.weightless: set[int] = set()
        self.pauses: dict[int, int] = {}

    def read(self, path: str) -> str | None:
        return super().read(path) or self.store.get(path)

    def set_rate(self, domid: int, number: int, rate: str) -> bool:
        path = f"/local/domain/0/backend/vif/{domid}/{number}/rate"
        if self.store.get(path) in (None, rate):
            return False
        self.store[path] = rate
        return True

    def below(self, path: str) -> list[str]:
        return sorted({key[len(path) + 1 :].split("/")[0] for key in self.store if key.startswith(f"{path}/")})

    def find(self, guest: str) -> Domain | None:
        return next((found for found in self.running if found.uuid == guest), None)

    def shares(self, domids: list[int]) -> dict[int, Share]:
        if self.shares_fail:
            raise OSError("xl is gone")
        return {domid: self.weights[domid] for domid in domids}

    def set_share(self, domid: int, share: Share) -> None:
        if domid in self.weightless:
            raise OSError(f"Xen refuses the weight of {domid}")
        super().set_share(domid, share)

    def pause(self, domid: int) -> None:
        self._count_pause(domid, 1)

    def unpause(self, domid: int) -> None:
        if not self.pauses.get(domid):
            raise RuntimeError(22, "Invalid argument")  # xc.Error is one (tools/python/xen/lowlevel/xc/xc.c)
        self._count_pause(domid, -1)

    def _count_pause(self, domid: int, more: int) -> None:
        self.pauses[domid] = self.pauses.get(domid, 0) + more
        paused = self.pauses[domid] > 0
        self.running = [found._replace(paused=paused) if found.domid == domid else found for found in self.running]


class Host:
    """All of it, with one guest defined."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.xen = Xen()
        self.state = State(root / "state")
        self.hierarchy = root / "cgroup"
        self.hierarchy.mkdir()
        (self.hierarchy / "cgroup.subtree_control").write_text("memory pids")
        ours = self.hierarchy / "teig"
        ours.mkdir()
        (ours / "cgroup.subtree_control").write_text("")
        (root / "proc").mkdir()
        self.groups = KernelGroups(self.hierarchy)
        (root / "module").mkdir()
        (root / "module/max_queues").write_text("4\n")
        self.limits = Limits(
            self.xen,  # type: ignore[arg-type]
            self.groups,
            root / "proc",
            root / "block",
            root / "module",
            root / "devices",
        )
        self.disk("254:16")
        self.define()

    def define(self, **changes: Any) -> Spec:
        described = spec(vcpus=1, cap=0, **changes)
        folder = self.state.guest_dir(described["id"])
        make_private(folder)
        write_json(folder / "spec.json", described)
        return parse_spec(described)

    def disk(self, number: str, *lies_on: str) -> None:
        folder = self.root / "block" / number
        (folder / "slaves").mkdir(parents=True)
        (folder / "dev").write_text(f"{number}\n")
        for other in lies_on:
            (folder / "slaves" / other).symlink_to(self.root / "block" / other)

    def run(self, domid: int, devices: tuple[str, ...] = ("253:0",), queues: int = 1, guest: str = GUEST) -> None:
        """Have a domain with connected disks, but no threads yet."""
        self.xen.running.append(domain(domid, guest))
        self.xen.weights[domid] = Share(128, 0)
        for index, device in enumerate(devices):
            back, front = f"/local/domain/0/backend/vbd/{domid}/{index}", f"/local/domain/{domid}/device/vbd/{index}"
            major, minor = (int(part) for part in device.split(":"))
            self.xen.store |= {
                f"{back}/physical-device": f"{major:x}:{minor:x}",
                f"{back}/state": "4",
                f"{back}/frontend": front,
                f"{front}/{QUEUES}": str(queues),
            }

    def thread(self, pid: int, name: str, parent: int = 2, age_s: float = 0.0) -> None:
        """Have a thread that began so long ago."""
        folder = self.root / "proc" / str(pid)
        folder.mkdir()
        ticks = round((boottime() - age_s) * os.sysconf("SC_CLK_TCK"))
        (folder / "stat").write_text(f"{pid} ({name}) S {parent} 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 {ticks} 0\n")

    def submitted(self, domid: int, index: int, **counts: int) -> None:
        """Have blkback's counters of a disk, 0 where nothing is said."""
        folder = self.root / f"devices/vbd-{domid}-{index}/statistics"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("rd_req", "wr_req", "f_req", "rd_sect", "wr_sect"):
            (folder / name).write_text(f"{counts.get(name, 0)}\n")

    def end(self, pid: int) -> None:
        shutil.rmtree(self.root / "proc" / str(pid))
