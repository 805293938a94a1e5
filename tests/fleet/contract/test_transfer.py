"""What a guest sends and receives is counted on, over its reboots, for as long as its host has it."""

from __future__ import annotations

from dataclasses import replace

from teig.model.guest import GuestSpec
from teig.model.host import Transfer
from tests.fleet.contract.stand import Stand


def test_a_guest_s_transfer_is_counted_over_its_reboots(stand: Stand) -> None:
    spec = stand.spec()
    claim = stand.run(spec)
    first = _counted_after(stand, spec, None)
    assert min(first.sent_bytes, first.sent_packets, first.received_bytes, first.received_packets) > 0
    stand.carry(claim, stand.host.guest_reboot(claim, 30))
    stand.until(lambda: stand.host.guest(spec.id).answers, "its answer")
    second = _counted_after(stand, spec, first)
    assert second.count == first.count
    assert second.received_packets > first.received_packets
    stand.stop(claim)
    stopped = stand.host.guest(spec.id).transfer
    assert stopped is not None
    assert stopped.count == first.count
    assert stopped.sent_bytes >= second.sent_bytes
    seen = stand.seen(spec)
    assert seen is not None
    assert seen.transfer is not None
    assert seen.transfer.count == first.count


def test_a_guest_that_is_cut_off_carries_nothing_until_it_is_freed(stand: Stand) -> None:
    spec = stand.spec()
    claim = stand.run(spec)
    domid = stand.host.guest(spec.id).domid
    for _ in range(2):
        stand.define(claim, replace(spec, cut=True, out_kbit=200))
        stand.host.guest_enforce(claim)
        assert stand.host.guest(spec.id).answers is False
        stand.define(claim, spec)
        stand.host.guest_enforce(claim)
        stand.until(lambda: stand.host.guest(spec.id).answers, "its answer")
    assert stand.host.guest(spec.id).domid == domid


def _counted_after(stand: Stand, spec: GuestSpec, before: Transfer | None) -> Transfer:
    """Return what is told of a guest that has sent and received something since."""
    stand.talk(spec)
    known = before.sent_bytes if before else 0

    def grew() -> bool:
        told = stand.host.guest(spec.id).transfer
        return told is not None and told.sent_bytes > known

    stand.until(grew, "its figures")
    told = stand.host.guest(spec.id).transfer
    assert told is not None
    return told
