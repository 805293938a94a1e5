"""teig-keeper: the service in Dom0 that keeps guests within their plans, without the control plane.

It watches xenstore and acts at once when a guest's back end connects, and looks at everything every 10 seconds anyway,
so that whatever somebody changed by hand is put right. It opens no port and takes no orders: what it keeps is what the
guests' files say. docs/keeper.md says what it does and what was measured.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from teig.agent.contract.spec import Spec, parse_spec
from teig.agent.host.state import State, locked, make_private, read_json, write_json
from teig.agent.keeper.limits import Limits
from teig.agent.network import shaping
from teig.agent.xen import backends, processor
from teig.agent.xen.hypervisor import Domain, Hypervisor

RUN = Path("/run/teig")
LOOK_S = 10.0
CARDS_S = 60.0
_HURRY_S = 0.05
_AFTER_START_S = 1.0
_SETTLE_S = 5.0
_AGAIN_S = 2.0
_REMEMBERED = 10
_WATCHED = (f"{backends.BACKENDS}/vbd", f"{backends.BACKENDS}/vif")


class Keeper:
    """What is kept, and what was done last for each guest."""

    def __init__(self, state: State, xen: Hypervisor, limits: Limits, folder: Path = RUN, version: str = "") -> None:
        self._state = state
        self._xen = xen
        self._limits = limits
        self._folder = folder
        self._version = version
        self._guests: dict[str, dict[str, Any]] = {}
        self._errors: dict[str, str] = {}
        self._last_error: Optional[dict[str, Any]] = None
        self._hurried: dict[int, float] = {}
        self._unshaped: set[int] = set()
        self._shaped: set[int] = set()
        self._cards_due = 0.0
        self._looked = 0.0

    def serve(self) -> None:
        """Keep for ever. Errors are written to the journal, never raised; only a second keeper is refused."""
        make_private(self._folder)
        with locked(self._folder / "keeper.lock", 10, "Another teig-keeper runs."):
            while True:
                with self._telling("xenstore"):
                    self._follow()
                time.sleep(_AGAIN_S)

    def _follow(self) -> None:
        watch = self._xen.watch(_WATCHED)
        due = 0.0
        while True:
            now = time.monotonic()
            if now >= due:
                self.look()
                due = time.monotonic() + LOOK_S
            pause = _HURRY_S if self._hurried else due - time.monotonic()
            for path in watch.wait(pause):
                self.notice(path)
            if self._hurried and self.catch_up():
                due = min(due, time.monotonic() + _AFTER_START_S)

    def notice(self, path: str) -> None:
        """Take in that something changed in xenstore: a back end that has connected is seen to until it is settled."""
        device = backends.device_of(path)
        if device is None or self._xen.read(path) != backends.CONNECTED:
            return
        kind, domid = device
        self._hurried[domid] = time.monotonic() + _SETTLE_S
        if kind == "vif":
            self._unshaped.add(domid)

    def catch_up(self) -> bool:
        """See to the guests whose back ends have just connected; return whether one is settled now."""
        threads = self._limits.threads()
        ours = {domain.domid: (domain, spec) for domain, spec in self._running(self._xen.domains())}
        settled = {domid for domid, until in self._hurried.items() if domid not in ours or time.monotonic() > until}
        for domid in self._hurried.keys() & ours.keys():
            domain, spec = ours[domid]
            with self._telling(spec.name):
                held = self._limits.hold(spec, domid, threads)
                did = held.did + (shaping.hold(spec, domid, {}) if domid in self._unshaped else [])
                self._unshaped.discard(domid)
                self._did(spec, domain, did)
                settled |= {domid} if held.settled else set()
        for domid in settled:
            del self._hurried[domid]
            self._unshaped.discard(domid)
        if settled:
            self._write()
        return bool(settled)

    def look(self) -> None:
        """Look at everything and put right what is not as it must be. What fails hinders nothing else."""
        with self._telling("domains"):
            domains = self._xen.domains()
            running = self._running(domains)
            threads = self._limits.threads()
            for domain, spec in running:
                with self._telling(spec.name):
                    self._did(spec, domain, self._limits.hold(spec, domain.domid, threads).did)
            with self._telling("weights"):
                self._look_at_weights(domains, running)
            with self._telling("network rates"):
                self._look_at_cards(running)
            with self._telling("groups of guests that have gone"):
                self._forget({domain.uuid for domain in domains})
            self._looked = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._write()

    def _look_at_weights(self, domains: list[Domain], running: list[tuple[Domain, Spec]]) -> None:
        shares = self._xen.shares([domain.domid for domain in domains])
        for domain, spec in running:
            self._did(spec, domain, processor.hold(self._xen, spec, domain.domid, shares.get(domain.domid)))
        shares.update({domain.domid: processor.of(spec) for domain, spec in running})
        self._say("Domain-0", processor.hold_dom0(self._xen, domains, shares))

    def _look_at_cards(self, running: list[tuple[Domain, Spec]]) -> None:
        """See to network cards: those of new domains at once, all of them once a minute, for that takes a process."""
        now = time.monotonic()
        domids = {domain.domid for domain, _ in running}
        if now < self._cards_due and domids <= self._shaped:
            return
        rates = shaping.received() if running else {}
        for domain, spec in running:
            self._did(spec, domain, shaping.hold(spec, domain.domid, rates))
        self._shaped = domids
        self._cards_due = now + CARDS_S

    def _running(self, domains: list[Domain]) -> list[tuple[Domain, Spec]]:
        """Return the domains of ours that live, with what each is entitled to."""
        alive = (domain for domain in domains if domain.domid != 0 and not domain.dying)
        return [(domain, spec) for domain in alive if (spec := self._spec(domain.uuid))]

    def _spec(self, guest: str) -> Optional[Spec]:
        """Return what a guest is entitled to; None where a domain is not ours."""
        with self._telling(f"the description of {guest}"):
            stored = read_json(self._state.guest_dir(guest) / "spec.json")
            return parse_spec(stored) if stored else None
        return None

    def _forget(self, running: set[str]) -> None:
        """Remove the groups of guests that have gone; one that was started since `running` was read is left alone."""
        for guest in self._limits.groups.guests():
            if guest not in running and self._xen.find(guest) is None and self._limits.groups.remove(guest):
                self._guests.pop(guest, None)

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
        record = {
            "version": self._version,
            "pid": os.getpid(),
            "time": time.time(),
            "looked": self._looked,
            "guests": self._guests,
            "error": self._last_error,
        }
        with self._telling("keeper.json"):
            write_json(self._folder / "keeper.json", record)


def beat(folder: Path = RUN) -> Optional[float]:
    """Return how many seconds ago the keeper last looked at everything; None where none runs."""
    try:
        with (folder / "keeper.lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _since_look(folder)
    return None  # nobody holds the lock


def _since_look(folder: Path) -> Optional[float]:
    try:
        looked = float(json.loads((folder / "keeper.json").read_text())["looked"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - looked) if looked else None
