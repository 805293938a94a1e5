"""How a guest's cards are held to their addresses and rates; `must` and sysfs are stand-ins, real ones in a lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import Spec, parse_spec
from teig.agent.host.state import State, make_private
from teig.agent.network import cards, filtering, shaping
from teig.agent.network.cards import Cards, parse_policers, write
from tests.agent.given import GUEST, spec
from tests.keeper.given import Xen

SPEC = parse_spec(spec())
LISTED = """total acts 3

\taction order 0:  police 0x7e000004 rate 0bit burst 0b mtu 4096Mb pkts_rate 100 pkts_burst 200 action drop/continue overhead 0b
\tref 1 bind 1
\tnot_in_hw

\taction order 1:  police 0x7e000005 rate 0bit burst 0b mtu 4096Mb pkts_rate 5000 pkts_burst 600 action drop/pipe overhead 0b
\tref 1 bind 1
\tnot_in_hw

\taction order 2:  police 0x7e00000a rate 20200Kbit burst 384Kb mtu 70000b action drop overhead 0b
\tref 1 bind 1
\tnot_in_hw
"""  # iproute2 6.1.0  # noqa: E501


class Dom0:
    """The cards of guest 7 in a folder; what runs is written down, and tells of policers with the numbers of theirs."""

    def __init__(self, root: Path) -> None:
        self.net, self.run = root / "net", root / "run"
        make_private(self.run / "cards")
        self.state = State(root / "state")
        make_private(self.state.guest_dir(GUEST))
        self.xen = Xen()
        self.xen.store["/local/domain/7/vm"] = f"/vm/{GUEST}"
        self.ran: list[str] = []
        self.refused = ""
        self.rate = "50500Kbit"
        self.made: list[tuple[str, ...]] = []
        for number in range(2):
            card = self.net / f"vif7.{number}"
            card.mkdir(parents=True)
            (card / "ifindex").write_text(f"{number + 3}\n")
            (card / "netdev_group").write_text(f"{filtering.GROUP}\n")

    def must(self, argv: list[str], *_: object) -> str:
        if argv[0] == "tc":
            numbers = (cards._FIRST_NUMBER + 4 * (3 + number) for number in range(2))
            return "".join(f"action order 0:  police 0x{number:x} rate {self.rate} burst 9b\n" for number in numbers)
        if self.refused and self.refused in argv:
            raise Failure("host", "tc failed: Operation not supported")
        self.ran.append(argv[1])
        (self.run / "cards" / argv[1]).write_text(Path(f"{argv[2]}.limits").read_text())  # as the script does
        return ""

    def renew(self, found: dict[str, str], _: Path) -> list[str]:
        self.made.append(tuple(sorted(found)))
        return []


@pytest.fixture
def dom0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dom0:
    dom0 = Dom0(tmp_path)
    monkeypatch.setattr(cards, "NET", dom0.net)
    monkeypatch.setattr(cards, "must", dom0.must)
    monkeypatch.setattr(cards, "received", lambda: dict.fromkeys(("vif7.0", "vif7.1"), shaping.bytes_per_second(40000)))
    monkeypatch.setattr(filtering, "renew", dom0.renew)
    return dom0


def hold(found: Cards, wanted: Spec) -> list[str]:
    found.write([wanted])
    return found.hold(wanted, 7, found.seen())


def held(dom0: Dom0) -> Cards:
    """Return the cards once they are held, with what was done forgotten."""
    found = Cards(dom0.state, dom0.xen, dom0.run)  # type: ignore[arg-type]
    hold(found, SPEC)
    dom0.ran.clear()
    dom0.made.clear()
    return found


def test_cards_are_held_once(dom0: Dom0) -> None:
    found = Cards(dom0.state, dom0.xen, dom0.run)  # type: ignore[arg-type]
    assert len(hold(found, SPEC)) == 2
    assert hold(found, SPEC) == []
    assert (dom0.ran, dom0.made) == (["vif7.0", "vif7.1"], [("vif7.0", "vif7.1")])


def test_a_card_that_cannot_be_held_keeps_no_other_of_its_guest_from_it(dom0: Dom0) -> None:
    found, dom0.refused = Cards(dom0.state, dom0.xen, dom0.run), "vif7.0"  # type: ignore[arg-type]
    with pytest.raises(Failure, match="Operation not supported"):
        hold(found, SPEC)
    assert dom0.ran == ["vif7.1"]
    dom0.refused = ""
    assert len(hold(found, SPEC)) == 1, "it is tried again"
    assert dom0.ran == ["vif7.1", "vif7.0"]


def test_other_limits_that_could_not_be_set_are_tried_until_they_are(dom0: Dom0) -> None:
    found, dom0.refused = held(dom0), "vif7.1"
    for _ in range(3):
        with pytest.raises(Failure, match="Operation not supported"):
            hold(found, SPEC._replace(out_kbit=20000))
    dom0.refused = ""
    assert len(hold(found, SPEC._replace(out_kbit=20000))) == 1


def test_what_somebody_else_has_written_and_could_not_set_is_set(dom0: Dom0) -> None:
    found = held(dom0)
    write(dom0.state.guest_dir(GUEST), SPEC._replace(out_kbit=20000))
    assert len(hold(found, SPEC._replace(out_kbit=20000))) == 2


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"", None])
def test_a_damaged_file_keeps_no_other_card_from_passing(dom0: Dom0, damage: bytes | None) -> None:
    found, path = held(dom0), dom0.state.guest_dir(GUEST) / "nic0.nft"
    path.unlink()
    if damage is None:
        path.mkdir()
    else:
        path.write_bytes(damage)
    found.renew()
    assert dom0.made == [("vif7.1",)]


def test_files_that_cannot_be_written_keep_no_other_guest_from_having_its_own(dom0: Dom0) -> None:
    other = "11111111-2222-4333-8444-555555555555"
    make_private(dom0.state.guest_dir(other) / "nic0.nft")
    found = Cards(dom0.state, dom0.xen, dom0.run)  # type: ignore[arg-type]
    with pytest.raises(OSError, match=r"nic0\.nft"):
        found.write([SPEC._replace(id=other), SPEC])
    assert dom0.made == [("vif7.0", "vif7.1")]


@pytest.mark.parametrize("flag", ["learning", "unicast_flood"])
def test_a_port_that_was_put_into_its_bridge_anew_is_locked_again(dom0: Dom0, flag: str) -> None:
    found = held(dom0)
    (dom0.net / "vif7.1/brport").mkdir()
    (dom0.net / f"vif7.1/brport/{flag}").write_text("1\n")
    hold(found, SPEC)
    assert dom0.ran == ["vif7.1"]


def test_what_xl_s_script_has_set_is_left_as_it_is(dom0: Dom0) -> None:
    folder = dom0.state.guest_dir(GUEST)
    write(folder, SPEC)
    for number in range(2):
        (dom0.run / f"cards/vif7.{number}").write_text((folder / f"nic{number}.limits").read_text())
    found = Cards(dom0.state, dom0.xen, dom0.run)  # type: ignore[arg-type]
    assert (hold(found, SPEC), dom0.ran) == ([], [])


def test_policers_that_somebody_has_changed_are_set_again(dom0: Dom0) -> None:
    found = held(dom0)
    dom0.rate = "90Mbit"
    assert len(hold(found, SPEC)) == 2


def test_a_card_that_has_left_its_group_is_put_there_again(dom0: Dom0) -> None:
    found = held(dom0)
    (dom0.net / "vif7.1/netdev_group").write_text("0\n")
    hold(found, SPEC)
    assert dom0.ran == ["vif7.1"]


def test_after_another_rate_only_the_cards_are_set_and_after_other_addresses_the_filter_too(dom0: Dom0) -> None:
    found = held(dom0)
    hold(found, SPEC._replace(out_kbit=20000))
    assert (dom0.ran, dom0.made) == (["vif7.0", "vif7.1"], [])
    first, second = SPEC.nics
    moved = SPEC._replace(out_kbit=20000, nics=(first, second._replace(also=("192.0.2.7/32",))))
    hold(found, moved)
    assert (dom0.ran, dom0.made) == (["vif7.0", "vif7.1", "vif7.1"], [("vif7.0", "vif7.1")])


def test_a_guest_that_is_cut_off_is_held_to_that_and_freed_again(dom0: Dom0, monkeypatch: pytest.MonkeyPatch) -> None:
    found, cut = held(dom0), SPEC._replace(cut=True)
    assert hold(found, cut) == [f"vif7.{n} is held to its addresses, and cut off" for n in range(2)]
    least = dict.fromkeys(("vif7.0", "vif7.1"), shaping.bytes_per_second(100))
    with monkeypatch.context() as patch:
        patch.setattr(cards, "received", lambda: least)
        assert hold(found, cut) == []
    assert len(hold(found, cut)) == 2, "somebody has let them receive"
    assert (dom0.ran, dom0.made) == (["vif7.0", "vif7.1"] * 2, [])
    assert len(hold(found, SPEC)) == 2
    assert hold(found, SPEC) == []


def test_what_netback_lets_a_card_send_follows_its_guest_s_files(dom0: Dom0) -> None:
    found, path = held(dom0), "/local/domain/0/backend/vif/7/0/rate"
    dom0.xen.store[path] = "312500,50000"
    assert hold(found, SPEC) == []
    hold(found, SPEC._replace(out_kbit=2000))
    assert dom0.xen.store == {"/local/domain/7/vm": f"/vm/{GUEST}", path: f"{2000 * 125 // 20},50000"}


def test_the_filter_has_the_cards_of_guests_alone(dom0: Dom0) -> None:
    found = held(dom0)
    others = {"vif8.0": "", "vif9.0": "/vm/11111111-2222-4333-8444-555555555555", "vif10.0": "/vm/../.."}
    for card, domain in others.items():
        (dom0.net / card).mkdir()
        (dom0.net / card / "netdev_group").write_text(f"{filtering.GROUP}\n")
        dom0.xen.store[f"/local/domain/{card[3:-2]}/vm"] = domain
    (dom0.net / "vif7.1/netdev_group").write_text("0\n")  # it is its guest's all the same
    (dom0.net / "vif7.0-emu").mkdir()
    found.renew()
    assert dom0.made == [("vif7.0", "vif7.1")]


def test_marks_of_cards_that_have_gone_go_too(dom0: Dom0) -> None:
    (dom0.run / "cards/vif6.0").touch()
    (dom0.run / "cards/vif7.0").touch()
    Cards(dom0.state, dom0.xen, dom0.run).seen()  # type: ignore[arg-type]
    assert [path.name for path in (dom0.run / "cards").iterdir()] == ["vif7.0"]


def test_policers_are_told_by_card() -> None:
    found = parse_policers(LISTED)
    assert list(found) == [0x7E000004, 0x7E000008]
    assert "pkts_rate 100 pkts_burst 200" in found[0x7E000004]
    assert "pkts_rate 5000" in found[0x7E000004]
    assert parse_policers("total acts 0\n") == {}


@pytest.mark.parametrize(
    ("said", "limits"),
    [
        ({}, "50500kbit 690536 12500 1250 40000kbit 65536"),
        ({"cut": True}, "100kbit 1 12500 1250 100kbit 1"),
        ({"out_packets": 200}, "50500kbit 690536 200 100 40000kbit 65536"),
        ({"out_kbit": 1000, "in_kbit": 1000}, "1010kbit 327680 250 100 1000kbit 65536"),
        (
            {"out_kbit": 10**9, "in_kbit": 10**9},
            "1010000000kbit 12500065536 250000000 25000000 1000000000kbit 1250000000",
        ),
    ],
)
def test_limits_are_a_line_for_the_script(tmp_path: Path, said: dict[str, int], limits: str) -> None:
    write(tmp_path, parse_spec(spec(**said)))
    mac, *figures, _ = (tmp_path / "nic0.limits").read_text().split()
    assert (mac, " ".join(figures)) == ("00:16:3e:00:00:05", limits)


def test_addresses_that_lie_within_each_other_are_told_once(tmp_path: Path) -> None:
    """nft refuses what overlaps."""
    nic = SPEC.nics[0]._replace(also=("10.77.16.4/31", "10.77.16.5/32", "2001:db8::/64", "2001:db8::7/128"))
    told = filtering.elements(nic)
    assert told.count("ipv4") == 1
    assert "$card . 10.77.16.4/31" in told
    assert told.count("2001:db8") == 1
