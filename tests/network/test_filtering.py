"""What a guest may send and what not: real frames through a real bridge, in a network of its own on a lab host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from teig.agent.contract.spec import Nic
from teig.agent.network import filtering
from teig.lab.hosts import LabHost
from tests.network import frames, replay

pytestmark = pytest.mark.lab
CARDS = {
    "vif5.0": Nic(frames.MAC, "xenbr0", f"{frames.IPV4}/16", frames.GATEWAY, frames.ALSO),
    "vif6.0": Nic(frames.OTHER_MAC, "xenbr0", f"{frames.OTHER_IPV4}/16", frames.GATEWAY),
}
Came = dict[str, dict[str, list[str]]]


def came_out(host: LabHost, rules: str) -> Came:
    """Return where each frame has come out, by what it is."""
    kinds = {"own": frames.sent(frames.own()), "forged": frames.sent(frames.forged())}
    given = json.dumps({"rules": rules, "group": str(filtering.GROUP), "kinds": kinds})
    host.run("cat >/root/replay.py", stdin=Path(replay.__file__).read_bytes())
    told: Came = json.loads(host.run("unshare --net python3 /root/replay.py", stdin=given.encode(), timeout_s=300))
    return told


@pytest.fixture(scope="module")
def filtered(host_booted: LabHost) -> Came:
    elements = [filtering.of_card(name, filtering.elements(nic)) for name, nic in CARDS.items()]
    return came_out(host_booted, "".join([filtering.TABLE, *elements]))


@pytest.mark.parametrize("what", frames.own())
def test_what_is_its_own_comes_out(filtered: Came, what: str) -> None:
    assert filtered["own"][what]


@pytest.mark.parametrize("what", frames.forged())
def test_what_is_forged_comes_out_nowhere(filtered: Came, what: str) -> None:
    assert filtered["forged"][what] == []


def test_without_the_filter_nearly_all_of_it_comes_out(host_booted: LabHost) -> None:
    """Else the test above would show nothing. Senders that cannot be, and what is for itself, a bridge drops."""
    came = came_out(host_booted, "")["forged"]
    nowhere = {what for what, where in came.items() if not where}
    assert nowhere <= {"no MAC", "broadcast MAC", "a multicast MAC", "lldp", "eapol", "lacp", "spanning tree"}


def test_of_a_card_that_no_set_knows_nothing_comes_out(host_booted: LabHost) -> None:
    came = came_out(host_booted, filtering.TABLE)
    assert not any(where for kind in came.values() for where in kind.values())
