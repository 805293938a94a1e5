"""Volumes whose group gets other disks while they are in use: the group may be split later."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from teig.agent.contract.failure import Failure, failure_of
from teig.agent.disks import ownership, volumes
from teig.agent.disks.volumes import Volumes
from teig.agent.host.state import NEW, PIECES, State, make_private
from tests.agent.given import GUEST
from tests.agent.lvm import OWN, SIZE, Group, Logical, Lvm, uuid_of

Act = Callable[[Path], volumes.Volume | None]


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "teig")
    make_private(state.guest_dir(GUEST))
    return state


@pytest.fixture
def folder(state: State) -> Path:
    return state.guest_dir(GUEST)


def moved(lvm: Lvm, folder: Path, what: str = "disk0") -> tuple[Group, Logical]:
    """Make a volume, then vgextend its group by another disk and pvmove it there; return both."""
    group = lvm.group("vg0", uuid_of("first"))
    Volumes().create(folder, GUEST, what, SIZE, "vg0")
    (own,) = lvm.volumes
    lvm.device(own).write_bytes(OWN)
    group.physical.append(uuid_of("second"))
    return group, own


def split(lvm: Lvm, group: Group, own: Logical) -> Group:
    """Run vgsplit: the second disk, with the guest's volume on it, is in a group of its own."""
    lvm.deactivate(group)
    made = lvm.group("fast", uuid_of("second"))
    group.physical.remove(uuid_of("second"))
    own.group = made
    return made


@pytest.mark.parametrize("renamed", [False, True])
def test_what_lay_on_a_disk_that_came_later_is_not_told_as_deleted(lvm: Lvm, folder: Path, renamed: bool) -> None:
    group, own = moved(lvm, folder)
    split(lvm, group, own)
    own.name = "kept" if renamed else own.name
    for act in (volumes.activated, Volumes().delete):
        with pytest.raises(Failure) as caught:
            act(folder, GUEST, "disk0")
        assert caught.value.code == "volume_ambiguous"
    assert own.data == OWN
    assert (folder / "disk0.json").exists()


def test_what_was_split_off_is_known_where_its_disks_were_noted(lvm: Lvm, state: State, folder: Path) -> None:
    group, own = moved(lvm, folder)
    ownership.note(state, ownership.lvm())
    fast = split(lvm, group, own)
    found = volumes.activated(folder, GUEST, "disk0")
    assert found is not None
    assert (found.vg, lvm.read(own)) == (fast.name, OWN)
    Volumes().delete(folder, GUEST, "disk0")
    assert lvm.volumes == []
    assert lvm.log[-2:] == ["wipe", "lvremove"]


def test_what_went_away_with_a_disk_that_was_noted_is_not_told_as_deleted(lvm: Lvm, state: State, folder: Path) -> None:
    group, own = moved(lvm, folder)
    ownership.note(state, ownership.lvm())
    lvm.lose(split(lvm, group, own))
    with pytest.raises(Failure) as caught:
        Volumes().delete(folder, GUEST, "disk0")
    assert "which lacks disks that it had" in caught.value.message


def test_disks_are_noted_while_nobody_works_on_the_guest_and_none_is_missing(
    lvm: Lvm, state: State, folder: Path
) -> None:
    group, own = moved(lvm, folder)
    before = (folder / "disk0.json").read_bytes()
    with state.changing(GUEST, 1):
        ownership.note(State(state.root), ownership.lvm())
    group.missing = 1
    ownership.note(state, ownership.lvm())
    own.uuid = uuid_of("another")
    group.missing = 0
    ownership.note(state, ownership.lvm())
    assert (folder / "disk0.json").read_bytes() == before


class Raced(State):
    """Where somebody else has had the lock just before."""

    before: Callable[[], None] | None = None

    @contextmanager
    def changing(self, guest: str, fence: int | None, wait_s: float = 2.0) -> Iterator[Path]:
        before, self.before = self.before, None
        if before:
            before()
        with super().changing(guest, fence, wait_s) as folder:
            yield folder


@pytest.mark.parametrize("anew", [True, False])
def test_what_was_deleted_meanwhile_is_not_noted(lvm: Lvm, state: State, folder: Path, anew: bool) -> None:
    moved(lvm, folder)

    def before() -> None:
        Volumes().delete(folder, GUEST, "disk0")
        if anew:
            Volumes().create(folder, GUEST, "disk0", SIZE, "vg0")

    raced = Raced(state.root)
    raced.before = before
    ownership.note(raced, ownership.lvm())
    assert (volumes.find(folder, GUEST, "disk0") is not None) is anew
    assert (folder / "disk0.gone").exists() is not anew


