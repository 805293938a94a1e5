"""A guest's life on this host: defined, started, stopped, gone. Keyed by its UUID; domain ids change.

The reboot of a guest is done by the `xl create` that started it, which stays behind as a daemon. It runs in a session
of its own and in the agent's control group (see `__main__`), so neither the end of the SSH connection nor a restart of
sshd takes it away.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from teig.agent.contract.failure import Failure, host_fault
from teig.agent.contract.spec import DiskRate, Spec, device, dump_spec, parse_spec
from teig.agent.disks import images, volumes
from teig.agent.disks.seed import seed
from teig.agent.disks.volumes import Volume, Volumes
from teig.agent.host.process import Done, must, run
from teig.agent.host.state import State, read_json, sync_dir, write_json, write_whole
from teig.agent.keeper.limits import Limits, Threads
from teig.agent.network import neighbours, shaping
from teig.agent.xen import own_cores, processor
from teig.agent.xen.hypervisor import MAXMEM_CONSTANT_KIB, SHUTDOWN_CRASH, Domain, Hypervisor, Share
from teig.agent.xen.xlcfg import render

CREATE_TIMEOUT_S = 180.0
GONE_WAIT_S = 120.0
REBOOT_GAP_S = 10.0
_POLL_S = 0.1
_SEED_BYTES = 4 << 20
_KEPT = ("fence", "lock")
WANTED = "wanted"
RUNNING = "running"
STOPPED = "stopped"
_TOO_SLOW = "because of timeout"
_REASONS = (
    (_TOO_SLOW, "dom0_too_slow", "Domain-0 was too busy to attach its devices in time"),
    (r"populate_physmap|can't allocate low memory|failed to free memory|[Oo]ut of memory|Cannot allocate memory",
     "out_of_memory", "Xen has not enough memory for it"),
    (r"[Dd]omain.*already exists|name already", "domain_exists", "a domain with this name or UUID exists already"),
    (r"kernel|ramdisk|xc_dom_(?:kernel|parse|ramdisk)", "bad_kernel", "Xen cannot boot its kernel"),
    (r"unable to add disk|vbd.*hotplug|disk", "disk_failed", "its disks could not be attached"),
    (r"unable to add (?:vif|nic)|vif|bridge", "network_failed", "its network cards could not be attached"),
)  # fmt: skip


class Guests:
    """All that can be done to a guest. One verb at a time: `State.changing` is held around each."""

    def __init__(self, state: State, hypervisor: Hypervisor, disks: Volumes) -> None:
        self._state = state
        self._xen = hypervisor
        self._disks = disks
        self._limits = Limits(hypervisor)

    def spec(self, guest: str) -> Spec:
        """Return a defined guest's description; NotFound where it is not defined."""
        stored = read_json(self._state.guest_dir(guest) / "spec.json")
        if stored is None:
            raise Failure("not_found", f"The host has no guest {guest}.", code="no_guest")
        return parse_spec(stored)

    def using(self, image: str) -> list[str]:
        """Return the names of the guests that boot from an image."""
        stored = (read_json(self._state.guest_dir(guest) / "spec.json") for guest in self._state.guests())
        return [spec["name"] for spec in stored if spec and spec["image"] == image]

    def define(self, guest: str, fence: int, spec: Any) -> dict[str, Any]:
        """Write a guest's files; starts nothing."""
        checked = parse_spec(spec)
        if checked.id != guest:
            raise Failure("invalid", f"The description is of guest {checked.id}, not {guest}.")
        with self._state.changing(guest, fence) as folder, self._state.images_locked(exclusive=False):
            manifest = images.manifest_of(self._state, checked.image)
            paths = [self._volume(guest, disk.number).path for disk in checked.disks]
            seed_path = None
            if manifest.network == "nocloud":
                volume = self._disks.create(folder, guest, "seed", _SEED_BYTES)
                _fill(volume.path, seed(checked, manifest))
                seed_path = volume.path
            text = render(checked, manifest, str(self._state.image_dir(checked.image)), paths, seed_path)
            write_whole(folder / "xl.cfg", text.encode())
            write_json(folder / "spec.json", dump_spec(checked))
        return {}

    def _volume(self, guest: str, index: int) -> Volume:
        volume = volumes.find(guest, f"disk{index}")
        if volume is None:
            raise Failure(
                "conflict",
                f"The volume of {device(index)} is not there.",
                "If somebody removed it, its bytes are gone: delete the guest and make it anew.",
                code="no_volume",
            )
        return volume

    def undefine(self, guest: str, fence: int) -> dict[str, Any]:
        """Remove a guest's files; its volumes stay, and its fence, so that an old owner who comes late is refused."""
        with self._state.changing(guest, fence) as folder:
            self._refuse_running(guest)
            if volumes.find(guest, "seed"):
                self._disks.delete(folder, guest, "seed")
            own_cores.take_back(self._xen, guest)
            for path in folder.iterdir():
                if path.name not in _KEPT and not path.name.startswith("disk"):
                    path.unlink()
            sync_dir(folder)
        return {}

    def _refuse_running(self, guest: str) -> None:
        if self._xen.find(guest):
            raise Failure("conflict", f"Guest {guest} is running.", "Stop it first.", code="guest_running")

    def start(self, guest: str, fence: int) -> dict[str, Any]:
        """Start a guest; one that runs is left alone. From here on it is started after each boot of the host too."""
        with self._state.changing(guest, fence) as folder:
            _want(folder, RUNNING)
            return {"domid": self._start(guest, folder)}

    def enforce(self, guest: str, fence: int) -> dict[str, Any]:
        """Hold a running guest to its files at once: maxmem, weight, cap, disk and network rates."""
        with self._state.changing(guest, fence):
            spec, domain = self.spec(guest), self._xen.find(guest)
            if domain is None or domain.dying:
                return {}
            if maxmem_mib(domain) != spec.memory_mib:
                must(["xl", "mem-max", str(domain.domid), str(spec.memory_mib)], "xl_failed")
            processor.hold(self._xen, spec, domain.domid, self._xen.shares([domain.domid]).get(domain.domid))
            self._limits.hold(spec, domain.domid)
            shaping.hold(spec, domain.domid, shaping.received())
        return {}

    def stop(self, guest: str, fence: int, grace_s: float) -> dict[str, Any]:
        """Stop a guest: asked first, destroyed after `grace_s` seconds."""
        with self._state.changing(guest, fence) as folder:
            _want(folder, STOPPED)
            self._stop(guest, grace_s)
        return {}

    def ask_all_to_stop(self) -> list[str]:
        """Ask every guest that runs to shut down, and return them."""
        ours = set(self._state.guests())
        running = [domain for domain in self._xen.domains() if domain.uuid in ours and not domain.dying]
        for domain in running:
            self._xen.ask_to_stop(domain.domid)
        return [domain.uuid for domain in running]

    def halt(self, guest: str, fence: int, grace_s: float) -> None:
        """Stop a guest for as long as its host is down: it is started again after the next boot."""
        with self._state.changing(guest, fence):
            self._stop(guest, grace_s)

    def reboot(self, guest: str, fence: int, grace_s: float) -> dict[str, Any]:
        """Stop and start a guest, as one."""
        with self._state.changing(guest, fence) as folder:
            self.spec(guest)
            _want(folder, RUNNING)
            self._stop(guest, grace_s)
            return {"domid": self._start(guest, folder)}

    def _start(self, guest: str, folder: Path) -> int:
        spec = self.spec(guest)
        marker = folder / "starting"
        domain = self._xen.find(guest)
        if domain and domain.shutdown:
            # It is between two lives: its xl is about to reboot it, or has died and never will.
            self._wait(lambda: not self._in_shutdown(guest), REBOOT_GAP_S)
            domain = self._xen.find(guest)
        if domain and not domain.shutdown and not (domain.paused and marker.exists()):
            marker.unlink(missing_ok=True)
            return domain.domid
        if domain:
            self._destroy(guest)
        for disk in spec.disks:
            self._disks.grow(folder, guest, f"disk{disk.number}", disk.size_bytes)
        self._check_startable(spec, folder)
        own_cores.give(self._xen, spec)
        neighbours.forget(spec.nics)
        marker.touch(mode=0o600)
        free = self._xen.free_mib()
        done = self._create(guest, folder)
        domain = self._xen.find(guest)
        if done.status == 0 and domain and not domain.shutdown and not domain.dying:
            self._limit(spec, domain.domid)
            marker.unlink()
            return domain.domid
        self._destroy(guest)
        marker.unlink()
        raise _not_started(spec, done, free)

    def _limit(self, spec: Spec, domid: int) -> None:
        """Hold a guest to its disk rates, or stop it: one without limits would harm all others."""
        try:
            self._limits.hold(spec, domid)
        except OSError as error:
            self._destroy(spec.id)
            raise host_fault(
                "limits_failed",
                f"Guest {spec.name} was stopped: its disks could not be limited: {error}.",
                "The host needs cgroup v2 with the io controller: see /sys/fs/cgroup/cgroup.controllers.",
            ) from error

    def _create(self, guest: str, folder: Path) -> Done:
        """Run `xl create`, and once more where Dom0 was too slow: xl gives a hotplug script only some seconds."""
        argv = ["xl", "create", str(folder / "xl.cfg")]
        done = run(argv, CREATE_TIMEOUT_S)
        if _TOO_SLOW in done.said:
            self._destroy(guest)
            done = run(argv, CREATE_TIMEOUT_S)
        return done

    def _in_shutdown(self, guest: str) -> bool:
        domain = self._xen.find(guest)
        return domain is not None and domain.shutdown

    def _check_startable(self, spec: Spec, folder: Path) -> None:
        active = {volume.what: volume for volume in volumes.mapped() if volume.guest == spec.id}
        for disk in spec.disks:
            volume = active.get(f"disk{disk.number}")
            if volume is None or not volumes.is_clean(folder, volume):
                raise Failure(
                    "conflict",
                    f"Guest {spec.name}: the volume of {disk.device} is not there, or was never made clean.",
                    "Create it again.",
                    code="volume_dirty",
                )
        if volumes.image_on(folder, active["disk0"]) is None:
            raise Failure(
                "conflict",
                f"Guest {spec.name}: no image is on its first volume.",
                "Write it.",
                code="no_image_on_volume",
            )
        free = self._xen.free_mib()
        if free < spec.memory_mib:
            raise _no_memory(spec, free)

    def _stop(self, guest: str, grace_s: float) -> None:
        deadline = time.monotonic() + grace_s
        asked: set[int] = set()
        while time.monotonic() < deadline:
            domain = self._xen.find(guest)
            if domain is None:
                break
            if domain.domid not in asked:
                # A guest that was just rebooting comes back with another id, and is asked again.
                self._xen.ask_to_stop(domain.domid)
                asked.add(domain.domid)
            if domain.shutdown:
                self._wait(lambda: not self._in_shutdown(guest), min(REBOOT_GAP_S, grace_s))
                if self._in_shutdown(guest):
                    break
            time.sleep(_POLL_S)
        self._destroy(guest)

    def _destroy(self, guest: str) -> None:
        said = ""
        deadline = time.monotonic() + GONE_WAIT_S
        tried: set[int] = set()
        while (domain := self._xen.find(guest)) is not None:
            if domain.domid not in tried and not domain.dying:
                said = run(["xl", "destroy", str(domain.domid)]).said
                tried.add(domain.domid)
            if time.monotonic() >= deadline:
                raise host_fault(
                    "domain_stuck", f"Domain {domain.domid} of guest {guest} does not go away. {said}".strip()
                )
            time.sleep(_POLL_S)
        own_cores.take_back(self._xen, guest)

    def _wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def wait_ready(self, guest: str, port: int, timeout_s: float) -> dict[str, Any]:
        """Wait until a guest takes TCP connections on a port."""
        spec = self.spec(guest)
        deadline = time.monotonic() + timeout_s
        last_seen = time.monotonic()
        while not answers(spec.nics[0].ip, port):
            now = time.monotonic()
            if self._xen.find(guest):
                last_seen = now
            if now - last_seen > REBOOT_GAP_S / 2:
                raise host_fault(
                    "guest_died", f"Guest {spec.name} stopped before it answered on port {port}.",
                    f"Look at its console: teig guest console {spec.name}",
                )  # fmt: skip
            if now >= deadline:
                raise host_fault(
                    "guest_not_ready",
                    f"Guest {spec.name} did not answer on {spec.nics[0].ip} port {port} within {timeout_s:g} seconds.",
                    f"Look at its console: teig guest console {spec.name}",
                )
        return {}

    def volume_create(self, guest: str, fence: int, index: int, size_bytes: int) -> dict[str, Any]:
        """Make a volume that reads as zeros."""
        with self._state.changing(guest, fence) as folder:
            self._disks.create(folder, guest, f"disk{index}", size_bytes)
        return {}

    def volume_write_image(self, guest: str, fence: int, index: int, image: str) -> dict[str, Any]:
        """Put an image onto a volume."""
        with self._state.changing(guest, fence) as folder, self._state.images_locked(exclusive=False):
            manifest = images.manifest_of(self._state, image)
            self._refuse_running(guest)
            source = self._state.image_dir(image) / manifest.root.file
            volumes.write_image(folder, self._volume(guest, index), image, source, manifest.root)
        return {}

    def volume_delete(self, guest: str, fence: int, index: int) -> dict[str, Any]:
        """Remove a volume."""
        with self._state.changing(guest, fence) as folder:
            self._refuse_running(guest)
            self._disks.delete(folder, guest, f"disk{index}")
        return {}

    def show(self, guest: str) -> dict[str, Any]:
        """Return one guest as teig.model.host.GuestOnHost; NotFound where nothing of it is here."""
        domain = self._xen.find(guest)
        shares = self._xen.shares([domain.domid]) if domain else {}
        found = self.describe(guest, domain, shares, volumes.mapped(), self._limits.threads() if domain else {})
        if found is None:
            raise Failure("not_found", f"The host has no guest {guest}.", code="no_guest")
        return found

    def all(self, domains: list[Domain], shares: dict[int, Share]) -> list[dict[str, Any]]:
        """Return all guests as teig.model.host.GuestOnHost. One pass over each source, however many there are."""
        by_uuid = {domain.uuid: domain for domain in domains}
        active, threads = volumes.mapped(), self._limits.threads()
        described = (
            self.describe(guest, by_uuid.get(guest), shares, active, threads) for guest in self._state.guests()
        )
        return [guest for guest in described if guest]

    def describe(
        self,
        guest: str,
        domain: Domain | None,
        shares: dict[int, Share],
        active: list[Volume],
        threads: Threads,
    ) -> dict[str, Any] | None:
        """Return a guest's record from what was read already; None where only its fence is left."""
        stored = read_json(self._state.guest_dir(guest) / "spec.json")
        disks = volumes.disks_of(guest, active)
        if stored is None and not disks and domain is None:
            return None
        if domain:
            domain = domain._replace(vcpus=self._xen.vcpus(domain))
        cores = own_cores.count(self._xen, domain) if domain else 0
        return {
            "id": guest,
            "fence": self._state.fence(guest),
            "spec": stored,
            "domid": domain.domid if domain else None,
            "state": state_word(domain),
            "live": live(domain, shares.get(domain.domid), self._limits.held(guest, domain.domid, threads), cores)
            if domain
            else None,
            "volumes": disks,
            "cpu_time_ns": domain.cpu_time_ns if domain else 0,
        }


