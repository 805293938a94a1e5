"""A guest's network cards in Domain-0: what each is held to lies in the guest's directory, and one script sets it.

xl runs that script before a card is up, whoever makes the domain; the keeper runs it where something was changed, and
gives the filter all cards anew where others have removed it. Before the bridge sees a frame it has passed, in order:

- netback's `rate=` (xl-network-configuration(5)), which stops what a guest sends before it is copied. It holds each of
  a card's queues to the whole rate, and a guest chooses how many it has (linux, drivers/net/xen-netback/xenbus.c);
- policers (tc-police(8)) at the card's ingress: broadcasts, packets, and the bytes of all queues together. They have
  numbers of their own, so that one command tells of all cards;
- the filter (`teig.agent.network.filtering`).

What the bridge's hooks never see (LLDP, EAPOL and what else is for a bridge itself) is dropped at the ingress too. The
port learns no addresses and takes no frames of others' MACs (bridge(8), `locked`): a second layer, without nftables.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import LEAST_KBIT, Nic, Spec, packets
from teig.agent.host.process import must
from teig.agent.host.state import State, locked, make_private, write_whole
from teig.agent.network import filtering
from teig.agent.network.filtering import GROUP
from teig.agent.network.shaping import LATENCY_MS, NET, burst, bytes_per_second, received
from teig.agent.xen.hypervisor import Hypervisor

SCRIPT_PATH: Final = "/etc/xen/scripts/teig-vif-limits"
TABLE_PATH: Final = "/etc/xen/scripts/teig-filter.nft"
RUN: Final = Path("/run/teig")
BROADCASTS: Final = 100
"""Broadcasts and multicasts that a card may send in a second, twice as many at once: each reaches every guest."""
_LOCK_WAIT_S = 30.0
_SCRIPT_S = 60.0
_SLACK = 100
"""The policer of bytes has one part in so many more than netback, which holds back what this would drop."""
_INTERVAL_US = 50000
"""In which netback lets a queue send its part of `rate=`, as xl has it (libxlu_vif.c, DEFAULT_INTERVAL)."""
_CREDIT_BYTES = 131072
"""What netback lets a queue send at once, if that is more than its rate in 50 ms (netback.c, tx_add_credit)."""
_FIRST_NUMBER = 0x7E000000
_NUMBERS = 4
SCRIPT: Final = f"""\
#!/bin/sh
# Made by teig: hold a guest's network card to its addresses and rates. teig-vif-limits CARD FILES
set -u
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
card=$1 files=$2
fail() {{
    echo "$1" >&2
    exit 1
}}
[ -s "$files.nft" ] && read -r mac out out_burst packets packets_burst receive receive_burst addresses <"$files.limits" ||
    fail "$files.limits does not say what $card may do."
read -r number <"{NET}/$card/ifindex" || fail "$card is gone."
number=$(({_FIRST_NUMBER} + number * {_NUMBERS}))

mkdir -p {RUN}/cards && exec 9>>{RUN}/filter.lock && flock -w 20 9 || fail "{RUN}/filter.lock cannot be locked."
said=$(ip link set dev "$card" group {GROUP} 2>&1) || fail "$card cannot be put into a group: $said"
add() {{
    said=$(nft -D "card=$card" -f "$files.nft" 2>&1)
}}
add || {{
    nft -f {TABLE_PATH} 2>/dev/null
    add
}} || fail "$card cannot be filtered: $said"
exec 9>&-

said=$(tc -batch - 2>&1 <<END
qdisc replace dev $card clsact
filter replace dev $card ingress pref 1 handle 1 protocol all flower dst_mac 01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0 action drop
filter replace dev $card ingress pref 2 handle 1 protocol all flower dst_mac 01:00:00:00:00:00/01:00:00:00:00:00 action police index $number pkts_rate {BROADCASTS} pkts_burst {2 * BROADCASTS} conform-exceed drop/continue
filter replace dev $card ingress pref 3 handle 1 protocol all flower action police index $((number + 1)) pkts_rate $packets pkts_burst $packets_burst conform-exceed drop/pipe action police index $((number + 2)) rate $out burst $out_burst mtu 70000 conform-exceed drop/pass
qdisc replace dev $card root tbf rate $receive burst $receive_burst latency {LATENCY_MS}ms
END
) || fail "$card cannot be limited: $said"

