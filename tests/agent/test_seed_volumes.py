"""A volume with first-boot data that is lost, or half made: nobody's bytes reach its guest, and it is not stopped."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import parse_manifest
from teig.agent.disks import images, volumes
from teig.agent.disks.volumes import Volumes
from teig.agent.guests import guests as module
from teig.agent.guests.guests import Guests
from teig.agent.host.process import Done
from teig.agent.host.state import State, read_json, write_json
from teig.agent.keeper import pauses
from teig.agent.network import neighbours
from tests.agent.given import GUEST, manifest, spec
from tests.agent.lvm import Group, Lvm
from tests.agent.processors import domain
from tests.keeper.given import Xen

SIZE = 4 << 20
SPEC = spec(cap=0, vcpus=1, disks=[{"index": 0, "size_bytes": SIZE}])


@pytest.fixture
def read() -> list[bytes]:
    """What the guest finds on its disks at its starts."""
    return []


@pytest.fixture
def guests(
    lvm: Lvm, vg0: Group, tmp_path: Path, xen: Xen, monkeypatch: pytest.MonkeyPatch, read: list[bytes]
) -> Guests:
    """An agent with a guest that runs and has first-boot data."""
    told = parse_manifest(manifest(network="nocloud", ssh=True, default_user="debian"))
    monkeypatch.setattr(images, "manifest_of", lambda *_: told)
    monkeypatch.setattr(module, "GOING_DOWN", tmp_path / "going-down")
    monkeypatch.setattr(neighbours, "forget", lambda _: None)
    monkeypatch.setattr(pauses, "release", functools.partial(pauses.release, folder=tmp_path / "run"))
    monkeypatch.setattr(Volumes, "grow", lambda *_: None)

    def run(argv: list[str], *_: object) -> Done:
        if argv[1] == "create":
            found = [Path(path) for path in re.findall(r'target=([^"]+)"', Path(argv[2]).read_text())]
            if not all(path.exists() for path in found):
                return Done(1, "", "libxl: error: No such file or directory")
            read.extend(path.read_bytes() for path in found)
            xen.running.append(domain(5, GUEST))
        elif argv[1] == "destroy":
            xen.running[:] = [one for one in xen.running if one.uuid != GUEST]
        return Done(0, "", "")

    monkeypatch.setattr(module, "run", run)
    state = State(tmp_path / "teig")
    guests = Guests(state, xen, Volumes())  # type: ignore[arg-type]
    monkeypatch.setattr(vars(guests)["_limits"], "hold", lambda *_: None)
    guests.volume_create(GUEST, 1, 0, SIZE, "vg0")
    clean = state.guest_dir(GUEST) / "disk0.json"
    write_json(clean, {**read_json(clean), "image": "i"})
    guests.define(GUEST, 1, SPEC)
    guests.start(GUEST, 1)
    assert b"CIDATA" in read[-1]
    read.clear()
    return guests


def lose_seed(lvm: Lvm) -> None:
    (lost,) = [volume for volume in lvm.volumes if volume.name.endswith("seed")]
    lvm.run(["lvremove", f"vg0/{lost.name}"])


def full(vg0: Group, _: pytest.MonkeyPatch) -> None:
    vg0.full = True


def broken(_: Group, patch: pytest.MonkeyPatch) -> None:
    def wipe(*_: Any) -> None:
        raise OSError("I/O error")

    patch.setattr(volumes, "wipe", wipe)


@pytest.mark.parametrize("trouble", [full, broken])
@pytest.mark.parametrize("runs", [True, False])
def test_what_was_half_made_is_not_given_to_the_guest_nor_is_it_stopped_for_it(
    guests: Guests, lvm: Lvm, vg0: Group, xen: Xen, monkeypatch: pytest.MonkeyPatch, read: list[bytes],
    trouble: Any, runs: bool,
) -> None:  # fmt: skip
    def begin(fence: int) -> None:
        if runs:
            guests.reboot(GUEST, fence, 0)
        else:
            guests.start(GUEST, fence)

    if not runs:
        guests.stop(GUEST, 2, 0)
    lose_seed(lvm)
    with monkeypatch.context() as patch:
        trouble(vg0, patch)
        with pytest.raises((Failure, OSError)):
            guests.define(GUEST, 3, SPEC)
    with pytest.raises(Failure, match="first-boot data is not there, or not clean") as caught:
        begin(4)
    assert caught.value.todo.endswith("teig guest mend web1")
    assert (xen.find(GUEST) is not None, read) == (runs, [])
    vg0.full = False
    guests.define(GUEST, 5, SPEC)
    begin(6)
    assert xen.find(GUEST) is not None
    assert b"CIDATA" in read[-1]