def state_word(domain: Domain | None) -> str:
    """Return a word of teig.model.guest.GuestState."""
    if domain is None:
        return "stopped"
    return "crashed" if domain.shutdown and domain.shutdown_reason == SHUTDOWN_CRASH else "running"


def live(domain: Domain, share: Share | None, rate: DiskRate, cores: int) -> dict[str, int]:
    """Return what the hypervisor gives a domain, as teig.model.guest.Entitled; 0 where Xen says nothing.

    Memory is told to the nearest MiB: a PVH guest has a few pages of Xen's own besides those that it was promised
    (tools/include/xenguest.h, X86_HVM_NR_SPECIAL_PAGES).
    """
    return {
        "memory_mib": (domain.mem_kib + 512) // 1024,
        "maxmem_mib": maxmem_mib(domain),
        "vcpus": domain.vcpus,
        "weight": share.weight if share else 0,
        "cap": share.cap if share else 0,
        "own_cores": cores,
        **rate._asdict(),
    }


def maxmem_mib(domain: Domain) -> int:
    """Return the most memory that Xen lets a domain have."""
    return (domain.maxmem_kib - MAXMEM_CONSTANT_KIB) // 1024


def _want(folder: Path, state: str) -> None:
    """Remember whether a guest is to run after the host's next boot. The file's age gives the order of starting."""
    file = folder / WANTED
    if not file.exists() or file.read_text().strip() != state:
        write_whole(file, f"{state}\n".encode())