[ -d "{NET}/$card/brport" ] || exit 0
said=$(ip link set dev "$card" type bridge_slave learning off locked on flood off mcast_router 0 2>&1 &&
    bridge fdb replace "$mac" dev "$card" master static 2>&1) || fail "$card cannot be locked to its MAC: $said"
echo "$mac $out $out_burst $packets $packets_burst $receive $receive_burst $addresses" >"{RUN}/cards/$card"
"""  # noqa: E501  (a command for tc is a line)


class Seen(NamedTuple):
    """What the kernel holds cards to, by their names: bytes a second that they receive, and what their policers say."""

    received: dict[str, int]
    policed: dict[str, str]


class Cards:
    """The cards of guests, and how their policers looked when they were last set by this process."""

    def __init__(self, state: State, xen: Hypervisor, folder: Path = RUN) -> None:
        self._state = state
        self._xen = xen
        self._folder = folder
        self._set: dict[str, str] = {}

    def seen(self) -> Seen:
        """Return what the kernel holds all cards to: two processes, however many there are."""
        policed = _policed()
        self._set = {card: text for card, text in self._set.items() if card in policed}
        for stamp in (self._folder / "cards").glob("*"):
            if not (NET / stamp.name).exists():
                stamp.unlink(missing_ok=True)
        return Seen(received(), policed)

    def write(self, specs: Iterable[Spec]) -> None:
        """Write what the cards of some guests are held to, and make the filter anew where that is another.

        A guest whose files cannot be written keeps no other from having its own, and is told when all were tried.
        """
        moved, failed = False, []
        for spec in specs:
            try:
                moved |= write(self._state.guest_dir(spec.id), spec)
            except (Failure, OSError) as error:
                failed.append(error)
        if moved:  # the script adds what is new; what is gone must go too
            self.renew()
        if failed:
            raise failed[0]

    def hold(self, spec: Spec, domid: int, seen: Seen) -> list[str]:
        """Hold a guest's cards to what was written, where they are not as `seen` says. Return what had to be done.

        One that cannot be limited keeps no other from it, and is told when all were tried.
        """
        did, failed = {}, []
        for number, nic in enumerate(spec.nics):
            card = f"vif{domid}.{number}"
            if not (NET / card).exists():
                continue
            if self._xen.set_rate(domid, number, f"{bytes_per_second(spec.out_kbit) // 20},{_INTERVAL_US}"):
                did[card] = f"{card} may send {spec.out_kbit} kbit/s"
            if self._is_held(card, spec, nic, seen):
                continue
            try:
                files = self._state.guest_dir(spec.id) / f"nic{number}"
                must([SCRIPT_PATH, card, str(files)], "card_failed", _SCRIPT_S)
                rates = f"to {spec.out_kbit} kbit/s out and {spec.in_kbit} in"
                did[card] = f"{card} is held to its addresses, and {'cut off' if spec.cut else rates}"
            except Failure as failure:
                failed.append(failure)
        if did:
            self._set.update({card: text for card, text in _policed().items() if card in did})
        if failed:
            raise failed[0]
        return [*did.values()]

    def _is_held(self, card: str, spec: Spec, nic: Nic, seen: Seen) -> bool:
        """Say whether a card is as the script left it, when it last came to its end, and that is what is wanted."""
        if _text(self._folder / "cards" / card) != _limits(spec, nic):
            return False
        if card not in self._set and card in seen.policed:
            self._set[card] = seen.policed[card]  # as it was set when the card came
        return (
            card in seen.policed
            and seen.policed[card] == self._set.get(card)
            and seen.received.get(card) == bytes_per_second(LEAST_KBIT if spec.cut else spec.in_kbit)
            and _number_in(card, "netdev_group") == GROUP
            and not any(_number_in(card, f"brport/{flag}") for flag in ("learning", "unicast_flood"))
        )

    def renew(self) -> list[str]:
        """Make the filter anew with all cards that guests have; return those of which nothing passes, for nft refused.

        Raises a host fault where nft refuses the whole: the old one stays.
        """
        make_private(self._folder)
        with locked(self._folder / "filter.lock", _LOCK_WAIT_S, "Somebody else changes the filter of guests' cards."):
            return filtering.renew({card: text for card in names() if (text := self._own(card))}, self._folder)

    def _own(self, card: str) -> str:
        """Return what a guest's card may send, as the guest's file says it; nothing where there is none, or none whole.

        Nothing passes then, of that card alone.
        """
        domid, number = card[len("vif") :].split(".")
        guest = (self._xen.read(f"/local/domain/{domid}/vm") or "").rpartition("/")[2]
        with contextlib.suppress(Failure):  # of a domain that is no guest's, or has gone
            return _text(self._state.guest_dir(guest) / f"nic{number}.nft")
        return ""


def has_all(spec: Spec, domid: int) -> bool:
    """Return whether all of a guest's cards are there: a domain is, some time before they are."""
    return all((NET / f"vif{domid}.{number}").exists() for number in range(len(spec.nics)))


