"""A guest's life on a host: what is done is done once, is told as it is, and is refused to who comes too late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, replace

import pytest

from teig.fleet.driver import Claim, Host
from teig.model.errors import Fenced, NotFound
from teig.model.guest import Disk, GuestSpec
from teig.model.job import JobState
from teig.model.units import MIB
from tests.fleet.contract.conftest import Refused
from tests.fleet.contract.stand import POOL, Stand
from tests.lab.prepared import decided

Change = Callable[[Host, Claim, GuestSpec], object]
CHANGES: dict[str, Change] = {
    "volume_create": lambda host, claim, spec: host.volume_create(claim, decided(spec.id), spec.disks[0], POOL),
    "volume_write_image": lambda host, claim, spec: host.volume_write_image(
        claim, decided(spec.id), spec.disks[0], spec.image
    ),
    "volume_delete": lambda host, claim, _: host.volume_delete(claim, 0),
    "guest_define": lambda host, claim, spec: host.guest_define(claim, decided(spec.id), spec),
    "guest_start": lambda host, claim, _: host.guest_start(claim),
    "guest_enforce": lambda host, claim, _: host.guest_enforce(claim),
    "guest_stop": lambda host, claim, _: host.guest_stop(claim, 0),
    "guest_reboot": lambda host, claim, _: host.guest_reboot(claim, 0),
    "job": lambda host, claim, _: host.job(claim),
    "job_cancel": lambda host, claim, _: host.job_cancel(claim),
    "guest_undefine": lambda host, claim, _: host.guest_undefine(claim),
}


def test_a_whole_life(stand: Stand, refusal: Refused) -> None:
    spec = stand.spec(cap=50, disks=(Disk(0, 64 * MIB), Disk(1, 32 * MIB)))
    before = stand.host.facts()
    claim = stand.prepare(spec)
    defined = stand.host.guest(spec.id)
    assert (defined.spec, defined.domid, defined.live, defined.started) == (spec, None, None, None)
    domid = stand.start(claim)
    assert stand.start(claim) == domid
    claim = _begun_anew(stand, claim, spec, domid)
    stand.until(lambda: stand.host.guest(spec.id).answers, "the guest's answer")
    stand.until(lambda: stand.host.guest(spec.id).live == spec.entitled, "its limits")
    seen = stand.host.guest(spec.id)
    assert (seen.spec, seen.started, seen.state, seen.domid, seen.fence) == (
        spec, spec, "running", domid, claim.fence,
    )  # fmt: skip
    assert [(disk.index, disk.pool, disk.size_bytes) for disk in seen.disks] == [
        (0, POOL, 64 * MIB), (1, POOL, 32 * MIB),
    ]  # fmt: skip
    assert seen.ran_s is not None
    _domain_0_works_for_it(stand, spec)
    listed = stand.seen(spec)
    assert listed is not None
    assert (listed.started, listed.live, listed.disks) == (seen.started, seen.live, seen.disks)
    assert (listed.boot, listed.uptime_ns > seen.uptime_ns) == (seen.boot, True)
    facts = stand.host.facts()
    assert 96 <= before.free_memory_mib - facts.free_memory_mib < 96 + 32
    assert facts.volume_groups[0].guests_bytes == 96 * MIB
    assert before.volume_groups[0].free_bytes - facts.volume_groups[0].free_bytes == 96 * MIB
    for call in ("volume_delete", "guest_undefine"):
        assert refusal(lambda call=call: _whole(stand, claim, spec, call)) == "guest_running"  # type: ignore[misc]
    for _ in range(2):
        stand.stop(claim, 60)
        ended = stand.host.guest(spec.id) if stand.seen(spec) else None
        assert ended is None or (ended.domid, ended.live, ended.started, ended.dom0_time) == (None, None, None, None)
        for disk in spec.disks:
            stand.carry(claim, stand.host.volume_delete(claim, disk.index))
        stand.host.guest_undefine(claim)
    with pytest.raises(NotFound):
        stand.host.guest(spec.id)
    assert refusal(lambda: stand.define(Claim(spec.id, claim.fence - 1), spec)) == "fenced"


def _begun_anew(stand: Stand, claim: Claim, spec: GuestSpec, domid: int) -> Claim:
    """Do all of a create once more, as another server would that knows of nothing; return its claim."""
    told = stand.host.guest_start(claim)
    assert (told.verb, told.state, told.result["domid"]) == ("guest_start", JobState.DONE, domid), (
        "told, not done again"
    )
    claim = stand.claim(spec)
    for call in ("volume_create", "volume_write_image", "guest_define", "guest_start"):
        _whole(stand, claim, spec, call)
    assert stand.host.guest(spec.id).domid == domid
    return claim


def _domain_0_works_for_it(stand: Stand, spec: GuestSpec) -> None:
    """See that this is counted, and never taken back. To ask whether a guest answers is work for it already."""

    def seconds() -> tuple[float, ...]:
        told = stand.host.guest(spec.id).dom0_time
        return astuple(told) if told else (0.0,)

    stand.until(lambda: min(seconds()) > 0, "all kinds of Domain-0's work for it")
    before = seconds()
    stand.pause(2)
    assert all(later >= earlier for later, earlier in zip(seconds(), before, strict=True))


def _whole(stand: Stand, claim: Claim, spec: GuestSpec, call: str) -> None:
    """Make a changing call and, where it begins a job, carry that to its end."""
    found = CHANGES[call](stand.host, claim, spec)
    if found is not None:
        stand.carry(claim, found)  # type: ignore[arg-type]


def test_an_older_fence_is_refused(stand: Stand) -> None:
    spec = stand.spec()
    older, newer = stand.claim(spec), stand.claim(spec)
    stand.stop(newer)
    for call in CHANGES.values():
        with pytest.raises(Fenced):
            call(stand.host, older, spec)


def test_a_guest_that_the_host_does_not_know(stand: Stand, refusal: Refused) -> None:
    spec = stand.spec()
    claim = stand.claim(spec)
    assert refusal(lambda: stand.host.guest(spec.id)) == "no_guest"
    assert refusal(lambda: stand.host.job(claim)) == "no_job"
    assert refusal(lambda: stand.start(claim)) == "no_guest"
    assert refusal(lambda: stand.host.guest_enforce(claim)) == "no_guest"
    stand.stop(claim)
    stand.carry(claim, stand.host.volume_delete(claim, 0))
    stand.host.guest_undefine(claim)
    assert stand.seen(spec) is None


def test_what_is_not_whole_is_not_started(stand: Stand, refusal: Refused) -> None:
    spec = stand.spec()
    claim = stand.claim(spec)
    stand.host.image_put(decided(spec.id), stand.image, stand.folder, lambda: None)
    assert refusal(lambda: stand.define(claim, spec)) == "no_volume"
    stand.create(claim, spec)
    stand.define(claim, spec)
    assert refusal(lambda: stand.start(claim)) == "no_image_on_volume"
    assert stand.host.guest(spec.id).domid is None


def test_too_little_memory(stand: Stand, refusal: Refused) -> None:
    free = stand.host.facts().free_memory_mib
    spec = stand.spec(memory_mib=free + 1)
    claim = stand.prepare(spec)
    assert refusal(lambda: stand.start(claim)) == "out_of_memory"
    assert stand.host.guest(spec.id).domid is None
    assert abs(stand.host.facts().free_memory_mib - free) <= 1  # rounded down, and Xen takes a page now and then


def test_a_domain_of_somebody_else(stand: Stand) -> None:
    spec = stand.spec()
    claim = stand.prepare(spec)
    free = stand.host.facts().free_memory_mib
    with stand.foreign():
        facts = stand.host.facts()
        [theirs] = facts.foreign
        assert (theirs.name, theirs.memory_mib, theirs.vcpus, theirs.weight) == ("theirs", 80, 1, 256)
        assert free - facts.free_memory_mib >= 80
        stand.start(claim)
        stand.stop(claim)
        assert stand.host.inventory().foreign == (theirs,)


def test_memory_and_vcpus_of_a_running_guest_stay_until_its_next_start(stand: Stand) -> None:
    spec = stand.spec(memory_mib=128)
    claim = stand.run(spec)
    free = stand.host.facts().free_memory_mib
    smaller = replace(spec, memory_mib=96, vcpus=2, weight=204)
    stand.define(claim, smaller)
    stand.host.guest_enforce(claim)

    def shows() -> bool:
        live = stand.host.guest(spec.id).live
        return live is not None and (live.weight, live.memory_mib, live.vcpus, live.maxmem_mib) == (408, 128, 1, 128)

    stand.until(shows, "all of its weight on the one vCPU that it has, and the memory that it had")
    seen = stand.host.guest(spec.id)
    assert (seen.spec, seen.started) == (smaller, spec)
    assert abs(stand.host.facts().free_memory_mib - free) <= 1  # rounded down, and Xen takes a page now and then
    stand.carry(claim, stand.host.guest_reboot(claim, 60))
    stand.until(lambda: stand.host.guest(spec.id).live == smaller.entitled, "all that it is entitled to")
    assert stand.host.guest(spec.id).started == smaller
    assert stand.host.facts().free_memory_mib > free
    _more_from_the_next_start(stand, claim, smaller)


def _more_from_the_next_start(stand: Stand, claim: Claim, spec: GuestSpec) -> None:
    larger = replace(spec, memory_mib=128, disks=(Disk(0, 128 * MIB),))
    stand.define(claim, larger)
    stand.host.guest_enforce(claim)
    seen = stand.host.guest(spec.id)
    assert seen.live is not None
    assert (seen.live.memory_mib, seen.live.maxmem_mib, seen.disks[0].size_bytes) == (96, 96, 64 * MIB)
    stand.stop(claim)
    stand.start(claim)
    stand.until(lambda: stand.host.guest(spec.id).live == larger.entitled, "all that it is entitled to")
    assert stand.host.guest(spec.id).disks[0].size_bytes == 128 * MIB
