"""Keeping the filter of guests' cards, whatever others do to the host's nftables.

A reload of nftables.service flushes the whole ruleset (nftables(8)), ours with it. The kernel tells of each change
(NFNLGRP_NFTABLES, linux/netfilter/nfnetlink.h): where our table is not what it was, all cards of guests are taken down,
and up again once it is whole. Everything else of the host's nftables is left alone.
"""

from __future__ import annotations

import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from teig.agent.contract.failure import failure_of
from teig.agent.host.process import must
from teig.agent.host.state import State
from teig.agent.network import filtering
from teig.agent.network.cards import Cards
from teig.agent.network.filtering import GROUP
from teig.agent.xen.hypervisor import Hypervisor

RENEW_S = 300.0
"""How often the filter is made anew though nobody was seen to change it: what has gone goes, and what was added."""
_AGAIN_S = 2.0
_NETLINK_NETFILTER, _GROUP_NFTABLES = 12, 7
_SUBSYSTEM, _FAMILY_BRIDGE = 10, 7
_ADDED_ELEMENT, _REMOVED_ELEMENT = 12, 14
"""linux/netfilter/nf_tables.h: NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM. Each new card adds some; Teig removes none."""
_MOST_BYTES = 1 << 16


class FilterGuard(threading.Thread):
    """A thread that makes the filter anew whenever it is not what it was, for as long as this process lives."""

    def __init__(self, state: State, folder: Path, xen: Optional[Hypervisor] = None) -> None:
        super().__init__(name="filter", daemon=True)
        self._cards = Cards(state, xen or Hypervisor(), folder)
        self._known: Optional[str] = None
        self._down = True  # maybe: a keeper may have ended before they were up again
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
                self._wait(changes)

    def check(self) -> None:
        """Make the filter anew; where it is not whole, with all cards of guests down until it is."""
        there = filtering.whole_table()
        if not there or self._known not in (None, there):
            self._take_down()
        refused = self._cards.renew()
        self._known = filtering.whole_table()
        if self._down:
            must(["ip", "link", "set", "group", str(GROUP), "up"], "ip_failed")
            self._down = False
        self._say(f"nothing passes of {', '.join(refused)}: nft refuses what may" if refused else "")

    def _take_down(self) -> None:
        if self._known is not None:
            self._say("was changed by somebody else: no guest sends anything until it is made anew")
        self._down = True
        must(["ip", "link", "set", "group", str(GROUP), "down"], "ip_failed")

    def _wait(self, changes: socket.socket) -> None:
        """Wait for a change of our table that is none of ours, or until it is time to make it anew."""
        until = time.monotonic() + RENEW_S
        while (left := until - time.monotonic()) > 0:
            if not select.select([changes], [], [], left)[0]:
                return
            try:
                told = changes.recv(_MOST_BYTES)
            except OSError:  # more than fits has changed (ENOBUFS)
                return
            kinds = {kind for kind, family in messages(told) if family == _FAMILY_BRIDGE}
            if _REMOVED_ELEMENT in kinds or (kinds - {_ADDED_ELEMENT} and filtering.whole_table() != self._known):
                return

    def _say(self, what: str) -> None:
        if what and what != self._said:
            sys.stderr.write(f"The filter of guests' cards {what}.\n")
            sys.stderr.flush()
        self._said = what


def messages(told: bytes) -> Iterator[tuple[int, int]]:
    """Return the type and the family of each message about nftables (netlink(7); linux/netfilter/nfnetlink.h)."""
    while len(told) >= 17:
        length = int.from_bytes(told[:4], sys.byteorder)
        kind = int.from_bytes(told[4:6], sys.byteorder)
        if kind >> 8 == _SUBSYSTEM:
            yield kind & 0xFF, told[16]
        told = told[max(16, (length + 3) & ~3) :]
