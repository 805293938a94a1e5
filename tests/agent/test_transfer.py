"""What guests send and receive is counted once, whatever ends and begins anew meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from teig.agent.host import state as state_module
from teig.agent.host.state import PIECES, State, make_private, write_json
from teig.agent.network import transfer
from teig.agent.network.transfer import FILE, Transfer, totals
from tests.agent.given import GUEST, spec
from tests.servers import until

OTHER = "11111111-2222-4333-8444-555555555555"
_HEAD = "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs\n"


class Counting:
    """A host's cards, and the keepers that count on it, one after the other."""

    def __init__(self, root: Path) -> None:
        self.state = State(root / "state")
        self.net = root / "dev"
        self.boot = "boot-1"
        self.running: dict[int, str] = {}
        self.cards: dict[str, tuple[int, int]] = {}
        self.define(GUEST)
        self.define(OTHER)

    def define(self, guest: str) -> None:
        make_private(self.state.guest_dir(guest))
        write_json(self.state.guest_dir(guest) / "spec.json", {**spec(), "id": guest})

    def keeper(self) -> Transfer:
        """Return what a keeper counts with that has just been started."""
        self.show()
        counting = Transfer(self.state, lambda: self.running, self.net, self.boot)
        counting.take_up()
        return counting

    def show(self) -> None:
        """Have the kernel tell of the cards: bytes that guests have sent and received, packets of 100 bytes."""
        lines = [
            f"{name:>6}: {sent} {sent // 100} 1 2 3 4 5 6 {received} {received // 100} 0 0 0 0 0 0"
            for name, (sent, received) in {"lo": (7, 7), "vif9.0-emu": (3, 3), **self.cards}.items()
        ]
        new = self.net.with_name("new")
        new.write_text(_HEAD + "\n".join(lines) + "\n")
        new.replace(self.net)

    def look(self, counting: Transfer, **cards: tuple[int, int]) -> None:
        self.cards = {name.replace("_", "."): counts for name, counts in cards.items()}
        self.show()
        counting.look()

    def stored(self, counting: Transfer, guest: str = GUEST) -> tuple[int, int]:
        """Return what is told of a guest once it is written down: bytes sent and received."""
        counting.store()
        told = totals(self.state)[guest]
        return told["sent_bytes"], told["received_bytes"]


@pytest.fixture
def host(tmp_path: Path) -> Counting:
    return Counting(tmp_path)


def test_all_cards_of_a_guest_are_summed(host: Counting) -> None:
    counting = host.keeper()
    host.running = {7: GUEST, 8: OTHER}
    host.look(counting, vif7_0=(1000, 500), vif7_1=(100, 0), vif8_0=(5, 6), vif3_0=(9, 9))
    host.look(counting, vif7_0=(1500, 700), vif7_1=(300, 0), vif8_0=(5, 6), vif3_0=(9, 9))
    assert host.stored(counting) == (1800, 700)
    told = totals(host.state)
    assert set(told) == {GUEST, OTHER}
    assert told[GUEST] == {
        "count": told[GUEST]["count"], "sent_bytes": 1800, "sent_packets": 18, "received_bytes": 700,
        "received_packets": 7,
    }  # fmt: skip
    assert told[GUEST]["count"] != told[OTHER]["count"]


def test_counters_that_begin_anew_are_counted_neither_twice_nor_below_zero(host: Counting) -> None:
    """A guest that connects its card again, and one that reboots: its next domain has another card."""
    counting = host.keeper()
    host.running = {7: GUEST}
    host.look(counting, vif7_0=(1000, 1000))
    host.look(counting, vif7_0=(0, 0))
    host.look(counting, vif7_0=(100, 200))
    assert host.stored(counting) == (1100, 1200)
    host.look(counting)
    host.running = {8: GUEST}
    host.look(counting, vif8_0=(50, 60))
    assert host.stored(counting) == (1150, 1260)


def test_a_card_whose_domain_is_dying_is_still_its_guest_s(host: Counting) -> None:
    counting = host.keeper()
    host.running = {7: GUEST}
    host.look(counting, vif7_0=(1000, 0))
    host.running = {}
    host.look(counting, vif7_0=(1200, 0))
    assert host.stored(counting) == (1200, 0)


def test_another_keeper_goes_on_where_the_file_ends(host: Counting) -> None:
    """Also where the one before was killed: the cards still have what it had not written down."""
    counting = host.keeper()
    host.running = {7: GUEST}
    host.look(counting, vif7_0=(1000, 0))
    assert host.stored(counting) == (1000, 0)
    count = totals(host.state)[GUEST]["count"]
    host.look(counting, vif7_0=(1700, 0))
    counting = host.keeper()
    host.look(counting, vif7_0=(1800, 0), vif7_1=(30, 0))
    assert host.stored(counting) == (1830, 0)
    assert totals(host.state)[GUEST]["count"] == count


