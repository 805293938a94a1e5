"""A guest's life on this host: defined, started, stopped, gone. Keyed by its UUID; domain ids change.

The reboot of a guest is done by the `xl create` that started it, which stays behind as a daemon. It runs in a session
of its own and in the agent's control group (see `__main__`), so neither the end of the SSH connection nor a restart of
sshd takes it away.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from teig.agent.contract.failure import Failure, failure_of, host_fault
from teig.agent.contract.spec import Disk, Spec, device, dump_spec, parse_spec
from teig.agent.disks import images, seed, volumes
from teig.agent.disks.volumes import Volume, Volumes
from teig.agent.guests import startable
from teig.agent.guests.answering import answering
from teig.agent.guests.asked import Asked
from teig.agent.guests.record import NO_LIMITS, Read, dom0_time, has_now, live, lives, maxmem_mib, read, record
from teig.agent.guests.start_failures import TOO_SLOW, going_down, no_memory, not_started
from teig.agent.guests.wanted import RUNNING, STOPPED, since, want
from teig.agent.host import progress
from teig.agent.host.clock import Clock, clock
from teig.agent.host.process import Done, must, run
from teig.agent.host.state import GOING_DOWN, LOCK_WAIT_S, State, outlives, read_json, sync_dir, write_json, write_whole
from teig.agent.keeper import pauses
from teig.agent.keeper.limits import Limits, Threads
from teig.agent.network import cards, neighbours
from teig.agent.network.cards import Cards
from teig.agent.xen import daemons, own_cores, processor
from teig.agent.xen.hypervisor import Domain, Hypervisor, Share
from teig.agent.xen.xlcfg import render

CREATE_TIMEOUT_S = 180.0
STARTS_AT_ONCE = 4
"""xl makes one domain after the other, under a lock of its own (tools/xl/xl_vmcontrol.c, acquire_lock), and its time
would be up while it waits there."""
STARTED = "started.json"
STARTING = "starting"
GONE_WAIT_S = 120.0
REBOOT_GAP_S = 10.0
_POLL_S = 0.1


class Guests:
    """All that can be done to a guest. One verb at a time: `State.changing` is held around each."""

    def __init__(self, state: State, hypervisor: Hypervisor, disks: Volumes) -> None:
        self._state = state
        self._xen = hypervisor
        self._disks = disks
        self._limits = Limits(hypervisor)
        self._cards = Cards(state, hypervisor)

    def spec(self, guest: str) -> Spec:
        """Return a defined guest's description; NotFound where it is not defined."""
        stored = read_json(self._state.guest_dir(guest) / "spec.json")
        if stored is None:
            raise Failure("not_found", f"The host has no guest {guest}.", code="no_guest")
        return parse_spec(stored)

    def define(self, guest: str, fence: int, spec: Any) -> dict[str, Any]:
        """Write a guest's files; starts nothing."""
        checked = parse_spec(spec)
        if checked.id != guest:
            raise Failure("invalid", f"The description is of guest {checked.id}, not {guest}.")
        with self._state.changing(guest, fence) as folder:
            manifest = images.manifest_of(self._state, checked.image)
            there = [self._volume(guest, disk.number) for disk in checked.disks]
            startable.refuse_unclean(folder, checked, there)
            paths = [volume.path for volume in there]
            seed_path = None
            if manifest.network == "nocloud":
                volume = self._disks.create(folder, guest, "seed", seed.SIZE_BYTES)
                seed.write(volume.path, checked, manifest)
                seed_path = volume.path
            text = render(checked, manifest, str(self._state.image_dir(checked.image)), paths, seed_path)
            write_whole(folder / "xl.cfg", text.encode())
            write_json(folder / "spec.json", dump_spec(checked))
        return {}

    def _volume(self, guest: str, index: int) -> Volume:
        volume = volumes.activated(self._state.guest_dir(guest), guest, f"disk{index}")
        if volume is None:
            raise Failure(
                "conflict",
                f"The volume of {device(index)} is not there: LVM knows of none of its own, active or not.",
                "Bring back the disks that it was on. If somebody removed it, its bytes are gone: delete the guest and "
                "make it anew.",
                code="no_volume",
            )
        return volume

    def undefine(self, guest: str, fence: int) -> dict[str, Any]:
        """Remove a guest's files; its volumes stay, and its fence, so that an old owner who comes late is refused.

        So does what says which volumes were removed: it may be done again, and what has their names then is a copy.
        """
        with self._state.changing(guest, fence) as folder:
            self._refuse_running(guest)
            self._disks.delete(folder, guest, "seed")
            own_cores.take_back(self._xen, guest, self._state)
            for path in folder.iterdir():
                if not (outlives(path) or path.match("disk*.json")):
                    path.unlink()
            sync_dir(folder)
        return {}

    def _refuse_running(self, guest: str) -> None:
        if not self._ended(guest):
            raise Failure("conflict", f"Guest {guest} is running.", "Stop it first.", code="guest_running")

    def _ended(self, guest: str) -> bool:
        """Say whether a guest has ended for good: Xen has no domain of it, and nothing is about to make one."""
        return not self._is_looked_after(guest) and self._xen.find(guest) is None

    def _is_looked_after(self, guest: str) -> bool:
        return bool(daemons.of_guest(self._state.guest_dir(guest)))

    def start(self, guest: str, fence: Optional[int]) -> dict[str, Any]:
        """Start a guest; one that runs is left alone. Once it has, it is started after each boot of the host too.

        Without a fence it is the host's boot: a guest that was stopped since that looked who is to run stays so.
        """
        with self._state.changing(guest, fence) as folder:
            if fence is None and since(folder) is None:
                return {"domid": None}
            domid = self._start(guest, folder)
            want(folder, RUNNING)
            return {"domid": domid}

    def enforce(self, guest: str, fence: int) -> dict[str, Any]:
        """Hold a running guest to its files at once: maxmem, weight, cap, disk and network rates."""
        with self._state.changing(guest, fence):
            spec, domain = self.spec(guest), self._xen.find(guest)
            if domain is None or domain.dying:
                return {}
            domid = domain.domid
            _all_of(
                lambda: self._enforce_memory(spec, domain),
                lambda: processor.hold(self._xen, spec, domain, self._xen.shares([domid]).get(domid)),
                lambda: self._limits.hold(spec, domid),
                lambda: self._cards.write([spec]),
                lambda: self._cards.hold(spec, domid, self._cards.seen()),
            )
        return {}

    def _enforce_memory(self, spec: Spec, domain: Domain) -> None:
        """Set the most memory that a domain may have to what it was started with: there is no balloon, ever.

        Xen refuses less than it has now (tools/libs/light/libxl_mem.c, libxl_domain_setmaxmem).
        """
        known = read_json(self._state.guest_dir(spec.id) / STARTED)  # not there where an older agent has started it
        most = known["spec"]["memory_mib"] if known else maxmem_mib(domain)
        if maxmem_mib(domain) != most and domain.mem_kib // 1024 <= most:
            must(["xl", "mem-max", str(domain.domid), str(most)], "xl_failed")

    def stop(self, guest: str, fence: int, grace_s: float) -> dict[str, Any]:
        """Stop a guest: asked first, destroyed after `grace_s` seconds. One that is cancelled leaves it as it was."""
        with self._state.changing(guest, fence) as folder:
            cut_off = self._stop(guest, grace_s)
            want(folder, STOPPED)
        return {"cut_off": cut_off}

    def ask_all_to_stop(self, asked: Asked) -> list[str]:
        """Ask each guest that runs to shut down, whatever one says; return who has not ended."""
        ours = set(self._state.guests())
        running = [domain for domain in self._xen.domains() if domain.uuid in ours and lives(domain)]
        for domain in running:
            with contextlib.suppress(Exception):
                asked.ask(self._xen, domain)
        left = [domain.uuid for domain in running]
        # One that is just rebooting has no domain, and would have one before the host is down.
        between = {guest for guest in ours - set(left) - asked.ended if self._is_between(guest)}
        asked.ended |= ours - set(left) - between  # of each it is asked once: that reads all processes
        return [*left, *between]

    def _is_between(self, guest: str) -> bool:
        """Say whether a guest that has no domain is to get one, as far as that can be read."""
        with contextlib.suppress(Exception):
            return (self._state.guest_dir(guest) / STARTED).exists() and self._is_looked_after(guest)
        return False

    def halt(self, guest: str) -> None:
        """Destroy what is left of a guest for as long as its host is down: it is started again after the next boot.

        So is one that somebody works on, who can do nothing more for it.
        """
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(Failure):
                stack.enter_context(self._state.changing(guest, None, LOCK_WAIT_S))
            self._destroy(guest)

    def reboot(self, guest: str, fence: int, grace_s: float) -> dict[str, Any]:
        """Stop and start a guest, as one. One that could not be started then is not stopped."""
        with self._state.changing(guest, fence) as folder:
            self._check_startable(self.spec(guest), folder)
            cut_off = self._stop(guest, grace_s)
            domid = self._start(guest, folder)
            want(folder, RUNNING)
            return {"domid": domid, "cut_off": cut_off}

    def _start(self, guest: str, folder: Path) -> int:
        spec = self.spec(guest)
        if GOING_DOWN.exists():
            raise going_down(spec)
        marker = folder / STARTING
        domain = self._xen.find(guest)
        if not self._ended(guest) and (domain is None or domain.shutdown):
            # It is between two lives: its xl is about to make it anew, or never will.
            self._wait(lambda: self._ended(guest) or lives(self._xen.find(guest)), REBOOT_GAP_S)
            domain = self._xen.find(guest)
        if domain and lives(domain) and self._may_go_on(spec, domain, cut_short=marker.exists()):
            marker.unlink(missing_ok=True)
            pauses.undo_others(self._xen, domain)
            return domain.domid
        self._destroy(guest)
        for disk in spec.disks:
            self._grow(folder, guest, disk)
        startable.refuse_growing(folder, spec, self._check_startable(spec, folder))
        free = self._xen.free_mib()
        if free < spec.memory_mib:
            raise no_memory(spec, free)
        pool = own_cores.give(self._xen, spec, self._state)
        neighbours.forget(spec.nics)
        cards.write(folder, spec)
        marker.touch(mode=0o600)
        write_json(folder / STARTED, {"spec": dump_spec(spec), "at": time.clock_gettime(time.CLOCK_BOOTTIME)})
        try:
            domid = self._make(spec, folder, pool)
        except BaseException:  # whatever it is: what runs without limits would harm all others
            self._destroy(guest)
            raise
        marker.unlink()
        return domid

    def _grow(self, folder: Path, guest: str, disk: Disk) -> None:
        """Make a disk as large as it is promised; where there is no room for that, the guest runs with what it has.

        It is tried again at each start, and its host tells the size that the disk has.
        """
        self._volume(guest, disk.number)
        try:
            self._disks.grow(folder, guest, f"disk{disk.number}", disk.size_bytes)
        except Failure as failure:
            if failure.code not in {"volume_group_full", "no_volume_group", "lvm_failed"}:
                raise

    def _may_go_on(self, spec: Spec, domain: Domain, *, cut_short: bool) -> bool:
        """Say whether a domain is whole, or xl is making it; one that a start has left is held to its limits now.

        xl lets a domain run as the last thing that it does for it: one that is paused and has never run may lack disks.
        """
        if domain.paused and not domain.cpu_time_ns:
            return not cut_short and self._is_looked_after(spec.id)
        with contextlib.suppress(Failure):
            if cut_short:
                self._limit(spec, domain.domid)
            return True
        return False

    def _make(self, spec: Spec, folder: Path, pool: str) -> int:
        """Have xl make the domain, and hold it to its limits."""
        free = self._xen.free_mib()
        done = self._create(spec, folder, pool)
        domain = self._xen.find(spec.id)
        if done.status != 0 or domain is None or not lives(domain):
            raise not_started(spec, done, free)
        self._limit(spec, domain.domid)
        return domain.domid

    def _limit(self, spec: Spec, domid: int) -> None:
        """Hold a guest to its disk rates; a host fault where that cannot be done, whatever the reason."""
        try:
            self._limits.hold(spec, domid)
        except Exception as error:
            raise host_fault(
                "limits_failed",
                f"Guest {spec.name} was stopped: its disks could not be limited: {failure_of(error).message}",
                "The host needs cgroup v2 with the io controller: see /sys/fs/cgroup/cgroup.controllers.",
            ) from error

    def _create(self, spec: Spec, folder: Path, pool: str) -> Done:
        """Run `xl create`, and once more where Dom0 was too slow: xl gives a hotplug script only 40 s."""

        def create(pool: str) -> Done:
            with self._state.one_of(STARTS_AT_ONCE, "starts"):  # nothing is heeded here: a reboot has stopped the guest
                if GOING_DOWN.exists():  # since it was last seen there may have been a long wait
                    raise going_down(spec)
                return run(["xl", "create", str(folder / "xl.cfg"), own_cores.create_option(pool)], CREATE_TIMEOUT_S)

        done = create(pool)
        if TOO_SLOW in done.said:
            self._destroy(spec.id, forget=False)  # which takes its cores back
            done = create(own_cores.give(self._xen, spec, self._state))
        return done

    def _check_startable(self, spec: Spec, folder: Path) -> list[Volume]:
        """Raise Failure where a guest would not start, however much memory there is; return its disks' volumes."""
        if GOING_DOWN.exists():
            raise going_down(spec)
        there = [self._volume(spec.id, disk.number) for disk in spec.disks]
        startable.refuse_seedless(folder, spec)
        startable.refuse_unclean(folder, spec, there)
        startable.refuse_elsewhere(folder, spec, there)
        startable.refuse_imageless(folder, spec, there[0])
        return there

    def _stop(self, guest: str, grace_s: float) -> bool:
        """Stop a guest for good, however it answers; return whether it was cut off, for it had not shut down.

        What makes its domain anew when it reboots lives on while the guest is asked, or a stop that is cancelled would
        leave one that does not survive its next reboot; it is ended before the domain is. One that answers with a
        reboot, and has its next domain before that is seen, is asked again, and destroyed when its grace is over.
        """
        deadline = time.monotonic() + grace_s
        asked = Asked()
        try:
            while time.monotonic() < deadline and (domain := self._xen.find(guest)) and not domain.shutdown:
                asked.ask(self._xen, domain)
                progress.step()
                time.sleep(_POLL_S)
        except BaseException:  # whatever it is
            asked.withdraw(self._xen)
            raise
        cut_off = lives(self._xen.find(guest))
        self._destroy(guest)
        return cut_off

    def _destroy(self, guest: str, *, forget: bool = True) -> None:
        """Destroy a guest's domain and see that it is gone for good; then nothing of its start or its pause is left."""
        daemons.end_of_guest(self._state.guest_dir(guest))
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
        pauses.release(self._xen, guest)
        own_cores.take_back(self._xen, guest, self._state)
        for name in (STARTED, STARTING) if forget else ():
            (self._state.guest_dir(guest) / name).unlink(missing_ok=True)

    def _wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def volume_create(self, guest: str, fence: int, index: int, size_bytes: int, pool: str) -> dict[str, Any]:
        """Make a volume in a volume group that reads as zeros."""
        with self._state.changing(guest, fence) as folder:
            if not self._disks.has(folder, guest, f"disk{index}", size_bytes):
                self._refuse_running(guest)
                self._disks.create(folder, guest, f"disk{index}", size_bytes, pool)
        return {}

    def volume_write_image(self, guest: str, fence: int, index: int, image: str) -> dict[str, Any]:
        """Put an image onto a volume."""
        with self._state.changing(guest, fence) as folder:
            manifest = images.manifest_of(self._state, image)
            if volumes.image_on(folder, self._volume(guest, index)) == image:
                return {}
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
        now = clock()  # of before anything is read: what is seen later must not count as older
        domain = self._xen.find(guest)
        shares = self._xen.shares([domain.domid]) if domain else {}
        threads = self._limits.threads() if domain else {}
        found = self.describe(guest, domain, shares, read(self._state, threads, now))
        if found is None:
            raise Failure("not_found", f"The host has no guest {guest}.", code="no_guest")
        return self._with_answers([found])[0]

    def all(self, domains: list[Domain], shares: dict[int, Share], now: Clock) -> list[dict[str, Any]]:
        """Return all guests as teig.model.host.GuestOnHost. One pass over each source, however many there are."""
        by_uuid = {domain.uuid: domain for domain in domains}
        known = read(self._state, self._limits.threads(), now)
        described = (self._described(guest, by_uuid.get(guest), shares, known) for guest in self._state.guests())
        return self._with_answers([guest for guest in described if guest])

    def _described(
        self, guest: str, domain: Domain | None, shares: dict[int, Share], read: Read
    ) -> dict[str, Any] | None:
        """Describe a guest among others, which must be told of whatever is damaged of this one."""
        try:
            return _readable(self.describe(guest, domain, shares, read))
        except Exception:  # noqa: BLE001  (its files and its disks may be damaged in every way)
            domain = domain if domain and not domain.dying else None
            disks = volumes.disks_of(self._state.guest_dir(guest), guest, read.volumes)
            told = record(guest, domain, disks, read)
            return {**told, "live": live(domain, shares.get(domain.domid), NO_LIMITS, 0) if domain else None}

    def describe(
        self, guest: str, domain: Domain | None, shares: dict[int, Share], read: Read
    ) -> dict[str, Any] | None:
        """Return a guest's record from what was read already; None where only its fence is left."""
        stored = read_json(self._state.guest_dir(guest) / "spec.json")
        domain = domain if domain and not domain.dying else None
        disks = volumes.disks_of(self._state.guest_dir(guest), guest, read.volumes)
        if stored is None and not disks and domain is None:
            return None
        started = self._started(guest, domain, stored)
        if domain:
            domain = domain._replace(vcpus=self._xen.vcpus(domain))
        told = record(guest, domain, disks, read)
        if domain and domain.shutdown and told["state"] == "running" and not self._is_looked_after(guest):
            told["state"] = "stopped"  # nothing will make it anew
        return {
            **told,
            "fence": self._state.fence(guest),
            "spec": stored,
            "live": self._live(guest, domain, shares, read.threads) if domain else None,
            "dom0_time": dom0_time(self._limits.groups.seconds(guest, domain.domid)) if domain else None,
            # Without its keys, which are nobody's figure: a server reads no inventory without an end.
            "started": {**started["spec"], "ssh_keys": []} if started else None,
            "ran_s": max(0.0, read.now.uptime_ns / 1e9 - started["at"]) if started else None,
        }

    def _live(self, guest: str, domain: Domain, shares: dict[int, Share], threads: Threads) -> dict[str, int]:
        rate = self._limits.held(guest, domain.domid, threads)
        return live(domain, shares.get(domain.domid), rate, own_cores.count(self._xen, domain))

    def _started(self, guest: str, domain: Domain | None, stored: Any) -> dict[str, Any] | None:
        """Return what a guest was started with, and when; for one that an older agent started, what it has.

        It is kept while the guest reboots, when there is no domain for a moment.
        """
        known = read_json(self._state.guest_dir(guest) / STARTED)
        if known is not None and (domain is not None or not self._ended(guest)):
            return dict(known)
        if domain is None or stored is None or known is not None:
            return None
        return {"spec": has_now(domain, stored), "at": 0.0}

    def _with_answers(self, described: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Fill in whether the guests that run take connections on their images' ports."""
        targets = {}
        for guest in described:
            if guest["domid"] is not None and (target := self._target(guest["spec"])):
                targets[guest["id"]] = target
        found = answering(targets)
        return [{**guest, "answers": found.get(guest["id"])} for guest in described]

    def _target(self, stored: Any) -> tuple[str, int] | None:
        """Return where a guest takes connections once it is ready; None where nothing readable says that."""
        try:
            address = str(ipaddress.IPv4Interface(stored["nics"][0]["address"]).ip)
            manifest = read_json(self._state.image_dir(stored["image"]) / "manifest.json")
            port = manifest["ready_port"]
        except (Failure, OSError, LookupError, TypeError, ValueError):
            return None
        return (address, port) if type(port) is int and 0 < port < 65536 else None


def _readable(told: Optional[dict[str, Any]]) -> Optional[dict[str, Any]]:
    """Return what is told of a guest; ValueError where it would make what is told of all others unreadable."""
    json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
    return told


def _all_of(*parts: Callable[[], object]) -> None:
    """Do all parts, also where one fails; then tell of what failed."""
    failures = []
    for part in parts:
        try:
            part()
        except Exception as error:  # noqa: BLE001  (what fails must not keep the rest from being done)
            failures.append(failure_of(error))
    if failures:
        told = " ".join(failure.message for failure in failures)
        raise host_fault(failures[0].code, told, failures[0].todo)
