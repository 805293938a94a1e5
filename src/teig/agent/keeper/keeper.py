"""teig-keeper: the service in Dom0 that keeps guests within their plans, without the control plane.

It watches xenstore and acts at once when a guest's back end connects, and reconciles everything every 10 seconds, so
that whatever somebody changed by hand is put right. It opens no port and takes no orders: what it keeps is what the
guests' files say. What goes wrong with one guest hinders no other, and what a guest does to its devices costs Domain-0
a bounded time. docs/keeper.md says what it does and what was measured.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

from teig.agent.contract.spec import Spec, parse_spec
from teig.agent.host.state import State, locked, make_private, read_json, write_json
from teig.agent.keeper.allowance import Allowance
from teig.agent.keeper.dom0_time import Dom0Time
from teig.agent.keeper.filter_guard import FilterGuard
from teig.agent.keeper.limits import Held, Limits, Threads
from teig.agent.keeper.pauses import RUN
from teig.agent.keeper.processors import Processors
from teig.agent.keeper.reconnects import CHANGE_S, MOST_AT_ONCE_S, MOST_FIRST_S, PART, Reconnects
from teig.agent.network.cards import Cards, Seen, has_all
from teig.agent.network.transfer import Transfer
from teig.agent.xen import backends, processor
from teig.agent.xen.backends import Device
from teig.agent.xen.hypervisor import Changes, Domain, Hypervisor, boottime

RECONCILE_S = 10.0
CARDS_S = 60.0
WORK_PART = 0.05
"""How much of one vCPU all passes but the reconciling may take, whatever guests do; `_WORK_BURST_S` at once."""
_WORK_BURST_S = 5.0
_HURRY_S = 0.05
_AFTER_START_S = 1.0
_SETTLE_S = 2.0
_AGAIN_S = 2.0
_MANY_CHANGES = 20
_CHANGES_OF_FIRST = 4
_CHANGES_TO_CLOSED = 3
_CHANGES_OF_WHOLE = 4
"""A connection is told as 2, 4, 5, 6; so its end alone is two changes, 5 and 6, and a third one if 2 follows."""
_REMEMBERED = 10
_WATCHED = (f"{backends.BACKENDS}/vbd", f"{backends.BACKENDS}/vif")


class _Hurried(NamedTuple):
    """A domain whose back end has connected: since when its threads may have run, and until when they are waited for.

    `since` is None as long as only the threads themselves tell; `noticed` is when the keeper heard of it.
    """

    since: Optional[float]
    noticed: float
    until: float


class _Overdue(NamedTuple):
    """A domain that was paused before its threads were seen to: until when and since when was counted by then."""

    last: float
    since: float


class Keeper:
    """What is kept, and what was done last for each guest. Times: CLOCK_BOOTTIME, in seconds."""

    def __init__(self, state: State, xen: Hypervisor, limits: Limits, folder: Path = RUN, version: str = "") -> None:
        self._state = state
        self._xen = xen
        self._limits = limits
        self._folder = folder
        self._version = version
        self._processors = Processors(xen, state)
        self._reconnects = Reconnects(xen, folder)
        self._dom0_time = Dom0Time(limits.groups, limits.processes)
        self._dom0_time_due = 0.0
        self._specs: dict[str, tuple[tuple[int, int, int], Spec]] = {}
        self._guests: dict[str, dict[str, Any]] = {}
        self._errors: dict[str, str] = {}
        self._last_error: Optional[dict[str, Any]] = None
        self._ours: dict[int, tuple[Domain, Spec]] = {}
        self._transfer = Transfer(state, lambda: {domid: spec.id for domid, (_, spec) in self._ours.items()})
        self._hurried: dict[int, _Hurried] = {}
        self._changes: Counter[int] = Counter()
        self._counted: dict[int, float] = {}
        self._overdue: dict[int, _Overdue] = {}
        self._seen: set[Device] = set()
        self._again: set[int] = set()
        self._first_s: dict[int, float] = {}
        self._left: set[Device] = set()
        self._anew: set[Device] = set()
        self._cards = Cards(state, xen, folder)
        self._shaped: set[int] = set()
        self._cards_due = 0.0
        self._reconciled = 0.0
        self._began = boottime()
        self._work = Allowance(_WORK_BURST_S, WORK_PART)

    def serve(self) -> None:
        """Keep for ever. Errors are written to the journal, never raised; only a second keeper is refused.

        At its end (SIGTERM) no guest stays paused: nobody would be there to let it go on.
        """
        make_private(self._folder)
        with locked(self._folder / "keeper.lock", 10, "Another teig-keeper runs."):
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            try:
                self._transfer.start()
                self._reconnects.restore(record(self._folder).get("used"))
                FilterGuard(self._state, self._folder).start()
                while True:
                    with self._telling("xenstore"):
                        self._follow()
                    time.sleep(_AGAIN_S)
            finally:
                self._reconnects.lift_all()
                self._transfer.stop()

    def _follow(self) -> None:
        watch = self._xen.watch(_WATCHED)
        due = passing = 0.0
        while True:
            if boottime() >= due:
                self.reconcile()
                due = boottime() + RECONCILE_S
            wake = min(due, passing if self._hurried else math.inf, self._reconnects.next())
            changes = watch.wait(wake - boottime())
            with self._working():
                self.notice(changes)
                self._stop_overdue()
                self._lift()
                # What connects is seen to at once, what is waited for every 50 ms.
                waits = self._work.wait(boottime()) if changes.paths else passing - boottime()
                passes = bool(self._hurried) and waits <= 0
                settled = passes and self.catch_up()
            if passes:
                passing = boottime() + max(_HURRY_S, self._work.wait(boottime()))
            if settled and not self._work.wait(boottime()):
                due = min(due, boottime() + _AFTER_START_S)

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        """Count the processor time of what guests can make the keeper do."""
        began = time.process_time()
        yield
        self._work.use(time.process_time() - began, boottime())

    def notice(self, changes: Changes) -> None:
        """Take in what changed in xenstore: a guest whose back end connects is seen to until that is settled."""
        for path, count in Counter(changes.paths).items():
            with self._telling(f"the change of {path:.80}"):
                self._notice(path, count, changes.since)

    def _notice(self, path: str, count: int, since: float) -> None:
        device = backends.device_of(path)
        if device is None:
            return
        kind, domid, _ = device
        self._changes[domid] += count
        state = self._xen.read(path)
        served = state in backends.SERVED
        if not served:
            self._left.add(device)
        # Of one that is not served now, so many changes are more than the end of a connection: there was another one.
        whole = served or count >= (_CHANGES_TO_CLOSED if state == backends.CLOSED else _CHANGES_OF_WHOLE)
        if whole and (count > 1 or device in self._left):
            self._anew.add(device)
            if device in self._seen or count > _CHANGES_OF_FIRST:
                self._again.add(domid)
            self._seen.add(device)
        if served:
            self._left.discard(device)
        # Two changes can be a whole reconnect: its thread has begun since the first of them, and may have gone again.
        if served or count > 1 or self._changes[domid] >= _MANY_CHANGES:
            known = self._hurried.get(domid, _Hurried(None, boottime(), 0.0))
            unseen = since if count > 1 and kind == "vbd" else None
            first = min((value for value in (known.since, unseen) if value is not None), default=None)
            self._hurried[domid] = _Hurried(first, known.noticed, boottime() + _SETTLE_S)

    def catch_up(self) -> bool:
        """See to the guests whose back ends have just connected; return whether one is settled now."""
        settled: set[int] = set()
        with self._telling("guests that connect"):
            threads = self._limits.threads(afresh=False)
            ours = self._ours = {found[0].domid: found for found in self._running(self._xen.domains())}
            for domid, hurried in list(self._hurried.items()):
                settled |= {domid} if domid not in ours or boottime() > hurried.until else set()
                if domid in ours:
                    settled |= {domid} if self._settle(*ours[domid], threads) else set()
            self._keep_dom0_time([ours[domid] for domid in self._hurried if domid in ours])
        for domid in settled:
            del self._hurried[domid]
        if settled:
            self._write()
        return bool(settled)

    def _settle(self, domain: Domain, spec: Spec, threads: Threads) -> bool:
        """Limit a guest whose back end has connected; return whether all threads were there.

        A guest that is paused has time: its threads are seen to again before it goes on.
        """
        with self._telling(spec.name):
            held = self._enforce(domain, spec, threads)
            return held.settled or self._reconnects.is_paused(domain)
        return False

    def _enforce(self, domain: Domain, spec: Spec, threads: Threads) -> Held:
        """Limit a guest's disks, and count for how long they may have been without limits."""
        held = self._limits.hold(spec, domain.domid, threads)
        self._did(spec, domain, held.did)
        now = boottime()
        hurried = self._hurried.get(domain.domid)
        begins = [hurried.since] if hurried and hurried.since is not None else []
        begins += [held.outside_since] if held.outside_since is not None else []
        last = self._counted.get(domain.domid, self._began)
        connects_first = domain.domid not in self._again and (hurried or domain.domid not in self._counted)
        self._counted[domain.domid] = now
        overdue = self._overdue.pop(domain.domid, None)
        if overdue and begins and min(begins) < overdue.since:
            # It had begun before the keeper heard of it.
            self._charge(domain, spec, overdue.since - max(min(begins), overdue.last), now)
        if hurried:
            # Threads that are still to come are counted from here on.
            self._hurried[domain.domid] = hurried._replace(since=None if held.settled else now, noticed=now)
        changes = self._changes.pop(domain.domid, 0)
        ahead = self._ahead(domain, spec, now)
        if not (domain.paused and self._reconnects.is_paused(domain)) and (begins or changes or ahead):
            seconds = max(0.0, now - max(min(begins), last)) if begins else 0.0
            if connects_first:
                seconds = min(seconds, MOST_FIRST_S - self._first_s.get(domain.domid, 0.0))
                self._first_s[domain.domid] = self._first_s.get(domain.domid, 0.0) + seconds
            self._charge(domain, spec, max(seconds, CHANGE_S * changes, PART * ahead), now)
        if held.settled:
            self._again.discard(domain.domid)
        return held

    def _ahead(self, domain: Domain, spec: Spec, now: float) -> float:
        """Return how many seconds a guest is ahead of its limit; asked where a disk is another's, and every 10 s."""
        anew = {device for device in self._anew if device.domid == domain.domid}
        if not anew and domain.domid in self._hurried:
            return 0.0
        self._anew -= anew
        names = {device.name for device in anew if device.kind == "vbd"}
        return self._limits.submitted.ahead_s(domain.domid, spec.disk_rate, now, names)

    def _charge(self, domain: Domain, spec: Spec, seconds: float, now: float) -> None:
        """Count what a guest had without limits, and pause it where that is too much."""
        self._reconnects.count(spec.id, min(MOST_AT_ONCE_S, seconds), now)
        self._did(spec, domain, self._reconnects.enforce(domain, now))

    def _stop_overdue(self) -> None:
        """Pause guests that have used all they may while they wait to be seen to: a keeper that is slow is no way out.

        Disks that connect for the first time are not counted like this, for that may be the host's slowness alone.
        """
        now = boottime()
        for domid, hurried in self._hurried.items():
            domain, spec = self._ours.get(domid, (None, None))
            if domain is None or spec is None or domid not in self._again or self._reconnects.is_paused(domain):
                continue
            seconds = now - max(hurried.noticed, self._counted.get(domid, self._began))
            if seconds > self._reconnects.left(spec.id, now):
                with self._telling(spec.name):
                    last = self._counted.get(domid, self._began)
                    self._overdue.setdefault(domid, _Overdue(last, max(hurried.noticed, last)))
                    self._counted[domid] = now
                    self._charge(domain, spec, seconds, now)

    def _lift(self) -> None:
        """Let those go on whose pause is over, once the threads that they have by now are seen to."""
        with self._telling("pauses"):
            over = self._reconnects.over(boottime())
            running = {spec.id: (domain, spec) for domain, spec in self._running(self._xen.domains())} if over else {}
            for guest in over:
                if guest in running:
                    with self._telling(running[guest][1].name):
                        self._enforce(*running[guest], self._limits.threads())
                with self._telling(guest):
                    self._reconnects.lift(guest)
            if over:
                self._write()

    def reconcile(self) -> None:
        """Look at everything and put right what is not as it must be. What fails hinders nothing else."""
        with self._telling("domains"):
            domains = self._xen.domains()
            running = self._running(domains)
            self._ours = {domain.domid: (domain, spec) for domain, spec in running}
            with self._telling("disks"):
                self._keep_disks(running)
            self._keep_processors(running)
            with self._telling("weights"):
                self._keep_weights(running)
            with self._telling("network rates"):
                self._keep_cards(running)
            if time.monotonic() >= self._dom0_time_due:
                with self._telling("Domain-0's time for guests"):
                    self._say("Domain-0", self._dom0_time.prepare(spec for _, spec in running))
                self._keep_dom0_time(running)
                self._dom0_time_due = time.monotonic() + CARDS_S
            with self._telling("groups of guests that have gone"):
                self._forget(domains)
            self._reconciled = boottime()
        self._write()

    def _keep_disks(self, running: list[tuple[Domain, Spec]]) -> None:
        """Limit all disks: before all else, for whatever takes long on a busy host is time without limits."""
        threads = self._limits.threads()
        for domain, spec in running:
            with self._telling(spec.name):
                self._enforce(domain, spec, threads)

    def _keep_processors(self, running: list[tuple[Domain, Spec]]) -> None:
        with self._telling("processors"):
            self._say("Processors", self._processors.divide())
        with self._telling("Domain-0's vCPUs"):
            self._say("Processors", self._processors.fit_dom0())
        for domain, spec in running:
            with self._telling(f"the cpupool of {spec.name}"):
                self._did(spec, domain, self._processors.place(domain, spec))
        with self._telling("cpupools that nobody needs"):
            for name in self._processors.abandoned():
                with self._telling(f"cpupool {name}"):
                    self._say("Processors", self._processors.remove(name))

    def _keep_weights(self, running: list[tuple[Domain, Spec]]) -> None:
        domains = self._xen.domains()
        shares = self._xen.shares([domain.domid for domain in domains])
        for domain, spec in running:
            with self._telling(f"the weight of {spec.name}"):
                self._did(spec, domain, processor.hold(self._xen, spec, domain, shares.get(domain.domid)))
        shares.update({domain.domid: processor.of(spec, domain) for domain, spec in running})
        self._say("Domain-0", processor.hold_dom0(self._xen, domains, shares))

    def _keep_cards(self, running: list[tuple[Domain, Spec]]) -> None:
        """See to network cards: those of new domains at once, all of them once a minute, for that takes a process."""
        now = time.monotonic()
        if now < self._cards_due and {domain.domid for domain, _ in running} <= self._shaped:
            return
        # One whose cards are still to come is not done with: they are seen to when they connect, or the next time.
        whole = {domain.domid for domain, spec in running if has_all(spec, domain.domid)}
        seen = self._cards.seen() if running else Seen({}, {})
        # Read again: an agent may have written other files since this pass began.
        running = [(domain, self._spec(domain.uuid) or spec) for domain, spec in running]
        with self._telling("what network cards are held to"):
            self._cards.write(spec for _, spec in running)
        for domain, spec in running:
            with self._telling(f"the network cards of {spec.name}"):
                self._did(spec, domain, self._cards.hold(spec, domain.domid, seen))
        self._shaped = whole
        self._cards_due = now + CARDS_S

    def _keep_dom0_time(self, guests: list[tuple[Domain, Spec]]) -> None:
        """Have Domain-0's work for guests counted and weighed; it comes after all disks are limited."""
        for domain, spec in guests:
            with self._telling(f"Domain-0's time for {spec.name}"):
                self._did(spec, domain, self._dom0_time.hold(spec, domain.domid))

    def _running(self, domains: list[Domain]) -> list[tuple[Domain, Spec]]:
        """Return the domains of ours that live, with what each is entitled to."""
        alive = (domain for domain in domains if domain.domid != 0 and not domain.dying)
        return [(domain, spec) for domain in alive if (spec := self._spec(domain.uuid))]

    def _spec(self, guest: str) -> Optional[Spec]:
        """Return what a guest is entitled to, read anew when its file has changed; None where a domain is not ours."""
        with self._telling(f"the description of {guest}"):
            file = self._state.guest_dir(guest) / "spec.json"
            try:
                about = file.stat()
            except FileNotFoundError:
                self._specs.pop(guest, None)
                return None
            stamp = (about.st_mtime_ns, about.st_size, about.st_ino)
            known = self._specs.get(guest)
            if known is None or known[0] != stamp:
                known = self._specs[guest] = (stamp, parse_spec(read_json(file)))
            return known[1]
        return None

    def _forget(self, domains: list[Domain]) -> None:
        """Remove the groups of guests that have gone; one that was started since `domains` was read is left alone."""
        running = {domain.uuid for domain in domains}
        for guest in self._limits.groups.guests():
            with self._telling(f"the group of {guest}"):
                if guest not in running and self._xen.find(guest) is None and self._limits.groups.remove(guest):
                    self._guests.pop(guest, None)
        there = {domain.domid for domain in domains}
        self._counted = {domid: when for domid, when in self._counted.items() if domid in there}
        self._again &= there
        self._seen = {device for device in self._seen if device.domid in there}
        self._first_s = {domid: used for domid, used in self._first_s.items() if domid in there}
        self._left = {device for device in self._left if device.domid in there}
        self._anew = {device for device in self._anew if device.domid in there}
        self._limits.submitted.forget(there)
        self._changes = Counter({domid: count for domid, count in self._changes.items() if domid in there})
        self._specs = {guest: known for guest, known in self._specs.items() if guest in running}

    def _did(self, spec: Spec, domain: Domain, did: list[str]) -> None:
        known = self._guests.setdefault(spec.id, {"name": spec.name, "did": []})
        known["domid"] = domain.domid
        known["did"] = [*known["did"], *({"at": time.time(), "what": what} for what in did)][-_REMEMBERED:]
        self._say(spec.name, did)

    def _say(self, whom: str, did: list[str]) -> None:
        for line in did:
            sys.stderr.write(f"{whom}: {line}\n")
        sys.stderr.flush()

    @contextlib.contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Write an error to the journal, once as long as it stays the same, and go on."""
        try:
            yield
            self._errors.pop(what, None)
        except Exception as error:  # noqa: BLE001  (whatever goes wrong with one guest, the others are kept)
            text = f"{type(error).__name__}: {error}"
            self._last_error = {"of": what, "text": text, "at": time.time()}
            if self._errors.get(what) != text:
                self._errors[what] = text
                self._say(what, [f"could not be kept: {text}"])

    def _write(self) -> None:
        now = boottime()
        with self._telling("keeper.json"):
            for guest, known in self._guests.items():
                known["held"] = self._reconnects.reason(guest, known.get("domid"), now)
            told = {
                "version": self._version,
                "pid": os.getpid(),
                "time": time.time(),
                "looked": self._reconciled,  # as the first keepers wrote it: agents of other versions read it too
                "guests": self._guests,
                "used": self._reconnects.stored(now),
                "error": self._last_error,
            }
            write_json(self._folder / "keeper.json", told)


def record(folder: Path = RUN) -> dict[str, Any]:
    """Return what the keeper last wrote down, of whatever keeper it is; nothing where that cannot be read."""
    try:
        stored = json.loads((folder / "keeper.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def version(folder: Path = RUN) -> str:
    """Return the version of the keeper that runs, empty where none does."""
    return str(record(folder).get("version", "")) if _runs(folder) else ""


def held_back(folder: Path = RUN) -> dict[str, str]:
    """Return why guests are held back, by their ids; those that are not are left out."""
    guests = record(folder).get("guests")
    known = guests.items() if isinstance(guests, dict) else ()
    reasons = {guest: str(about.get("held") or "") for guest, about in known if isinstance(about, dict)}
    return {guest: reason for guest, reason in reasons.items() if reason}


def beat(folder: Path = RUN) -> Optional[float]:
    """Return how many seconds ago the keeper last reconciled everything; None where none runs."""
    if not _runs(folder):
        return None
    reconciled = record(folder).get("looked")
    return max(0.0, boottime() - reconciled) if isinstance(reconciled, (int, float)) and reconciled > 0 else None


def _runs(folder: Path) -> bool:
    try:
        with (folder / "keeper.lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False  # nobody holds the lock
