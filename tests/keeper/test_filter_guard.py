"""Keeping the filter: when cards are taken down, and what the kernel says. test_lab_cards has real ones."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.host.process import Done
from teig.agent.host.state import State
from teig.agent.keeper import filter_guard
from teig.agent.keeper.filter_guard import FilterGuard, messages
from teig.agent.network import filtering
from teig.agent.network.cards import Cards
from tests.keeper.given import Xen

ADDED = (
    "540000000c0a000400000000032d000007000004090001007465696700000000090002006d616373000000002800030024000100"
    "200001001c000100766966312e300000000000000000000000163e0000010000"
)
THEIRS = (
    "3c000000000a0000010000000d2d0000010000060b000100746865697273000008000300000000000c0004000000000000000002"
    "0800020000000000"
)
"""Of Linux 6.18: an element that was added to ours, and a table of others."""


class Nftables:
    """The table as nft shows it, whether it can be made, and what was done."""

    def __init__(self) -> None:
        self.table = self.becomes = "whole"
        self.refused: list[str] = []
        self.broken = False
        self.did: list[str] = []
        self.fails: set[str] = set()
        self.up = {"vif7.0", "vif8.0"}

    def renew(self) -> list[str]:
        if self.broken:
            raise Failure("host", "nft failed: out of memory")
        self.did.append("made")
        self.table = self.becomes
        return self.refused

    def must(self, argv: list[str], _: str) -> str:
        if argv[-1] in self.fails:
            raise Failure("host", f"ip {argv[-1]}: Cannot allocate memory")
        self.did.append(argv[-1])
        if argv[-1] == "down":
            self.up.clear()
        else:
            self.up.add(argv[-2])
        return ""


@pytest.fixture
def nftables(monkeypatch: pytest.MonkeyPatch) -> Nftables:
    found = Nftables()
    monkeypatch.setattr(filtering, "whole_table", lambda: found.table)
    monkeypatch.setattr(filter_guard, "must", found.must)
    monkeypatch.setattr(filter_guard, "names", lambda: ["vif7.0", "vif8.0", "vif9.0"])
    monkeypatch.setattr(filter_guard, "is_up_of_guest", found.up.__contains__)
    monkeypatch.setattr(Cards, "renew", lambda _: found.renew())
    return found


@pytest.fixture
def guard(nftables: Nftables, tmp_path: Path) -> FilterGuard:
    guard = FilterGuard(State(tmp_path), tmp_path, Xen())  # type: ignore[arg-type]
    guard.check()
    nftables.did.clear()
    return guard


def test_a_keeper_that_begins_takes_cards_up_that_another_has_left_down(
    nftables: Nftables, guard: FilterGuard, tmp_path: Path
) -> None:
    nftables.table, nftables.broken = "", True
    with pytest.raises(Failure, match="out of memory"):
        guard.check()
    assert nftables.up == set()
    nftables.broken = False
    FilterGuard(State(tmp_path), tmp_path, Xen()).check()  # type: ignore[arg-type]
    assert nftables.up == {"vif7.0", "vif8.0"}, "what was down before stays so"


def test_where_there_is_no_table_at_the_beginning_all_cards_are_down_first(nftables: Nftables, tmp_path: Path) -> None:
    nftables.table = ""
    FilterGuard(State(tmp_path), tmp_path, Xen()).check()  # type: ignore[arg-type]
    assert nftables.did == ["down", "made", "up", "up"]


def test_a_card_that_somebody_has_taken_down_stays_so(nftables: Nftables, guard: FilterGuard, tmp_path: Path) -> None:
    nftables.up.discard("vif8.0")
    FilterGuard(State(tmp_path), tmp_path, Xen()).check()  # type: ignore[arg-type]
    nftables.table = ""
    guard.check()
    assert nftables.up == {"vif7.0"}


def test_where_cards_cannot_be_taken_down_the_filter_is_made_all_the_same(
    nftables: Nftables, guard: FilterGuard
) -> None:
    nftables.table, nftables.fails = "", {"down"}
    with pytest.raises(Failure, match="Cannot allocate"):
        guard.check()
    assert (nftables.did, nftables.table) == (["made"], "whole")


@pytest.mark.parametrize(("times", "did"), [(1, ["made"]), (3, ["down", "made", "up", "up"])])
def test_nft_that_does_not_answer_once_closes_nothing_and_one_that_never_does_closes_all(
    nftables: Nftables, guard: FilterGuard, monkeypatch: pytest.MonkeyPatch, times: int, did: list[str]
) -> None:
    asked: list[int] = []

    def whole_table() -> str:
        asked.append(1)
        if len(asked) <= times:
            raise Failure("host", "nft failed: cache initialization failed")
        return nftables.table

    monkeypatch.setattr(filtering, "whole_table", whole_table)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    guard.check()
    assert nftables.did == did


def test_a_table_that_goes_at_the_moment_in_which_it_was_made_is_no_known_one(
    nftables: Nftables, guard: FilterGuard
) -> None:
    nftables.table = nftables.becomes = ""
    with pytest.raises(Failure, match="removed the filter again"):
        guard.check()
    assert nftables.up == set()
    nftables.becomes = "whole"
    guard.check()
    assert nftables.up == {"vif7.0", "vif8.0"}


def test_what_is_as_it_was_is_made_anew_under_traffic(nftables: Nftables, guard: FilterGuard) -> None:
    guard.check()
    assert nftables.did == ["made"]


@pytest.mark.parametrize("table", ["", "without a rule"])
def test_what_is_not_as_it_was_stops_all_cards_until_it_is_whole(
    nftables: Nftables, guard: FilterGuard, table: str
) -> None:
    nftables.table, nftables.broken = table, True
    for _ in range(2):
        with pytest.raises(Failure, match="out of memory"):
            guard.check()
    assert set(nftables.did) == {"down"}
    nftables.broken = False
    nftables.did.clear()
    guard.check()
    assert nftables.did == ["down", "made", "up", "up"]


def test_a_card_that_nft_refuses_is_told_once(
    nftables: Nftables, guard: FilterGuard, capsys: pytest.CaptureFixture[str]
) -> None:
    nftables.refused = ["vif7.0"]
    for _ in range(2):
        guard.check()
    assert capsys.readouterr().err.count("nothing passes of vif7.0") == 1


def test_messages_of_the_kernel_about_our_table_alone() -> None:
    others = bytes.fromhex(ADDED).replace(b"teig\0", b"toig\0")
    assert list(messages(bytes.fromhex(ADDED + THEIRS) + others)) == [12]
    assert list(messages(b"")) == list(messages(b"\x00" * 40)) == list(messages(b"\xff" * 40)) == []


@pytest.mark.parametrize(("status", "said", "there"), [(0, "", "table"), (1, "Error: No such file or directory", "")])
def test_a_table_that_is_not_there_is_no_table(
    monkeypatch: pytest.MonkeyPatch, status: int, said: str, there: str
) -> None:
    monkeypatch.setattr(filtering, "run", lambda _: Done(status, "table" if not status else "", said))
    assert filtering.whole_table() == there


def test_nft_that_does_not_say_is_no_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtering, "run", lambda _: Done(1, "", "netlink: Error: cache initialization failed"))
    with pytest.raises(Failure, match="cache initialization failed"):
        filtering.whole_table()
