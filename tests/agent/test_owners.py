"""What guests have of volumes that nobody knows, that are copies, or that were removed before."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from teig.agent.disks.volumes import Volumes
from teig.agent.guests.guests import Guests
from teig.agent.guests.record import NO_LIMITS
from teig.agent.host.clock import clock
from teig.agent.host.state import State, make_private, write_json
from teig.agent.xen import own_cores
from tests.agent.given import GUEST, spec
from tests.agent.lvm import OTHER, OWN, SIZE, Group, Lvm
from tests.agent.processors import domain
from tests.keeper.given import Xen


@pytest.fixture
def guests(lvm: Lvm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guests:
    """An agent's guests, with two that are defined."""
    state, xen = State(tmp_path / "teig"), Xen()
    for guest in (GUEST, OTHER):
        make_private(state.guest_dir(guest))
        write_json(state.guest_dir(guest) / "spec.json", {**spec(cap=0, vcpus=1), "id": guest})
    xen.running += [domain(5, GUEST), domain(6, OTHER)]
    guests = Guests(state, xen, Volumes())  # type: ignore[arg-type]
    monkeypatch.setattr(vars(guests)["_limits"], "held", lambda *_: NO_LIMITS)
    monkeypatch.setattr(vars(guests)["_limits"], "threads", dict)
    monkeypatch.setattr(guests, "_with_answers", lambda told: told)
    return guests


def test_a_guest_whose_volume_nobody_knows_hides_no_other(lvm: Lvm, vg0: Group, guests: Guests) -> None:
    state, xen = vars(guests)["_state"], vars(guests)["_xen"]
    for guest in (GUEST, OTHER):
        lvm.volume(vg0, "disk0", OWN, guest=guest)
    lvm.clone(vg0, "backup")
    (state.guest_dir(OTHER) / "disk0.json").write_bytes(b"\xff{")
    uuid = lvm.volumes[0].dm_uuid
    write_json(state.guest_dir(GUEST) / "disk0.json", {"uuid": uuid})
    told = guests.all(xen.domains(), {}, clock())
    assert {guest["id"]: (guest["domid"], guest["volumes"]) for guest in told} == {GUEST: (5, [0]), OTHER: (6, [])}


def test_what_was_removed_is_known_when_it_is_removed_again_long_after_its_guest(
    lvm: Lvm, vg0: Group, guests: Guests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer was lost, and by now a copy alone has the names of the guest's volumes."""
    monkeypatch.setattr(own_cores, "take_back", lambda *_: None)
    state, xen = vars(guests)["_state"], vars(guests)["_xen"]
    xen.running.clear()
    folder = state.guest_dir(GUEST)
    for what in ("disk0", "disk1", "seed"):
        Volumes().create(folder, GUEST, what, SIZE, "vg0")
    backup = lvm.clone(vg0, "backup")
    for _ in range(2):
        guests.volume_delete(GUEST, 1, 0)
    assert {path.name for path in folder.iterdir()} >= {"disk0.gone", "disk1.json", "seed.json"}
    guests.undefine(GUEST, 1)
    left = {path.name for path in folder.iterdir()}
    assert left == {"disk0.gone", "disk1.json", "seed.gone", "fence", "lock"}, "a volume is left"
    for _ in range(2):
        guests.volume_delete(GUEST, 1, 1)
        guests.volume_delete(GUEST, 1, 0)
        guests.undefine(GUEST, 1)
    assert {path.name for path in folder.iterdir()} == {"disk0.gone", "disk1.gone", "seed.gone", "fence", "lock"}
    assert all(volume.group is backup for volume in lvm.volumes)
    assert sorted(volume.name[-5:] for volume in lvm.volumes if volume.group is backup) == ["-seed", "disk0", "disk1"]


def test_who_cancels_beside_it_does_not_lose_what_they_write_to_who_empties_the_directory(
    lvm: Lvm, vg0: Group, guests: Guests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that has lost its operation still takes the guest's files away, and the newer one raises the fence."""
    state, xen = vars(guests)["_state"], vars(guests)["_xen"]
    xen.running.clear()
    half = state.guest_dir(GUEST) / ".new-fence"
    monkeypatch.setattr(own_cores, "take_back", lambda *_: half.write_text("6\n"))
    guests.undefine(GUEST, 1)
    half.replace(state.guest_dir(GUEST) / "fence")
    assert state.fence(GUEST) == 6
    half.write_text("7\n")
    long_ago = time.time() - 10**8
    os.utime(state.guest_dir(GUEST) / "fence", (long_ago, long_ago))
    state.forget_old()
    assert not state.guest_dir(GUEST).exists(), "what a crash has left of one is no reason to keep it"
