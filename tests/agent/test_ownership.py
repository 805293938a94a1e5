"""Which volume is a guest's own, and what happens to it and to copies when groups are copied, renamed, carried off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.contract.spec import Spec, parse_spec
from teig.agent.disks import pools, volumes
from teig.agent.disks.volumes import Volume, Volumes
from teig.agent.guests import startable
from tests.agent.given import GUEST, spec
from tests.agent.lvm import OWN, SIZE, Group, Logical, Lvm, uuid_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The directory of a guest that is defined."""
    folder = tmp_path / "guest"
    folder.mkdir()
    (folder / "spec.json").write_text("{}")
    return folder


@pytest.fixture
def own(lvm: Lvm, vg0: Group, folder: Path) -> Logical:
    """The guest's own volume, as the agent makes it and the guest fills it."""
    Volumes().create(folder, GUEST, "disk0", SIZE, "vg0")
    (own,) = lvm.volumes
    write_image(folder)
    lvm.device(own).write_bytes(OWN)
    lvm.log.clear()
    return own


def write_image(folder: Path) -> None:
    change(folder, image="i")


def mark(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "disk0.json").read_text())
    return told


def change(folder: Path, *without: str, **changes: Any) -> None:
    told = {key: value for key, value in mark(folder).items() if key not in without}
    (folder / "disk0.json").write_text(json.dumps({**told, **changes}))


def delete(folder: Path, what: str = "disk0") -> None:
    Volumes().delete(folder, GUEST, what)


def refusal(folder: Path) -> Failure:
    """Have the guest's disk deleted, which must be refused; return how."""
    with pytest.raises(Failure) as caught:
        delete(folder)
    return caught.value


def started(folder: Path) -> Volume | None:
    return volumes.activated(folder, GUEST, "disk0")


def breaks(*_: object) -> NoReturn:
    raise OSError("The power went.")


def described() -> Spec:
    return parse_spec(spec(disks=[{"index": 0, "size_bytes": 4 << 20}]))


def test_a_volume_that_is_made_reads_as_zeros_and_is_removed_wiped(lvm: Lvm, vg0: Group, folder: Path) -> None:
    made = Volumes().create(folder, GUEST, "disk0", SIZE, "vg0")
    (volume,) = lvm.volumes
    assert lvm.read(volume) == bytes(SIZE)
    assert (made.vg, made.uuid) == ("vg0", volume.dm_uuid)
    assert Volumes().create(folder, GUEST, "disk0", SIZE, "vg0") == made
    lvm.device(volume).write_bytes(OWN)
    delete(folder)
    assert (lvm.volumes, volume.data) == ([], bytes(SIZE))
    assert not volumes.is_clean(folder, made)
    assert lvm.log == ["fullreport", "lvcreate", "wipe", "fullreport", "wipe", "lvremove"]


@pytest.mark.parametrize(("group", "code"), [("vg0", "volume_group_full"), ("vg7", "no_volume_group")])
def test_of_a_guest_that_was_never_defined_only_what_was_removed_is_left(
    lvm: Lvm, vg0: Group, tmp_path: Path, group: str, code: str
) -> None:
    Volumes().create(tmp_path, GUEST, "disk0", SIZE, "vg0")
    delete(tmp_path)
    vg0.full = True
    with pytest.raises(Failure) as caught:
        Volumes().create(tmp_path, GUEST, "disk0", SIZE, group)
    assert caught.value.code == code
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["disk0.gone"]


