"""Disk limits: where they are set, who is held to them, and what is read back."""

from __future__ import annotations

import pytest

from teig.agent.contract.spec import DiskRate
from teig.agent.keeper.control_groups import UNLIMITED, io_max_line, parse_io_max
from teig.agent.keeper.limits import places_of, shared_out
from teig.agent.xen.backends import Disk
from tests.agent.given import GUEST
from tests.keeper.given import Host

RATE = DiskRate(500, 250, 16 << 20, 8 << 20)


def test_all_disks_share_one_limit_on_the_disk_below(host: Host) -> None:
    host.run(7, ("253:0", "253:1"), queues=2)
    threads = {100: "7.xvda-0", 101: "7.xvda-1", 102: "7.xvdb-0", 103: "7.xvdb-1"}
    for pid, name in threads.items():
        host.thread(pid, name)
    held = host.limits.hold(host.define(), 7)
    assert held.settled
    assert host.groups.rates(GUEST) == {"254:16": RATE}
    assert host.groups.members(GUEST) == set(threads)
    assert host.limits.held(GUEST, 7, host.limits.threads()) == RATE
    assert host.limits.hold(host.define(), 7).did == []


def test_a_thread_that_is_not_there_yet_leaves_it_unsettled(host: Host) -> None:
    host.run(7, queues=2)
    host.thread(100, "7.xvda-0")
    assert not host.limits.hold(host.define(), 7).settled
    host.thread(101, "7.xvda-1")
    assert host.limits.hold(host.define(), 7).settled


@pytest.mark.parametrize("word", ["99999999999", "-1", "0", "many", "", "²"])
def test_a_guest_s_lie_about_its_queues_does_no_harm(host: Host, word: str) -> None:
    host.run(7)
    host.xen.store["/local/domain/7/device/vbd/0/multi-queue-num-queues"] = word
    host.thread(100, "7.xvda-0")
    host.limits.hold(host.define(), 7)
    assert host.groups.members(GUEST) == {100}


def test_only_the_kernel_s_own_threads_of_that_guest_are_moved(host: Host) -> None:
    host.run(7)
    for pid, name, parent in ((100, "7.xvda-0", 2), (101, "7.xvda-0", 900), (102, "17.xvda-0", 2), (103, "kworker", 2)):
        host.thread(pid, name, parent)
    host.limits.hold(host.define(), 7)
    assert host.groups.members(GUEST) == {100}


def test_a_thread_that_has_no_name_yet_is_read_again(host: Host) -> None:
    host.thread(100, "kthreadd")
    host.thread(101, "kworker/0:1")
    assert host.limits.threads() == {}
    for pid, name in ((100, "7.xvda-0"), (101, "7.xvda-1"), (102, "7.xvdb-0")):
        if pid < 102:
            host.end(pid)
        host.thread(pid, name)
    assert set(host.limits.threads(afresh=False)[7]) == {100, 102}
    assert set(host.limits.threads()[7]) == {100, 101, 102}
    host.end(100)
    assert set(host.limits.threads(afresh=False)[7]) == {101, 102}


def test_a_thread_outside_means_that_nothing_limits_the_guest(host: Host) -> None:
    host.run(7)
    host.thread(100, "7.xvda-0")
    host.limits.hold(host.define(), 7)
    host.thread(101, "7.xvda-1")
    assert host.limits.held(GUEST, 7, host.limits.threads()) == UNLIMITED


def test_a_limit_that_was_lifted_shows_and_is_set_again(host: Host) -> None:
    host.run(7)
    host.limits.hold(host.define(), 7)
    (host.hierarchy / "teig" / GUEST / "io.max").write_text(f"{io_max_line('254:16', RATE._replace(write_bps=0))}\n")
    assert host.limits.held(GUEST, 7, {}).write_bps == 0
    host.limits.hold(host.define(), 7)
    assert host.limits.held(GUEST, 7, {}) == RATE


def test_disks_on_different_devices_share_the_rate(host: Host) -> None:
    host.disk("8:0")
    host.disk("253:5", "8:0")
    assert shared_out(RATE, [Disk("253:0", 1), Disk("253:5", 1)], host.root / "block") == {
        "253:0": DiskRate(250, 125, 8 << 20, 4 << 20),
        "253:5": DiskRate(250, 125, 8 << 20, 4 << 20),
    }
    host.run(7, ("253:0", "253:5"))
    host.limits.hold(host.define(), 7)
    assert host.limits.held(GUEST, 7, {}) == RATE


def test_parts_that_do_not_come_out_even_are_as_much_together_as_the_plan_says(host: Host) -> None:
    devices = tuple(f"253:{number}" for number in range(5, 12))
    for number, device in enumerate(devices):
        host.disk(f"8:{number}")
        host.disk(device, f"8:{number}")
    host.run(7, devices)
    spec = host.define(disk_rate={"read_iops": 100, "write_iops": 101, "read_bps": 1 << 20, "write_bps": (1 << 20) + 6})
    host.limits.hold(spec, 7)
    assert host.limits.held(GUEST, 7, {}) == spec.disk_rate


def test_a_partition_stands_for_its_disk(host: Host) -> None:
    host.disk("8:16")
    partition = host.root / "block/8:16/sdb1"
    partition.mkdir()
    (partition / "partition").write_text("1\n")
    (partition / "dev").write_text("8:17\n")
    host.disk("253:9")
    (host.root / "block/253:9/slaves/sdb1").symlink_to(partition)
    assert places_of(["253:9"], host.root / "block") == (["8:16"], 1)


def test_old_limits_elsewhere_are_taken_away(host: Host) -> None:
    host.run(7)
    host.groups.limit(GUEST, {"8:0": RATE})
    host.limits.hold(host.define(), 7)
    assert set(host.groups.rates(GUEST)) == {"254:16"}


def test_io_is_handed_down_at_both_levels(host: Host) -> None:
    assert host.groups.prepare()
    assert not host.groups.prepare()
    for folder in (host.hierarchy, host.hierarchy / "teig"):
        assert "io" in (folder / "cgroup.subtree_control").read_text().split()


def test_io_max_as_the_kernel_writes_it() -> None:
    text = "254:16 rbps=max wbps=1048576 riops=max wiops=100\n8:0 rbps=5 wbps=max riops=max wiops=max\n"
    assert parse_io_max(text) == {"254:16": DiskRate(0, 100, 0, 1048576), "8:0": DiskRate(0, 0, 5, 0)}
    assert io_max_line("8:0", DiskRate(0, 100, 0, 7)) == "8:0 riops=max wiops=100 rbps=max wbps=7"


def test_a_seed_takes_little_of_its_guest_s_rates(host: Host) -> None:
    for number in (0, 1):
        host.disk(f"8:{number}")
    host.disk("253:5", "8:0", "8:1")
    host.disk("253:6", "8:0")
    host.run(7, ("253:5", "253:6"))
    host.xen.store["/local/domain/0/backend/vbd/7/1/dev"] = "xvdz"
    host.limits.hold(host.define(), 7)
    rates = host.groups.rates(GUEST)
    assert all(rate >= 0.97 * whole for rate, whole in zip(rates["253:5"], RATE, strict=True))
    assert all(rate >= 1 for rate in rates["253:6"])
    assert host.limits.held(GUEST, 7, {}) == RATE