def _policed() -> dict[str, str]:
    found = parse_policers(must(["tc", "actions", "list", "action", "police"], "tc_failed"))
    return {card: text for card in names() if (text := found.get(_first_number(card)))}


def names() -> list[str]:
    """Return the network cards of all domains in Domain-0."""
    return [path.name for path in NET.glob("vif*") if re.fullmatch(r"vif\d+\.\d+", path.name)]


def is_up_of_guest(card: str) -> bool:
    """Say whether a card is a guest's, and up (linux/if.h, IFF_UP)."""
    return _number_in(card, "netdev_group") == GROUP and bool(_number_in(card, "flags") & 1)


def _text(path: Path) -> str:
    """Return what a file says, nothing where it cannot be read."""
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""


def _first_number(card: str) -> int:
    return _FIRST_NUMBER + _NUMBERS * _number_in(card, "ifindex")


def _number_in(card: str, name: str) -> int:
    """Return what sysfs says of a card (Documentation/ABI/testing/sysfs-class-net), 0 where it has just gone."""
    try:
        return int((NET / card / name).read_text(), 0)
    except (OSError, ValueError):
        return 0


def parse_policers(text: str) -> dict[int, str]:
    """Return what `tc actions list action police` says of each card's policers, by the first of their numbers.

    It is compared with what it was when they were set: tc prints rates rounded, and none of bytes in JSON (6.1).
    """
    found: dict[int, str] = {}
    for number, rest in re.findall(r"police 0x([0-9a-f]+) (.*)", text):
        first = int(number, 16) // _NUMBERS * _NUMBERS
        found[first] = f"{found.get(first, '')}{number} {rest.strip()}; "
    return found


def write(folder: Path, spec: Spec) -> bool:
    """Write what each of a guest's cards is held to into the guest's directory; return whether addresses changed."""
    moved = False
    for number, nic in enumerate(spec.nics):
        for ending, text in (("nft", filtering.elements(nic)), ("limits", _limits(spec, nic))):
            path = folder / f"nic{number}.{ending}"
            if _text(path) != text:
                write_whole(path, text.encode())
                moved |= ending == "nft"
    return moved


def _limits(spec: Spec, nic: Nic) -> str:
    """Return a line for the script: MAC, bytes a second and at once, packets likewise, what the card may receive.

    It ends with a word that changes with the card's addresses: the script writes the line down when all is set. A card
    that is cut off may send and receive no more than a byte at once, either way: no frame is so small.
    """
    out = bytes_per_second(spec.out_kbit)
    at_once = 2 * max(_CREDIT_BYTES, out // 20) + (64 << 10)
    a_second = packets(spec)
    addresses = f"{zlib.crc32(filtering.elements(nic).encode()):x}"
    if spec.cut:
        return f"{nic.mac} {LEAST_KBIT}kbit 1 {a_second} {max(100, a_second // 10)} {LEAST_KBIT}kbit 1 {addresses}\n"
    figures = (
        f"{spec.out_kbit * (_SLACK + 1) // _SLACK}kbit {at_once} {a_second} {max(100, a_second // 10)} "
        f"{spec.in_kbit}kbit {burst(spec.in_kbit)}"
    )
    return f"{nic.mac} {figures} {addresses}\n"
