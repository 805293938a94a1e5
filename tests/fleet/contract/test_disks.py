"""Volumes: rounded up by LVM, never larger than the group, told where they are, never told gone while they are not."""

from __future__ import annotations

from dataclasses import replace

from teig.model.guest import Disk
from teig.model.host import VolumeGroup
from teig.model.units import GIB, MIB
from tests.fleet.contract.conftest import Refused
from tests.fleet.contract.stand import POOL, SPARE, SPARE_EXTENT, SPARE_EXTENTS, Stand


def _spare(stand: Stand) -> VolumeGroup:
    [found] = [group for group in stand.host.facts().volume_groups if group.name == SPARE]
    return found


def test_a_size_is_rounded_up_to_whole_extents(stand: Stand) -> None:
    with stand.spare_group():
        assert (_spare(stand).extent_bytes, _spare(stand).free_bytes) == (SPARE_EXTENT, SPARE_EXTENTS * SPARE_EXTENT)
        spec = stand.spec(disks=(Disk(0, 36 * MIB),))
        claim = stand.claim(spec)
        for _ in range(2):
            stand.create(claim, spec, pool=SPARE)
        [disk] = stand.host.guest(spec.id).disks
        assert (disk.pool, disk.size_bytes) == (SPARE, 2 * SPARE_EXTENT)
        group = _spare(stand)
        assert (group.guests_bytes, group.free_bytes) == (2 * SPARE_EXTENT, 5 * SPARE_EXTENT)


def test_a_volume_stays_in_its_group_and_keeps_its_size(stand: Stand, refusal: Refused) -> None:
    with stand.spare_group():
        spec = stand.spec(disks=(Disk(0, 64 * MIB),))
        claim = stand.claim(spec)
        stand.create(claim, spec, pool=SPARE)
        stand.create(stand.claim(spec), spec, pool=POOL)
        assert [disk.pool for disk in stand.host.guest(spec.id).disks] == [SPARE]
        other = replace(spec, disks=(Disk(0, 128 * MIB),))
        assert refusal(lambda: stand.create(stand.claim(spec), other, pool=SPARE)) == "volume_differs"


def test_a_full_group_takes_nothing(stand: Stand, refusal: Refused) -> None:
    with stand.spare_group():
        spec = stand.spec(disks=(Disk(0, (SPARE_EXTENTS * SPARE_EXTENT) + 4 * MIB),))
        assert refusal(lambda: stand.create(stand.claim(spec), spec, pool=SPARE)) == "volume_group_full"
        assert _spare(stand).guests_bytes == 0
        assert stand.seen(spec) is None
    huge = stand.spec(disks=(Disk(0, 64 * GIB),))
    assert refusal(lambda: stand.create(stand.claim(huge), huge)) == "volume_group_full"


def test_a_group_that_is_not_there(stand: Stand, refusal: Refused) -> None:
    spec = stand.spec()
    assert refusal(lambda: stand.create(stand.claim(spec), spec, pool=SPARE)) == "no_volume_group"
    assert refusal(lambda: stand.host.pool_bench(SPARE)) == "no_volume_group"


def test_a_group_that_goes_takes_its_volumes_along_and_brings_them_back(stand: Stand, refusal: Refused) -> None:
    with stand.spare_group() as group:
        spec = stand.spec()
        claim = stand.prepare(spec, pool=SPARE)
        group.lose()
        assert SPARE not in {found.name for found in stand.host.facts().volume_groups}
        seen = stand.host.guest(spec.id)
        assert (seen.spec, seen.disks, seen.volumes) == (spec, (), ())
        assert refusal(lambda: stand.start(claim)) == "no_volume"
        delete = stand.claim(spec)
        told = refusal(lambda: stand.carry(delete, stand.host.volume_delete(delete, 0)))
        assert told == "no_volume_group", "what is still there must not be told deleted"
        group.give_back()
        assert [disk.pool for disk in stand.host.guest(spec.id).disks] == [SPARE]
        assert stand.start(stand.claim(spec)) > 0


def test_a_volume_grows_at_its_guest_s_start_if_there_is_room(stand: Stand) -> None:
    with stand.spare_group():
        spec = stand.spec()
        claim = stand.prepare(spec, pool=SPARE)
        stand.define(claim, replace(spec, disks=(Disk(0, 8 * SPARE_EXTENT),)))
        stand.start(claim)
        assert [disk.size_bytes for disk in stand.host.guest(spec.id).disks] == [2 * SPARE_EXTENT], "what it had"
        stand.stop(claim)
        stand.define(claim, replace(spec, disks=(Disk(0, 100 * MIB),)))
        stand.start(claim)
        assert [disk.size_bytes for disk in stand.host.guest(spec.id).disks] == [4 * SPARE_EXTENT]


def test_a_growth_that_was_cut_short_is_finished_by_the_next_start(stand: Stand) -> None:
    """Each start, mend and resize of the server's begins with the guest's files, whatever is on its disks."""
    spec = stand.spec()
    larger = replace(spec, disks=(Disk(0, 128 * MIB),))
    stand.define(stand.prepare(spec), larger)
    stand.cut_growth(spec, 128 * MIB)
    claim = stand.claim(spec)
    stand.define(claim, larger)
    assert stand.start(claim) > 0
    assert [disk.size_bytes for disk in stand.host.guest(spec.id).disks] == [128 * MIB]


def test_no_files_are_written_for_a_guest_whose_volume_is_not_clean(stand: Stand, refusal: Refused) -> None:
    spec = stand.spec()
    claim = stand.prepare(spec)
    stand.soil(spec)
    assert refusal(lambda: stand.define(claim, replace(spec, memory_mib=128))) == "volume_dirty"
    seen = stand.seen(spec)
    assert seen is not None
    assert seen.spec == spec
