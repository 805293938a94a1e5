"""An agent to talk to, and its guests on a host without Xen."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from teig.agent.contract.spec import parse_manifest, parse_spec
from teig.agent.disks import volumes
from teig.agent.disks.volumes import Volume, Volumes
from teig.agent.guests import guests as module
from teig.agent.guests.guests import Guests
from teig.agent.host.process import Done
from teig.agent.host.state import State, make_private, write_json
from teig.agent.keeper import pauses
from teig.agent.network import neighbours
from teig.agent.xen.xlcfg import render
from tests.agent.given import GUEST, Asking, agent, manifest, spec
from tests.agent.lvm import Group, Lvm
from tests.agent.processors import domain
from tests.keeper.given import Xen

Making = Callable[..., Guests]


@pytest.fixture
def lvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lvm:
    lvm = Lvm(tmp_path / "host")
    lvm.install(monkeypatch)
    return lvm


@pytest.fixture
def vg0(lvm: Lvm) -> Group:
    return lvm.group("vg0")


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    with agent(tmp_path) as asking:
        assert "ok" in asking.ask("hello", protocol=1)
        yield asking


class XenWithRoom(Xen):
    """Xen that has memory for every guest."""

    def free_mib(self) -> int:
        return 10**6


@pytest.fixture
def xen() -> Xen:
    return XenWithRoom()


@pytest.fixture
def making(tmp_path: Path, xen: Xen, monkeypatch: pytest.MonkeyPatch) -> Making:
    """Return a function that makes an agent's guests, with one defined whose volumes are there."""

    def run(argv: list[str], *_: object) -> Done:
        if argv[1] == "create":
            xen.running.append(domain(5, GUEST))
        elif argv[1] == "destroy":
            xen.running = [found for found in xen.running if found.domid != 5]
        return Done(0, "", "")

    def make(**changes: Any) -> Guests:
        state = State(tmp_path)
        folder = state.guest_dir(GUEST)
        make_private(folder)
        described = spec(cap=0, vcpus=1, **changes)
        write_json(folder / "spec.json", described)
        for number in range(2):
            write_json(folder / f"disk{number}.json", {"uuid": f"LVM-{number}", "image": "i"})
        paths = [volume.path for volume in there]
        (folder / "xl.cfg").write_text(
            render(parse_spec(described), parse_manifest(manifest()), "/images", paths, None)
        )
        return Guests(state, xen, Volumes())  # type: ignore[arg-type]

    there = [Volume("vg0", GUEST, f"disk{number}", f"LVM-{number}") for number in range(2)]
    monkeypatch.setattr(volumes, "mapped", lambda: there)
    monkeypatch.setattr(Volumes, "grow", lambda *_: None)
    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "GOING_DOWN", tmp_path / "going-down")
    monkeypatch.setattr(neighbours, "forget", lambda _: None)
    monkeypatch.setattr(pauses, "release", functools.partial(pauses.release, folder=tmp_path / "run"))
    return make