def test_a_boot_of_the_host_takes_no_card_for_the_one_before(host: Counting) -> None:
    counting = host.keeper()
    host.running = {1: GUEST}
    host.look(counting, vif1_0=(1000, 0))
    assert host.stored(counting) == (1000, 0)
    host.boot = "boot-2"
    host.cards = {}
    counting = host.keeper()
    host.look(counting, vif1_0=(5000, 0))
    assert host.stored(counting) == (6000, 0)


@pytest.mark.parametrize("damage", [None, "{", "[]", '{"boot": "boot-1", "guests": {"x": {}}}'])
def test_what_nobody_has_counted_is_not_counted_afterwards(host: Counting, damage: str | None) -> None:
    """The first keeper that counts, and one whose file is lost: another counting begins, and with nothing."""
    host.cards, host.running = {"vif7.0": (9000, 9000)}, {7: GUEST}
    if damage is not None:
        (host.state.root / FILE).write_text(damage)
    host.show()
    counting = Transfer(host.state, lambda: host.running, host.net, host.boot)
    with counting._telling("the file"):
        counting.take_up()
    host.look(counting, vif7_0=(9100, 9200))
    assert host.stored(counting) == (100, 200)
    host.look(counting, vif7_0=(9100, 9300), vif7_1=(50, 0))
    assert host.stored(counting) == (150, 300)


def test_a_guest_that_is_deleted_is_forgotten_and_never_counted_twice(host: Counting) -> None:
    counting = host.keeper()
    host.running = {7: GUEST, 8: OTHER}
    host.look(counting, vif7_0=(1000, 0), vif8_0=(10, 0))
    assert host.stored(counting) == (1000, 0)
    before = totals(host.state)[GUEST]["count"]
    (host.state.guest_dir(GUEST) / "spec.json").unlink()
    assert host.stored(counting, OTHER) == (10, 0)
    assert set(totals(host.state)) == {OTHER}
    host.define(GUEST)
    host.look(counting, vif7_0=(1100, 0), vif8_0=(10, 0))
    assert host.stored(counting) == (100, 0)
    assert totals(host.state)[GUEST]["count"] != before


def test_what_has_not_changed_is_not_written(host: Counting) -> None:
    counting = host.keeper()
    counting.store()
    assert not (host.state.root / FILE).exists()
    host.running = {7: GUEST}
    host.look(counting, vif7_0=(1000, 0))
    counting.store()
    before = (host.state.root / FILE).stat().st_ino
    host.look(counting, vif7_0=(1000, 0))
    counting.store()
    assert (host.state.root / FILE).stat().st_ino == before


def test_a_full_disk_costs_no_count_and_nothing_of_the_reserve(host: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    host.state.keep_reserve()
    counting = host.keeper()
    host.running = {7: GUEST}
    host.look(counting, vif7_0=(1000, 0))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(state_module, "_write_whole", full)
        with pytest.raises(OSError, match="No space"):
            counting.store()
    assert len(list(host.state.root.glob(".reserve*"))) == PIECES
    assert host.stored(counting) == (1000, 0)


def test_a_file_that_cannot_be_read_is_nobody_s_error(host: Counting) -> None:
    assert totals(host.state) == {}
    for text in ("{", "[]", '{"guests": []}', '{"guests": {"a": 1}}', json.dumps({"guests": {GUEST: {"count": "x"}}})):
        (host.state.root / FILE).write_text(text)
        assert totals(host.state) == {}


def test_a_keeper_that_ends_writes_down_what_there_is(host: Counting) -> None:
    counting = host.keeper()
    counting.store()
    host.running = {7: GUEST}
    host.look(counting, vif7_0=(1000, 10))
    assert totals(host.state) == {}
    counting.start()
    counting.stop()
    assert totals(host.state)[GUEST]["sent_bytes"] == 1000
    assert not counting._thread.is_alive()


def test_what_a_guest_that_has_ended_had_transferred_is_written_at_once(
    host: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be about to be deleted, or made anew."""
    monkeypatch.setattr(transfer, "LOOK_S", 0.01)
    host.running, host.cards = {7: GUEST}, {"vif3.0": (1, 1)}
    host.show()
    counting = Transfer(host.state, lambda: host.running, host.net, host.boot)
    counting.start()
    until(lambda: "vif3.0" in counting._before, "the beginning")
    host.cards = {"vif7.0": (1000, 10)}
    host.show()
    until(lambda: GUEST in counting._totals, "the first look")
    assert totals(host.state) == {}
    host.cards = {}
    host.show()
    until(lambda: totals(host.state) != {}, "the file")
    assert totals(host.state)[GUEST]["sent_bytes"] == 1000
    counting.stop()


def test_what_goes_wrong_is_told_once(host: Counting, capsys: pytest.CaptureFixture[str]) -> None:
    counting = host.keeper()
    host.net.unlink()
    for _ in range(3):
        with counting._telling("the counters"):
            counting.look()
    assert capsys.readouterr().err.count("Transfer: the counters") == 1
