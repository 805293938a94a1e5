"""guest_create on a real Xen host: what it makes, and that a failure at any step leaves nothing behind."""

from __future__ import annotations

import pytest

from teig.control import guests
from teig.model.errors import Refused
from teig.model.guest import GuestState
from teig.model.operation import OperationState
from tests.e2e.conftest import Stand, await_that
from tests.faults import STEPS
from tests.simulated import TINY

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.slow), "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_leaves_nothing_behind(clean: Stand, step: str, when: str) -> None:
    if step == "image_put":
        clean.host.run("rm -rf /var/lib/teig/images/*")
    clean.fleet.fail, clean.fleet.when = step, when
    ended = clean.create("web", disks=(8 << 20,))
    assert ended.state is OperationState.FAILED
    assert ended.error is not None
    assert ended.error["message"] == "The test broke it."
    assert clean.left_on_host() == []
    assert clean.rows() == 0


def test_live_is_what_the_hypervisor_says_and_drift_is_seen(clean: Stand) -> None:
    assert clean.create("web", nics=2, disks=(8 << 20,)).state is OperationState.DONE
    view = guests.view(clean.services, "web")
    assert view.on_host is not None
    assert view.on_host.live == TINY
    assert guests.drift(view) == []
    clean.host.run("systemctl stop teig-keeper")  # which would put the weight right before the memory is given back
    try:
        clean.host.run("xl mem-set web 80 && xl sched-credit2 -d web -w 7")
        rows = await_that(lambda: _drift(clean, "web"), lambda found: found.get("memory_mib") == (96, 80))
    finally:
        clean.host.run("systemctl start teig-keeper")
    assert rows["weight"] == (102, 7)


def _drift(stand: Stand, name: str) -> dict[str, tuple[object, object]]:
    rows = guests.drift(guests.view(stand.services, name))
    return {row["field"]: (row["entitled"], row["live"]) for row in rows}


def test_the_volume_group_fills_up_and_the_refusal_is_one_sentence(clean: Stand) -> None:
    clean.observe()
    clean.host.run("lvcreate --quiet --yes --wipesignatures n --extents 99%FREE --name foreign vg0")
    try:
        ended = clean.create("web")  # what was seen of the host is from before
        assert ended.state is OperationState.FAILED
        assert ended.error is not None
        assert ended.error["code"] == "volume_group_full"
        assert "MiB free, and the volume needs 256 MiB" in ended.error["message"]
        clean.observe()
        with pytest.raises(Refused, match=r"disk: 260 MiB wanted, \d+ MiB free"):
            clean.create("web")
    finally:
        clean.host.run("lvremove --quiet --yes vg0/foreign")
        clean.observe()
    assert clean.left_on_host() == []
    assert clean.rows() == 0


def test_a_domain_that_is_not_ours_counts_and_is_not_touched(clean: Stand) -> None:
    kernel = clean.host.run("ls /var/lib/teig/images/*/kernel").strip()
    config = f'name="old"\nkernel="{kernel}"\nmemory=1400\nvcpus=1\n'
    clean.host.run(f"cat > /root/old.cfg <<'END'\n{config}END\nxl create -p /root/old.cfg")
    try:
        clean.observe()
        with pytest.raises(Refused, match=r"memory: 102 MiB wanted, \d+ MiB free"):
            clean.create("web")
        assert "old" in clean.host.run("xl list")
    finally:
        clean.host.run("xl destroy old; rm /root/old.cfg")
        clean.observe()


def test_a_guest_destroyed_by_hand_is_missing_and_starts_again(clean: Stand) -> None:
    assert clean.create("web").state is OperationState.DONE
    clean.host.run("xl destroy web")
    assert guests.view(clean.services, "web").state is GuestState.MISSING
    assert clean.finish(guests.start(clean.services, "web")).state is OperationState.DONE
    assert guests.view(clean.services, "web").state is GuestState.RUNNING