def test_on_a_full_disk_too_disks_are_noted(
    lvm: Lvm, state: State, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, own = moved(lvm, folder)
    with monkeypatch.context() as patch:
        fill(state, patch, pieces=3)
        ownership.note(state, ownership.lvm())
    assert len(reserve(state)) == PIECES - 3
    state.keep_reserve()  # there is room again
    assert len(reserve(state)) == PIECES
    lvm.lose(split(lvm, group, own))
    with pytest.raises(Failure) as caught:
        Volumes().delete(folder, GUEST, "disk0")
    assert caught.value.code == "no_volume_group"
    assert own.data == OWN


def test_a_note_that_finds_no_room_leaves_most_of_the_reserve_to_others(
    lvm: Lvm, state: State, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runaway log takes what is given up."""
    moved(lvm, folder)
    before = (folder / "disk0.json").read_bytes()
    fill(state, monkeypatch, pieces=PIECES + 1)
    for _ in range(3):
        ownership.note(state, ownership.lvm())
    assert (folder / "disk0.json").read_bytes() == before
    assert len(reserve(state)) == PIECES // 2


def merged(lvm: Lvm, folder: Path) -> Logical:
    """Make a volume that its guest uses, in a group that is merged into the group `large` then."""
    group = lvm.group("vg0")
    Volumes().create(folder, GUEST, "disk0", SIZE, group.name)
    (own,) = lvm.volumes
    lvm.device(own).write_bytes(OWN)
    lvm.merge(lvm.group("large"), group)
    return own


def activate(folder: Path) -> volumes.Volume | None:
    return volumes.activated(folder, GUEST, "disk0")


def create(folder: Path) -> volumes.Volume | None:
    return Volumes().create(folder, GUEST, "disk0", SIZE, "large")


def reserve(state: State) -> list[Path]:
    return list(state.root.glob(".reserve*"))


def fill(state: State, monkeypatch: pytest.MonkeyPatch, *, pieces: int) -> None:
    """Fill the disk until some pieces of what is kept in reserve are given up; what is there can still be renamed."""
    sound = os.replace
    state.keep_reserve()

    def replace(source: str | Path, to: Path) -> None:
        if Path(source).name.startswith(NEW) and len(reserve(state)) > PIECES - pieces:
            raise OSError(errno.ENOSPC, "No space left on device")
        sound(source, to)

    monkeypatch.setattr(os, "replace", replace)


@pytest.mark.parametrize("act", [activate, create])
def test_a_volume_whose_group_was_merged_is_known_on_a_full_disk_by_what_was_kept_in_reserve(
    lvm: Lvm, state: State, folder: Path, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    own = merged(lvm, folder)
    fill(state, monkeypatch, pieces=1)
    found = act(folder)
    assert found is not None
    assert volumes.is_clean(folder, found)
    assert lvm.read(own) == OWN


@pytest.mark.parametrize("act", [activate, create])
def test_a_volume_whose_group_was_merged_is_not_wiped_where_no_room_is_left_at_all(
    lvm: Lvm, state: State, folder: Path, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    own = merged(lvm, folder)
    fill(state, monkeypatch, pieces=PIECES + 1)
    with pytest.raises(OSError, match="No space left") as caught:
        act(folder)
    told = failure_of(caught.value)
    assert told.code == "host_full"
    assert told.todo.startswith("Make room there: df on the host")
    assert lvm.read(own) == OWN
    Volumes().delete(folder, GUEST, "disk0")  # what is to go, goes
    assert lvm.volumes == []


def test_damaged_files_keep_no_other_from_being_noted(lvm: Lvm, state: State, folder: Path) -> None:
    moved(lvm, folder)
    (folder / "disk1.json").write_bytes(b"\xff{")
    (folder / "disk2.json").write_text("[]")
    ownership.note(state, ownership.lvm())
    mark = ownership.mark_of(folder, "disk0")
    assert mark is not None
    assert mark.physical_volumes == {uuid_of("first"), uuid_of("second")}


def test_a_deletion_that_was_cut_after_its_disk_was_replaced_comes_to_its_end(
    lvm: Lvm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, _ = moved(lvm, folder)
    group.physical.remove(uuid_of("first"))  # vgreduce

    def cut(path: Path, to: Path) -> Path:
        if to.suffix == ".gone":
            raise OSError("The power went.")
        return path.rename(to)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", cut)
        with pytest.raises(OSError, match="power"):
            Volumes().delete(folder, GUEST, "disk0")
    assert lvm.volumes == []
    Volumes().delete(folder, GUEST, "disk0")
    assert (folder / "disk0.gone").exists()


def test_a_seed_that_somebody_removed_after_its_disk_was_replaced_is_made_anew(
    lvm: Lvm, state: State, folder: Path
) -> None:
    group, own = moved(lvm, folder, "seed")
    group.physical.remove(uuid_of("first"))
    ownership.note(state, ownership.lvm())
    lvm.run(["lvremove", f"vg0/{own.name}"])
    made = Volumes().create(folder, GUEST, "seed", SIZE, "vg0")
    assert volumes.is_clean(folder, made)
