"""Unpacking an image onto a volume, with a file in the device's place; LVM itself is the lab tests' part."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import ImageFile
from teig.agent.disks import pools, volumes
from teig.agent.disks.pools import Group
from teig.agent.disks.volumes import Volume, Volumes, copy, write_image
from teig.agent.host.process import Done
from tests.agent.given import FILES, GUEST, IMAGE, ROOT_BYTES, sha256

SIZE = 1 << 20


class _File(Volume):
    @property
    def path(self) -> str:
        return self.vg


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "root.img.gz"
    path.write_bytes(FILES["root.img.gz"])
    return path


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    (tmp_path / "device").write_bytes(bytes(SIZE))
    (tmp_path / "disk0.json").write_text('{"uuid": "LVM-1"}')
    return _File(str(tmp_path / "device"), GUEST, "disk0", "LVM-1")


def _entry(raw_size: int | None = len(ROOT_BYTES)) -> ImageFile:
    data = FILES["root.img.gz"]
    return ImageFile("root.img.gz", sha256(data), len(data), raw_size)


def _mark(folder: Path) -> dict[str, str]:
    mark: dict[str, str] = json.loads((folder / "disk0.json").read_text())
    return mark


def test_an_image_is_written_once(tmp_path: Path, source: Path, volume: Volume) -> None:
    write_image(tmp_path, volume, IMAGE, source, _entry())
    assert Path(volume.path).read_bytes() == ROOT_BYTES.ljust(SIZE, b"\0")
    assert volumes.image_on(tmp_path, volume) == IMAGE
    Path(volume.path).write_bytes(b"the guest's own")
    write_image(tmp_path, volume, IMAGE, source, _entry())
    assert Path(volume.path).read_bytes() == b"the guest's own"
    with pytest.raises(Failure, match="holds image"):
        write_image(tmp_path, volume, "1" * 64, source, _entry())


def test_a_half_written_volume_is_written_again_with_its_zeros(tmp_path: Path, source: Path, volume: Volume) -> None:
    Path(volume.path).write_bytes(b"x" * SIZE)
    (tmp_path / "disk0.json").write_text(f'{{"uuid": "LVM-1", "writing": "{IMAGE}"}}')
    write_image(tmp_path, volume, IMAGE, source, _entry())
    assert Path(volume.path).read_bytes()[: len(ROOT_BYTES)] == ROOT_BYTES


@pytest.mark.parametrize("mark", ["{}", '{"uuid": "LVM-2"}', '{"uuid": "LVM-2", "image": "x"}'])
def test_a_volume_that_was_not_made_clean_is_refused(tmp_path: Path, source: Path, volume: Volume, mark: str) -> None:
    (tmp_path / "disk0.json").write_text(mark)
    with pytest.raises(Failure, match="not made clean"):
        write_image(tmp_path, volume, IMAGE, source, _entry())
    assert not volumes.is_clean(tmp_path, volume)


@pytest.mark.parametrize("damage", ["cut", "flip", "end", "size"])
def test_a_damaged_copy_is_noticed_and_thrown_away(tmp_path: Path, source: Path, volume: Volume, damage: str) -> None:
    data = FILES["root.img.gz"]
    entry = _entry()
    if damage == "cut":
        source.write_bytes(data[:-20])
    elif damage == "flip":
        source.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
    elif damage == "end":
        source.write_bytes(data + b"more")
    else:
        entry = _entry(len(ROOT_BYTES) + 1)
    with pytest.raises(Failure) as caught:
        write_image(tmp_path, volume, IMAGE, source, entry)
    assert caught.value.kind == "image_corrupt"
    assert volumes.image_on(tmp_path, volume) is None
    assert _mark(tmp_path)["writing"] == IMAGE
    assert not source.exists()


def test_an_image_that_is_too_large(tmp_path: Path, source: Path, volume: Volume) -> None:
    with pytest.raises(Failure) as caught:
        write_image(tmp_path, volume, IMAGE, source, _entry(SIZE + 1))
    assert caught.value.code == "disk_too_small"
    assert Path(volume.path).read_bytes() == bytes(SIZE)


def test_blocks_of_zeros_are_left_out_of_a_clean_volume(tmp_path: Path) -> None:
    raw = b"a" * 65536 + bytes(1 << 20) + b"b"
    source, target = tmp_path / "x.gz", tmp_path / "device"
    source.write_bytes(gzip.compress(raw))
    target.write_bytes(b"")
    packed = source.read_bytes()
    copy(source, ImageFile("x.gz", sha256(packed), len(packed), len(raw)), str(target), skip_zeros=True)
    assert target.read_bytes() == raw
    assert target.stat().st_blocks * 512 < len(raw)


def test_names_in_sys_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mangled = f"my--vg-teig--{GUEST.replace('-', '--')}--disk3"
    for number, name in enumerate([mangled, "my--vg-root", "vg0-teig--bench"]):
        folder = tmp_path / f"dm-{number}" / "dm"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "uuid").write_text(f"LVM-{number}\n")
    monkeypatch.setattr(volumes, "_MAPPED", tmp_path)
    assert volumes.mapped() == [Volume("my-vg", GUEST, "disk3", "LVM-0")]
    assert list(volumes.disks_of(tmp_path, GUEST, volumes.mapped())) == [3]
    assert volumes.mapped()[0].path == f"/dev/my-vg/teig-{GUEST}-disk3"


@pytest.fixture
def lvm(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """LVM and the kernel over a file: what is added holds somebody's bytes until it is wiped. Returns what was done."""
    did: list[str] = []
    device = Path(volume.path)

    def extend(argv: list[str]) -> Done:
        did.append(argv[0])
        size = int(argv[argv.index("--size") + 1][:-1])
        device.write_bytes(device.read_bytes().ljust(size, b"x"))
        return Done(0, "", "")

    def wipe(path: str, size_bytes: int, start: int = 0) -> None:
        did.append("wipe")
        Path(path).write_bytes(Path(path).read_bytes()[:start].ljust(size_bytes, b"\0"))

    monkeypatch.setattr(volumes, "mapped", lambda: [volume])
    monkeypatch.setattr(volumes, "run", extend)
    monkeypatch.setattr(volumes, "wipe", wipe)
    return did


