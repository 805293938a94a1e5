"""What guests send and receive: totals that only grow, over their domains, the host's boots and the keeper's own life.

Domain-0's cards have counters, but netback keeps them for as long as a guest is connected: they begin at 0 with each
connection, and are gone before xenstore tells of its end (drivers/net/xen-netback/xenbus.c, set_backend_state:
backend_disconnect comes before backend_switch_state; interface.c, xenvif_get_stats: a sum over the queues that there
are). No event comes in time, therefore. They are read every second, all of them in one file; what a card has carried
since the last reading is lost when its connection ends. A thread of the keeper's does that, for a disk that is slow to
take the file must not keep the keeper from limiting disks.

The totals are one file for all guests, written once a minute at most. It has the last reading of each card too, so that
what a keeper that was killed had not written down is counted by the next one.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Optional

from teig.agent.contract.failure import Failure
from teig.agent.host.clock import clock
from teig.agent.host.state import PIECES, State, read_json, write_json

NET_DEV = Path("/proc/net/dev")
"""All cards and their counters (proc(5)): one read, however many there are."""
FILE = "transfer.json"
LOOK_S = 1.0
STORE_S = 60.0
_END_S = 10.0
_CARD = re.compile(r"\s*(vif([0-9]{1,5})\.[0-9]{1,3}):\s*(.*)", re.ASCII)
_COLUMNS = 16


class Counts(NamedTuple):
    """What a guest has sent and received: what Domain-0's end of its card has received and sent."""

    sent_bytes: int
    sent_packets: int
    received_bytes: int
    received_packets: int

    def after(self, before: Counts) -> Counts:
        """Return what was added to counters; all of it where they have begun anew, for they only grow."""
        anew = any(now < old for now, old in zip(self, before))  # noqa: B905  (strict: Python 3.10)
        return self if anew else Counts(*(now - old for now, old in zip(self, before)))  # noqa: B905

    def plus(self, more: Counts) -> Counts:
        """Return both together."""
        return Counts(*(one + other for one, other in zip(self, more)))  # noqa: B905


_NOTHING = Counts(0, 0, 0, 0)


@dataclass(frozen=True)
class _Total:
    """A guest's total, the id of its counting, and what its cards' counters said last."""

    count: str
    counts: Counts
    cards: dict[str, Counts]


