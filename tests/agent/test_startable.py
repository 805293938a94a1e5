"""Whether a guest could be started: what its files may be written for, and what a reboot asks before it stops one."""

from __future__ import annotations

from pathlib import Path

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import parse_manifest
from teig.agent.disks import images, volumes
from teig.agent.disks.volumes import Volume, Volumes
from teig.agent.guests import guests as module
from teig.agent.host import progress
from teig.agent.host.process import Done
from teig.agent.host.state import State, read_json, write_json
from tests.agent.conftest import Making
from tests.agent.given import GUEST, manifest, spec
from tests.agent.processors import domain
from tests.keeper.given import Xen

BEFORE, AFTER = 4 << 20, 8 << 20
SPEC = spec(cap=0, vcpus=1, disks=[{"index": 0, "size_bytes": AFTER}])
GROW = Volumes.grow  # the fixture `making` has none


class _Disk(Volume):
    """A volume that is a file."""

    file = Path()

    @property
    def path(self) -> str:
        return str(self.file)


@pytest.fixture
def disk(making: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the disk of a defined guest, which LVM makes larger with somebody's bytes."""
    making(disks=[{"index": 0, "size_bytes": BEFORE}])
    folder, file = State(tmp_path).guest_dir(GUEST), tmp_path / "disk0"
    file.write_bytes(b"own" * 1000 + bytes(BEFORE - 3000))
    write_json(folder / "disk0.json", {"uuid": "LVM-0", "vg": "vg0", "image": "i", "size_bytes": BEFORE})

    def lvm(argv: list[str], *_: object) -> Done:
        file.write_bytes(file.read_bytes().ljust(int(argv[argv.index("--size") + 1][:-1]), b"S"))
        return Done(0, "", "")

    def wipe(path: str, size_bytes: int, start: int = 0) -> None:
        progress.step()
        with Path(path).open("r+b") as whole:
            whole.seek(start)
            whole.write(bytes(size_bytes - start))

    monkeypatch.setattr(_Disk, "file", file)
    monkeypatch.setattr(volumes, "mapped", lambda: [_Disk("vg0", GUEST, "disk0", "LVM-0")])
    monkeypatch.setattr(volumes, "run", lvm)
    monkeypatch.setattr(volumes, "wipe", wipe)
    monkeypatch.setattr(Volumes, "grow", GROW)
    monkeypatch.setattr(images, "manifest_of", lambda *_: parse_manifest(manifest()))
    return file


@pytest.mark.parametrize("size_bytes", [AFTER, BEFORE])
def test_a_growth_that_was_cut_short_is_finished_by_the_next_start(
    making: Making, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size_bytes: int
) -> None:
    """Each of the server's starts, mends and resizes begins with the guest's files, also one that takes it back."""
    agent = making(disks=SPEC["disks"])
    monkeypatch.setattr(vars(agent)["_limits"], "hold", lambda *_: None)
    agent.define(GUEST, 1, SPEC)

    def cancelled(*_: object) -> None:
        raise Failure("conflict", "It was cancelled.", code="job_cancelled")

    with monkeypatch.context() as once:
        once.setattr(progress, "step", cancelled)
        with pytest.raises(Failure, match="cancelled"):
            agent.start(GUEST, 2)
    mark = State(tmp_path).guest_dir(GUEST) / "disk0.json"
    assert read_json(mark)["growing"] == BEFORE
    assert set(disk.read_bytes()[BEFORE:]) == set(b"S")
    agent.define(GUEST, 3, {**SPEC, "disks": [{"index": 0, "size_bytes": size_bytes}]})
    assert agent.start(GUEST, 4) == {"domid": 5}
    assert "growing" not in read_json(mark)
    assert disk.read_bytes().rstrip(b"\0") == b"own" * 1000
    assert disk.stat().st_size == AFTER


def test_what_was_added_and_not_wiped_keeps_a_guest_from_starting_and_says_what_to_do(
    making: Making, tmp_path: Path, xen: Xen
) -> None:
    """Whoever reads it must not come to think that the guest's own bytes are lost."""
    agent = making()
    folder = State(tmp_path).guest_dir(GUEST)
    write_json(folder / "disk1.json", {"uuid": "LVM-1", "image": "i", "growing": 4096})
    with pytest.raises(Failure, match=r"what was added is not wiped.*own are whole") as caught:
        agent.start(GUEST, 1)
    assert (caught.value.code, caught.value.todo[-21:]) == ("volume_growing", "teig guest start web1")
    assert xen.find(GUEST) is None


def test_no_files_are_written_for_a_guest_whose_volume_is_not_clean(
    making: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = making()
    monkeypatch.setattr(images, "manifest_of", lambda *_: parse_manifest(manifest()))
    folder = State(tmp_path).guest_dir(GUEST)
    (folder / "disk1.json").unlink()
    before = (folder / "xl.cfg").read_text()
    with pytest.raises(Failure, match=r"xvdb, .* was never made clean") as caught:
        agent.define(GUEST, 1, spec(cap=0, vcpus=1, memory_mib=128))
    assert caught.value.code == "volume_dirty"
    assert (folder / "xl.cfg").read_text() == before


@pytest.mark.parametrize("harm", ["volume_moved", "volume_dirty", "no_image_on_volume", "no_volume", "host_going_down"])
def test_a_reboot_stops_no_guest_that_could_not_be_started_then(
    making: Making, tmp_path: Path, xen: Xen, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    """Its group was renamed under it, for example, which LVM allows while it runs."""
    agent, folder = making(), State(tmp_path).guest_dir(GUEST)
    if harm == "volume_moved":
        monkeypatch.setattr(volumes, "mapped", lambda: [Volume("vg9", GUEST, f"disk{n}", f"LVM-{n}") for n in (0, 1)])
    elif harm == "no_volume":
        monkeypatch.setattr(volumes, "activated", lambda *_: None)
    elif harm == "host_going_down":
        monkeypatch.setattr(module, "GOING_DOWN", folder)
    elif harm == "volume_dirty":
        (folder / "disk0.json").unlink()
    else:
        write_json(folder / "disk0.json", {"uuid": "LVM-0"})
    xen.running.append(domain(5, GUEST))
    with pytest.raises(Failure) as caught:
        agent.reboot(GUEST, 1, 0)
    assert caught.value.code == harm
    assert xen.find(GUEST) is not None


def test_a_reboot_stops_no_guest_whose_first_boot_data_is_gone(
    making: Making, xen: Xen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = making()
    (State(tmp_path).guest_dir(GUEST) / "seed.json").write_text('{"uuid": "LVM-seed"}')
    sound = volumes.activated
    monkeypatch.setattr(volumes, "activated", lambda *args: sound(*args) if args[2] != "seed" else None)
    xen.running.append(domain(5, GUEST))
    with pytest.raises(Failure, match="first-boot data is not there") as caught:
        agent.reboot(GUEST, 1, 0)
    assert caught.value.todo.endswith("teig guest mend web1")
    assert 5 in [one.domid for one in xen.running]