def test_what_a_volume_s_making_has_left_is_made_anew(
    lvm: Lvm, vg0: Group, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lvm.volume(lvm.group("backup"), "disk0", OWN)
    with monkeypatch.context() as broken:
        broken.setattr(volumes, "wipe", breaks)
        with pytest.raises(OSError, match="power"):
            Volumes().create(folder, GUEST, "disk0", SIZE, "vg0")
    found = volumes.find(folder, GUEST, "disk0")
    assert found is not None
    assert found.vg == "vg0"
    assert not volumes.is_clean(folder, found)
    made = Volumes().create(folder, GUEST, "disk0", 2 * SIZE, "vg0")
    assert volumes.is_clean(folder, made)
    assert sorted(volume.group.name for volume in lvm.volumes) == ["backup", "vg0"]


def test_only_what_was_made_in_the_group_is_taken_for_what_was_made(
    lvm: Lvm, vg0: Group, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LVM says that it has made one, and the kernel has one of that name in another group alone."""
    lvm.volume(lvm.group("backup"), "disk0", OWN)
    monkeypatch.setattr(lvm, "_show", lambda _: None)
    with pytest.raises(Failure, match="lvcreate made no volume"):
        Volumes().create(folder, GUEST, "disk0", SIZE, "vg0")


def test_without_any_word_the_only_volume_of_the_name_is_the_guest_s(lvm: Lvm, vg0: Group, folder: Path) -> None:
    """Domain-0 was made anew, or the file was removed."""
    left = lvm.volume(vg0, "disk0", OWN)
    assert volumes.disks_of(folder, GUEST, volumes.mapped()) == {0: Volume("vg0", GUEST, "disk0", left.dm_uuid)}
    delete(folder)
    assert (lvm.volumes, left.data) == ([], bytes(SIZE))
    lvm.volume(vg0, "disk0", OWN)
    (folder / "disk0.gone").unlink()
    assert volumes.is_clean(folder, Volumes().create(folder, GUEST, "disk0", SIZE, "vg0"))


def test_without_any_word_none_of_two_is_taken_for_the_guest_s(lvm: Lvm, vg0: Group, folder: Path) -> None:
    lvm.volume(vg0, "disk0", OWN)
    lvm.volume(lvm.group("vg1"), "disk0", OWN)
    assert volumes.find(folder, GUEST, "disk0") is None
    told = refusal(folder)
    assert (told.code, told.todo) == ("volume_ambiguous", "Rename or remove what is a copy: lvrename, lvremove")
    assert "vg0/teig-" in told.message
    assert "vg1/teig-" in told.message
    assert len(lvm.volumes) == 2


def test_a_deletion_that_was_broken_off_is_finished_and_takes_no_absent_group_for_an_end(
    lvm: Lvm, vg0: Group, own: Logical, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = Volume("vg0", GUEST, "disk0", own.dm_uuid)
    with monkeypatch.context() as broken:
        broken.setattr(volumes, "remove", breaks)
        with pytest.raises(OSError, match="power"):
            delete(folder)
    assert not volumes.is_clean(folder, clean), "it may be half wiped"
    taken = lvm.lose(vg0)
    assert "lies in volume group vg0, and the host does not see it" in refusal(folder).message
    lvm.groups.append(vg0)
    lvm.volumes += taken
    delete(folder)
    assert lvm.volumes == []


def test_a_volume_with_a_snapshot_is_not_removed(lvm: Lvm, vg0: Group, own: Logical, folder: Path) -> None:
    lvm.volumes.append(Logical(vg0, "backup", uuid_of("s"), b"", origin=own.name, active=False))
    other = lvm.group("vg1")
    lvm.volumes.append(Logical(other, "backup", uuid_of("t"), b"", origin=own.name, active=False))
    told = refusal(folder)
    assert (told.code, told.todo) == ("volume_has_snapshot", "If nobody needs it: lvremove vg0/backup")
    lvm.volumes = [one for one in lvm.volumes if one.name != "backup" or one.group is other]
    delete(folder)
    assert own not in lvm.volumes


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("broken", [True, False])
def test_copies_are_nobody_s_to_remove(
    lvm: Lvm, vg0: Group, own: Logical, folder: Path, active: bool, broken: bool
) -> None:
    """An administrator's backup, imported with vgimportclone; also where it cannot even be activated."""
    backup = lvm.clone(vg0, "vg0backup", active=active)
    backup.broken = broken
    for _ in range(2):
        delete(folder)  # a deletion is tried again where a later part of it has failed
        (left,) = lvm.volumes
        assert (left.group, lvm.read(left)) == (backup, OWN)
    assert own.data == bytes(SIZE)
    Volumes().create(folder, GUEST, "disk0", SIZE, "vg0")
    assert lvm.read(left) == OWN
    assert sorted(volume.group.name for volume in lvm.volumes) == ["vg0", "vg0backup"]


@pytest.mark.parametrize("old", [(), ("vg", "physical_volumes", "size_bytes")])
@pytest.mark.parametrize("copied", [True, False])
def test_a_volume_whose_group_is_away_is_never_told_deleted_however_old_its_mark(
    lvm: Lvm, vg0: Group, own: Logical, folder: Path, old: tuple[str, ...], copied: bool
) -> None:
    """Nor is a copy of it removed, also where its group has the other's name by now."""
    change(folder, *old)
    lvm.rename(vg0, "vg9")
    copies = lvm.clone(vg0, "vg0") if copied else lvm.group("vg0")
    lvm.lose(vg0)
    told = refusal(folder)
    assert told.code == ("volume_ambiguous" if copied else "no_volume_group")
    way_out = f"mv {folder / 'disk0.json'} {folder / 'disk0.gone'}"
    assert way_out in told.todo
    assert mark(folder)["uuid"] == own.dm_uuid
    assert all(lvm.read(volume) == OWN for volume in lvm.volumes)
    (folder / "disk0.json").replace(folder / "disk0.gone")
    delete(folder)
    assert [volume.group for volume in lvm.volumes] == ([copies] if copied else [])


def test_a_volume_of_another_uuid_says_nothing_of_one_that_is_away(
    lvm: Lvm, vg0: Group, own: Logical, folder: Path
) -> None:
    lvm.lose(vg0)
    lvm.volume(lvm.group("vg0"), "disk0", b"another's")
    for _ in range(2):
        told = refusal(folder)
        assert told.code == "no_volume_group"
        assert "lies in volume group vg0, and the host does not see it (UUID " in told.message
    with pytest.raises(Failure, match="it is not removed"):
        Volumes().create(folder, GUEST, "disk0", SIZE, "vg0")
    assert volumes.find(folder, GUEST, "disk0") is None
    assert volumes.disks_of(folder, GUEST, volumes.mapped()) == {}
    assert started(folder) is None
    assert mark(folder)["uuid"] == own.dm_uuid


def test_a_volume_that_was_removed_by_hand_is_removed(lvm: Lvm, vg0: Group, own: Logical, folder: Path) -> None:
    lvm.run(["lvremove", f"vg0/{own.name}"])
    assert started(folder) is None
    vg0.missing = 1
    assert "lies in volume group vg0, which lacks disks" in refusal(folder).message
    vg0.missing = 0
    delete(folder)
    assert not (folder / "disk0.json").exists()


def test_a_volume_that_was_renamed_by_hand_is_not_told_deleted(
    lvm: Lvm, vg0: Group, own: Logical, folder: Path
) -> None:
    lvm.deactivate(vg0)
    own.name = "kept"
    assert (refusal(folder).code, lvm.volumes) == ("volume_renamed", [own])


def test_an_exported_group_keeps_what_lies_in_it(lvm: Lvm, vg0: Group, own: Logical, folder: Path) -> None:
    lvm.export(vg0)
    told = refusal(folder)
    assert (told.code, told.message) == ("no_volume_group", "Volume group vg0 is exported.")
    assert told.todo == "Import it: vgimport vg0"
    with pytest.raises(Failure, match="vg0 is exported"):
        started(folder)
    with pytest.raises(Failure, match="vg0 is exported"):
        Volumes().create(folder, GUEST, "disk1", SIZE, "vg0")
    lvm.volumes.clear()
    assert refusal(folder).code == "no_volume_group", "what LVM tells of it may be old"
    lvm.volumes.append(own)
    (group,) = pools.groups()
    assert group.problem == "it is exported, and LVM does nothing in it (vgimport)"
    vg0.exported = False
    assert own.data == OWN
    delete(folder)
    assert lvm.volumes == []


def test_of_two_groups_of_one_name_nothing_is_done_in_either(lvm: Lvm, vg0: Group, own: Logical, folder: Path) -> None:
    """A path and a name that LVM takes may be either's: what is wiped could be the other's."""
    other = lvm.group("vg0")
    with pytest.raises(Failure, match="Two volume groups are called vg0") as caught:
        Volumes().create(folder, GUEST, "disk1", SIZE, "vg0")
    assert caught.value.todo == refusal(folder).todo
    assert "vgrename UUID NAME" in caught.value.todo
    assert lvm.read(own) == OWN
    assert all("another group has the same name" in group.problem for group in pools.groups())
    lvm.rename(other, "vg1")
    assert [group.problem for group in pools.groups()] == ["", ""]


@pytest.mark.parametrize("active", [True, False])
def test_a_volume_is_its_guest_s_under_whatever_name_its_group_has(
    lvm: Lvm, vg0: Group, own: Logical, folder: Path, active: bool
) -> None:
    lvm.rename(vg0, "vg9")
    if not active:
        lvm.deactivate(vg0)
    assert volumes.disks_of(folder, GUEST, volumes.mapped()) == (
        {0: Volume("vg9", GUEST, "disk0", own.dm_uuid)} if active else {}
    )
    found = started(folder)
    assert found is not None
    assert (found.vg, mark(folder)["vg"], mark(folder)["image"]) == ("vg9", "vg9", "i")
    if not active:
        lvm.deactivate(vg0)
    delete(folder)
    assert (lvm.volumes, own.data) == ([], bytes(SIZE))


def test_a_volume_is_its_guest_s_in_the_group_that_its_own_was_merged_into(
    lvm: Lvm, vg0: Group, own: Logical, folder: Path
) -> None:
    lvm.clone(vg0, "backup")
    large = lvm.group("large")
    lvm.merge(large, vg0)
    found = started(folder)
    assert found is not None
    assert (found.vg, found.uuid) == ("large", own.dm_uuid)
    startable.refuse_unclean(folder, described(), [found])
    assert (mark(folder)["uuid"], mark(folder)["image"]) == (own.dm_uuid, "i")
    assert lvm.read(own) == OWN
    lvm.log.clear()
    assert started(folder) == found
    assert lvm.log == [], "it was written down"


def test_a_volume_is_removed_from_the_group_that_its_own_was_merged_into(
    lvm: Lvm, vg0: Group, own: Logical, folder: Path
) -> None:
    backup = lvm.clone(vg0, "backup")
    lvm.merge(lvm.group("large"), vg0)
    delete(folder)
    assert [volume.group for volume in lvm.volumes] == [backup]


@pytest.mark.parametrize("renamed", [False, True])
def test_what_was_split_off_with_its_disk_is_not_told_as_deleted(lvm: Lvm, folder: Path, renamed: bool) -> None:
    """The group is there and whole, and is not what it was: the disk may come back."""
    first, second = (uuid_of(f"pv{number}") for number in (1, 2))
    group = lvm.group("vg0", first, second)
    Volumes().create(folder, GUEST, "disk0", SIZE, "vg0")
    [own] = lvm.volumes
    lvm.device(own).write_bytes(OWN)
    lvm.deactivate(group)
    away = lvm.group("away", second)
    group.physical.remove(second)
    own.group = away
    if renamed:
        own.name = "kept"
    else:
        lvm.lose(away)
    told = refusal(folder)
    assert told.code == ("volume_renamed" if renamed else "no_volume_group")
    assert own.data == OWN
    assert mark(folder)["uuid"]


def test_a_deletion_that_was_cut_goes_on_beside_a_copy(
    lvm: Lvm, vg0: Group, own: Logical, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its volume is gone already, and all disks of its group are there: the copy is none of its own."""
    backup = lvm.clone(vg0, "backup")
    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", lambda path, to: breaks() if to.suffix == ".gone" else path.rename(to))
        with pytest.raises(OSError, match="power"):
            delete(folder)
    delete(folder)
    assert [volume.group for volume in lvm.volumes] == [backup]
    assert [path.name for path in folder.iterdir() if path.suffix != ".json" or path.stem != "spec"] == ["disk0.gone"]


def test_what_an_older_agent_made_is_not_guessed_after_its_group_was_merged(
    lvm: Lvm, vg0: Group, own: Logical, folder: Path
) -> None:
    """It did not write down the physical volumes; the way out that is told leads on."""
    change(folder, "physical_volumes")
    before = own.dm_uuid
    lvm.merge(lvm.group("large"), vg0)
    with pytest.raises(Failure) as caught:
        started(folder)
    assert f"sed -i s/{before}/{own.dm_uuid}/ {folder / 'disk0.json'}" in caught.value.todo
    assert refusal(folder).code == "volume_ambiguous"
    change(folder, uuid=own.dm_uuid)
    found = started(folder)
    assert found is not None
    assert volumes.is_clean(folder, found)
    assert mark(folder)["physical_volumes"] == sorted(own.group.physical), "the next time it is known"


@pytest.mark.parametrize("damage", [b"", b"\xff{", b"{}", b"[]", b'{"uuid": 5}', b"[" * 9999])
def test_a_guest_whose_file_is_damaged_is_told_and_can_be_deleted(
    lvm: Lvm, vg0: Group, own: Logical, folder: Path, damage: bytes
) -> None:
    (folder / "disk0.json").write_bytes(damage)
    assert list(volumes.disks_of(folder, GUEST, volumes.mapped())) == [0]
    lvm.clone(vg0, "backup")
    assert volumes.disks_of(folder, GUEST, volumes.mapped()) == {}
    assert refusal(folder).code == "volume_ambiguous"
    lvm.lose(lvm.groups[1])
    delete(folder)
    assert (lvm.volumes, own.data) == ([], bytes(SIZE))


def test_a_guest_whose_file_is_damaged_is_not_told_as_deleted(lvm: Lvm, vg0: Group, own: Logical, folder: Path) -> None:
    (folder / "disk0.json").write_bytes(b"")
    lvm.lose(vg0)
    told = refusal(folder)
    assert "a volume group of which nobody wrote down the name" in told.message
    assert told.code == "no_volume_group"


def test_a_volume_that_is_not_active_is_activated_alone_and_never_made_anew(
    lvm: Lvm, vg0: Group, own: Logical, folder: Path
) -> None:
    """The host has booted, and its group has come late; a copy of it cannot be activated, and need not be."""
    lvm.clone(vg0, "broken", active=False).broken = True
    lvm.clone(vg0, "backup", active=False)
    lvm.deactivate(vg0)
    assert volumes.find(folder, GUEST, "disk0") is None
    made = Volumes().create(folder, GUEST, "disk0", SIZE, "vg0")
    assert (made.vg, lvm.read(own)) == ("vg0", OWN)
    assert [volume.group.name for volume in lvm.volumes if volume.active] == ["vg0"]
    assert started(folder) == made
    assert lvm.log == ["fullreport", "lvchange"]


def test_what_is_active_is_not_activated_again(lvm: Lvm, vg0: Group, own: Logical, folder: Path) -> None:
    assert started(folder) is not None
    assert lvm.log == []
    delete(folder)
    assert lvm.log == ["fullreport", "wipe", "lvremove"]


def test_of_two_volumes_of_one_name_the_guest_has_its_own(lvm: Lvm, vg0: Group, own: Logical, folder: Path) -> None:
    lvm.clone(vg0, "a")
    lvm.clone(vg0, "vg1")
    found = Volume("vg0", GUEST, "disk0", own.dm_uuid)
    there = volumes.mapped()
    assert len(there) == 3
    for known in (there, there[::-1]):
        assert volumes.disks_of(folder, GUEST, known) == {0: found}
    assert volumes.find(folder, GUEST, "disk0") == found
    assert started(folder) == found


def test_a_copy_is_not_told_as_the_guest_s_disk(lvm: Lvm, vg0: Group, own: Logical, folder: Path) -> None:
    lvm.clone(vg0, "backup")
    lvm.lose(vg0)
    assert volumes.disks_of(folder, GUEST, volumes.mapped()) == {}
    assert volumes.find(folder, GUEST, "disk0") is None