class Transfer:
    """The counting on this host. `running` gives the guests that run: their ids by domain ids."""

    def __init__(
        self, state: State, running: Callable[[], dict[int, str]], net: Path = NET_DEV, boot: Optional[str] = None
    ) -> None:
        self._state = state
        self._running = running
        self._net = net
        self._boot = boot
        self._owners: dict[int, str] = {}
        self._totals: dict[str, _Total] = {}
        self._before: dict[str, tuple[int, Counts]] = {}
        self._changed = self._soon = False
        self._errors: dict[str, str] = {}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="transfer", daemon=True)

    def start(self) -> None:
        """Begin to count."""
        self._thread.start()

    def stop(self) -> None:
        """Count what there is now, write it down, and end."""
        self._ends.set()
        if self._thread.ident is not None:
            self._thread.join(_END_S)

    def _run(self) -> None:
        with self._telling("the last keeper's file"):
            self.take_up()
        due = time.monotonic() + STORE_S
        while True:
            ends = self._ends.wait(LOOK_S)
            with self._telling("the counters"):
                self.look()
            if ends or self._soon or time.monotonic() >= due:
                due = time.monotonic() + STORE_S
                with self._telling("the file"):
                    self.store()
            if ends:
                return

    def take_up(self) -> None:
        """Go on where the last keeper was; what cannot be read is counted anew, under other ids.

        A guest that is not in the file was not counted before: what its cards have carried by now is nobody's month's.
        """
        self._boot = self._boot or clock().boot
        self._before = _cards(self._net)
        stored = read_json(self._state.root / FILE) or {}
        same_boot = stored.get("boot") == self._boot
        for guest, told in stored.get("guests", {}).items():
            cards = {name: Counts(*counts) for name, counts in told["cards"].items()} if same_boot else {}
            self._totals[guest] = _Total(told["count"], _counts_of(told), cards)

    def look(self) -> None:
        """Read the cards' counters and add what is new to their guests' totals."""
        seen = _cards(self._net)
        self._before = {name: card for name, card in self._before.items() if name in seen}
        there = {domid for domid, _ in seen.values()}
        # One whose domain is dying is not among those that run any more, and its card may be there for a while.
        self._owners = {domid: guest for domid, guest in {**self._owners, **self._running()}.items() if domid in there}
        for guest, total in self._totals.items():
            if not total.cards.keys() <= seen.keys():
                left = {name: counts for name, counts in total.cards.items() if name in seen}
                self._totals[guest] = replace(total, cards=left)
                self._soon = True  # for it may be about to be deleted
        for name, (domid, counts) in seen.items():
            if domid in self._owners:
                self._add(self._owners[domid], name, counts)

    def _add(self, guest: str, card: str, counts: Counts) -> None:
        total = self._totals.get(guest)
        if total is None:
            known = {name: before for name, (domid, before) in self._before.items() if self._owners.get(domid) == guest}
            total = self._totals[guest] = _Total(str(uuid.uuid4()), _NOTHING, known)
            self._changed = True
        before = total.cards.get(card, _NOTHING)
        if counts != before:
            added = total.counts.plus(counts.after(before))
            self._totals[guest] = replace(total, counts=added, cards={**total.cards, card: counts})
            self._changed = True

    def store(self) -> None:
        """Write the totals down where they have changed, without those of guests that are defined here no more.

        On a full disk nothing is given up for them: they are written when there is room again.
        """
        self._soon = False
        gone = [guest for guest in self._totals if not (self._state.guest_dir(guest) / "spec.json").exists()]
        for guest in gone:  # should it come back, what its cards have carried was counted
            cards = self._totals.pop(guest).cards
            self._before.update({name: (_domid(name), counts) for name, counts in cards.items()})
        if not (self._changed or gone):
            return
        told = {
            guest: {"count": total.count, **total.counts._asdict(), "cards": total.cards}
            for guest, total in self._totals.items()
        }
        write_json(self._state.root / FILE, {"boot": self._boot, "guests": told}, keep=PIECES)
        self._changed = False

    @contextlib.contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Write an error to the journal, once as long as it stays the same, and go on."""
        try:
            yield
            self._errors.pop(what, None)
        except Exception as error:  # noqa: BLE001  (whatever it is, the next second counts)
            text = f"{type(error).__name__}: {error}"
            if self._errors.get(what) != text:
                self._errors[what] = text
                sys.stderr.write(f"Transfer: {what}: {text}\n")
                sys.stderr.flush()


def totals(state: State) -> dict[str, dict[str, Any]]:
    """Return what guests have sent and received as the keeper last wrote it, as teig.model.host.Transfer, by guest.

    Nothing where no keeper has counted yet, or its file cannot be read.
    """
    try:
        guests = read_json(state.root / FILE)["guests"]
        return {
            str(guest): {"count": str(told["count"]), **_counts_of(told)._asdict()} for guest, told in guests.items()
        }
    except (Failure, OSError, LookupError, TypeError, ValueError, AttributeError):
        return {}


def _domid(card: str) -> int:
    return int(card[len("vif") :].split(".", maxsplit=1)[0])


def _counts_of(told: dict[str, Any]) -> Counts:
    return Counts(*(int(told[name]) for name in Counts._fields))


def _cards(net: Path) -> dict[str, tuple[int, Counts]]:
    """Return the guests' network cards: domain id and counters by name."""
    found = {}
    for line in net.read_text().splitlines():
        match = _CARD.fullmatch(line)
        words = match[3].split() if match else []
        if match and len(words) == _COLUMNS:
            sent_bytes, sent_packets, received_bytes, received_packets = (int(words[place]) for place in (0, 1, 8, 9))
            found[match[1]] = (int(match[2]), Counts(sent_bytes, sent_packets, received_bytes, received_packets))
    return found