def test_a_volume_grows_by_zeros_and_keeps_what_was_on_it(tmp_path: Path, volume: Volume, lvm: list[str]) -> None:
    Path(volume.path).write_bytes(b"g" * SIZE)
    for _ in range(2):
        Volumes().grow(tmp_path, GUEST, "disk0", 2 * SIZE)
        assert Path(volume.path).read_bytes() == b"g" * SIZE + bytes(SIZE)
    assert lvm == ["lvextend", "wipe"]


def break_growth(folder: Path, volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a guest's volume twice as large, and have the power go before what was added is wiped."""
    Path(volume.path).write_bytes(b"g" * SIZE)
    with monkeypatch.context() as broken:
        broken.setattr(volumes, "wipe", _breaks)
        with pytest.raises(OSError, match="power"):
            Volumes().grow(folder, GUEST, "disk0", 2 * SIZE)


def test_a_growth_that_was_broken_off_is_wiped_before_anybody_reads_it(
    tmp_path: Path, volume: Volume, lvm: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_growth(tmp_path, volume, monkeypatch)
    assert b"x" in Path(volume.path).read_bytes()
    Volumes().grow(tmp_path, GUEST, "disk0", 2 * SIZE)
    assert Path(volume.path).read_bytes() == b"g" * SIZE + bytes(SIZE)
    assert lvm == ["lvextend", "wipe"]


def _breaks(*_: object) -> None:
    raise OSError("The power went.")


def test_a_growth_that_was_broken_off_is_remembered_while_an_image_is_written(
    tmp_path: Path, source: Path, volume: Volume
) -> None:
    (tmp_path / "disk0.json").write_text('{"uuid": "LVM-1", "growing": 4096}')
    write_image(tmp_path, volume, IMAGE, source, _entry())
    assert json.loads((tmp_path / "disk0.json").read_text()) == {"uuid": "LVM-1", "growing": 4096, "image": IMAGE}


@pytest.mark.parametrize("group", ["v", "data-", "a-b", "vg0"])
def test_groups_of_any_name_hold_guests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str) -> None:
    doubled = f"{group}-teig-{GUEST}-disk0".replace("-", "--").replace(f"{group.replace('-', '--')}--teig", "", 1)
    names = [f"{group.replace('-', '--')}-teig{doubled}", f"{group.replace('-', '--')}-teig{doubled}snap"]
    for number, name in enumerate(names):
        folder = tmp_path / f"dm-{number}" / "dm"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "uuid").write_text(f"LVM-{number}\n")
    monkeypatch.setattr(volumes, "_MAPPED", tmp_path)
    assert volumes.mapped() == [Volume(group, GUEST, "disk0", "LVM-0")]


def test_a_volume_of_an_older_agent_is_known_by_its_rounded_size(
    tmp_path: Path, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes, "mapped", lambda: [volume])
    monkeypatch.setattr(pools, "groups", lambda: [Group(volume.vg, 0, 0, "ssd", "none", "", SIZE)])
    assert Volumes().has(tmp_path, GUEST, "disk0", SIZE // 4)
    assert not Volumes().has(tmp_path, GUEST, "disk0", SIZE + 1)


@pytest.mark.parametrize("lvm_answers", [True, False])
def test_a_growth_that_is_refused_wipes_what_an_earlier_one_has_added(
    tmp_path: Path, volume: Volume, lvm: list[str], monkeypatch: pytest.MonkeyPatch, lvm_answers: bool
) -> None:
    """The guest starts with what there is: nobody else's bytes may be in that."""
    break_growth(tmp_path, volume, monkeypatch)
    monkeypatch.setattr(volumes, "run", lambda _argv: Done(5, "", "insufficient free space"))
    assert volumes.is_growing(tmp_path, volume)
    if lvm_answers:
        monkeypatch.setattr(pools, "groups", lambda: [Group(str(volume.vg), 1 << 30, 0, "ssd", "none", "")])
    else:
        monkeypatch.setattr(pools, "groups", _breaks)
    with pytest.raises((Failure, OSError), match=r"MiB free, and the volume needs|power"):
        Volumes().grow(tmp_path, GUEST, "disk0", 4 * SIZE)
    assert not volumes.is_growing(tmp_path, volume)
    assert Path(volume.path).read_bytes() == b"g" * SIZE + bytes(SIZE)
    assert "growing" not in _mark(tmp_path)