def answers(ip: str, port: int) -> bool:
    """Say whether a TCP connection is accepted; waits a quarter of a second at most, and a little where refused."""
    try:
        socket.create_connection((ip, port), timeout=0.25).close()
    except socket.timeout:
        return False
    except OSError:
        time.sleep(_POLL_S)
        return False
    return True


def _fill(path: str, data: bytes) -> None:
    """Write a small volume whole: the data, then zeros."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(handle, data.ljust(_SEED_BYTES, b"\0"), 0)
        os.fsync(handle)
    finally:
        os.close(handle)


def _no_memory(spec: Spec, free: int) -> Failure:
    return host_fault(
        "out_of_memory",
        f"Guest {spec.name} did not start: Xen has {free} MiB free, and it needs {spec.memory_mib} MiB and a little "
        "for Xen itself.",
        "Stop another guest on this host or choose a smaller plan.",
    )


def _not_started(spec: Spec, done: Done, free: int) -> Failure:
    """Return why `xl create` made no running domain, from what it said; its exit status is not telling."""
    for pattern, code, reason in _REASONS:
        if re.search(pattern, done.said) and code == "out_of_memory":
            return _no_memory(spec, free)
        if re.search(pattern, done.said):
            return host_fault(code, f"Guest {spec.name} did not start: {reason}. xl says: {done.said}")
    said = done.said or "nothing"
    return host_fault("not_started", f"Guest {spec.name} did not start, or stopped at once. xl says: {said}")
