"""Keeping the filter of guests' cards, whatever others do to the host's nftables.

A reload of nftables.service flushes the whole ruleset (nftables(8)), ours with it. The kernel tells of each change
(NFNLGRP_NFTABLES, linux/netfilter/nfnetlink.h): where our table is not what it was, all cards of guests are taken down,
and up again once it is whole. Everything else of the host's nftables is left alone.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from teig.agent.contract.failure import Failure, failure_of, host_fault
from teig.agent.host.process import must
from teig.agent.host.state import State, write_whole
from teig.agent.network import filtering
from teig.agent.network.cards import Cards, is_up_of_guest, names
from teig.agent.network.filtering import GROUP
from teig.agent.xen.hypervisor import Hypervisor

RENEW_S = 300.0
"""How often the filter is made anew though nobody was seen to change it: what has gone goes, and what was added."""
_AGAIN_S = 2.0
_TRIES, _TRY_S = 3, 0.2
_NETLINK_NETFILTER, _GROUP_NFTABLES = 12, 7
_SUBSYSTEM, _FAMILY_BRIDGE = 10, 7
_ADDED_ELEMENT = 12
"""linux/netfilter/nf_tables.h: NFT_MSG_NEWSETELEM. Each new card adds some."""
_OURS = struct.pack("=HH", 4 + len("teig") + 1, 1) + b"teig\0"
"""The attribute that names the table, of whatever kind of message it is (NFTA_TABLE_NAME and its like)."""
_MOST_BYTES = 1 << 16


class FilterGuard(threading.Thread):
    """A thread that makes the filter anew whenever it is not what it was, for as long as this process lives."""

    def __init__(self, state: State, folder: Path, xen: Optional[Hypervisor] = None) -> None:
        super().__init__(name="filter", daemon=True)
        self._cards = Cards(state, xen or Hypervisor(), folder)
        self._known: Optional[str] = None
        self._downs = folder / "cards-down"
        self._said = ""

    def run(self) -> None:
        """Guard for ever. What fails is told once, and tried again."""
        while True:
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001  (whatever it is, the filter is kept)
                self._say(f"could not be kept: {failure_of(error).message}")
                time.sleep(_AGAIN_S)

    def _follow(self) -> None:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as changes:
            changes.bind((0, 1 << (_GROUP_NFTABLES - 1)))
            while True:
                self.check()
                _drain(changes)  # what was changed here is told here too
                if filtering.whole_table() == self._known:
                    _wait(changes)

    def check(self) -> None:
        """Make the filter anew; where it is not whole, with all cards of guests down until it is."""
        there = _table()
        try:
            if not there or self._known not in (None, there):
                self._take_down()
        finally:
            refused = self._cards.renew()
            self._known = filtering.whole_table() or None
        if self._known is None:
            raise host_fault("no_filter", "Somebody else has removed the filter again.")
        self._take_up()
        self._say(f"nothing passes of {', '.join(refused)}: nft refuses what may" if refused else "")

    def _take_down(self) -> None:
        """Take down all cards of guests, but for what is down already; which they are outlives this process."""
        if self._known is not None:
            self._say("was changed by somebody else: no guest sends anything until it is made anew")
        up = {card for card in names() if is_up_of_guest(card)}
        write_whole(self._downs, "".join(f"{card}\n" for card in sorted(up | self._down())).encode())
        must(["ip", "link", "set", "group", str(GROUP), "down"], "ip_failed")

    def _take_up(self) -> None:
        for card in sorted(self._down() & set(names())):
            must(["ip", "link", "set", "dev", card, "up"], "ip_failed")
        self._downs.unlink(missing_ok=True)

    def _down(self) -> set[str]:
        """Return the cards that were taken down, by whichever keeper."""
        try:
            return set(self._downs.read_text().split())
        except (OSError, ValueError):
            return set()

    def _say(self, what: str) -> None:
        if what and what != self._said:
            with contextlib.suppress(OSError):  # the journal is away
                sys.stderr.write(f"The filter of guests' cards {what}.\n")
                sys.stderr.flush()
        self._said = what


def _table() -> str:
    """Return the table as nft shows it. Where nft does not say, again and again, there is none: a failure closes."""
    for _ in range(_TRIES):
        with contextlib.suppress(Failure):
            return filtering.whole_table()
        time.sleep(_TRY_S)
    return ""


def _drain(changes: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while select.select([changes], [], [], 0)[0]:
            changes.recv(_MOST_BYTES)


def _wait(changes: socket.socket) -> None:
    """Wait for a change of our table that is no new card's, or until it is time to make it anew."""
    until = time.monotonic() + RENEW_S
    while (left := until - time.monotonic()) > 0 and select.select([changes], [], [], left)[0]:
        try:
            told = changes.recv(_MOST_BYTES)
        except OSError:  # more than fits has changed (ENOBUFS)
            return
        if any(kind != _ADDED_ELEMENT for kind in messages(told)):
            return


def messages(told: bytes) -> Iterator[int]:
    """Return the type of each message about our table (netlink(7); linux/netfilter/nfnetlink.h)."""
    while len(told) >= 17:
        length = int.from_bytes(told[:4], sys.byteorder)
        kind = int.from_bytes(told[4:6], sys.byteorder)
        if kind >> 8 == _SUBSYSTEM and told[16] == _FAMILY_BRIDGE and _OURS in told[:length]:
            yield kind & 0xFF
        told = told[max(16, (length + 3) & ~3) :]
