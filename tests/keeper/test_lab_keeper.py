"""The keeper on a real Xen host: what it holds guests to survives everything that happens to guest and host."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest

from teig.agent.keeper.reconnects import BURST_S
from teig.model.guest import Disk, GuestSpec
from teig.model.pool import DiskRate
from tests.fleet.conftest import READY_S, Stand, await_that
from tests.lab.states import boot_id

pytestmark = pytest.mark.lab
SLOW = DiskRate(read_iops=40, write_iops=40, read_bps=160 << 10, write_bps=160 << 10)
GROUP = "/sys/fs/cgroup/teig/{}"
_SECOND_VCPU = "/sys/devices/system/cpu/cpu1/online"


def slow_guest(stand: Stand, vcpus: int = 1) -> GuestSpec:
    return stand.spec(vcpus=vcpus, disk_rate=SLOW, disks=(Disk(0, 64 << 20), Disk(1, 32 << 20)))


def holds(stand: Stand, spec: GuestSpec) -> bool:
    return bool(stand.host.guest(spec.id).live == spec.entitled)


def written_per_second(stand: Stand, spec: GuestSpec, query: str = "mib=1&block=4096") -> float:
    """Return the bytes per second that the guest wrote, by its own clock."""
    told = json.loads(stand.get(spec, f"/cgi-bin/write?{query}").split(b"\r\n\r\n")[1])
    return float((1 << 20) / told["seconds"])


def test_limits_hold_whatever_guests_and_systemd_do(stand: Stand) -> None:
    specs = [slow_guest(stand, vcpus) for vcpus in (1, 2)]
    for spec in specs:
        stand.start(spec)
    all_hold(stand, specs)
    for spec in specs:
        assert written_per_second(stand, spec) < 1.15 * SLOW.write_bps
        threads = stand.run(f"cat {GROUP.format(spec.id)}/disks-*/cgroup.procs").split()
        assert len(threads) == 2 * spec.vcpus
    for command in ("daemon-reload", "daemon-reexec", "restart teig-keeper", "kill -s KILL teig-keeper"):
        stand.run(f"systemctl {command}")
        assert all(holds(stand, spec) for spec in specs), command
    await_that(lambda: stand.host.facts().keeper_beat is not None, "the keeper to come back by itself")
    first = max(stand.host.guest(spec.id).domid or 0 for spec in specs)
    for spec in specs:
        stand.get(spec, "/cgi-bin/reboot")
    for spec in specs:
        await_that(lambda spec=spec: (stand.host.guest(spec.id).domid or 0) > first, "a new domain")  # type: ignore[misc]
        stand.host.guest_wait_ready(spec.id, 80, READY_S)
    all_hold(stand, specs)
    for spec in specs:
        assert written_per_second(stand, spec, "mib=1&block=65536") < 1.15 * SLOW.write_bps


def all_hold(stand: Stand, specs: list[GuestSpec]) -> None:
    await_that(lambda: all(holds(stand, spec) for spec in specs), "limits on every thread")


def test_a_flood_of_fsync_is_held_to_the_limit_on_writes(stand: Stand) -> None:
    spec = dataclasses.replace(slow_guest(stand), disk_rate=dataclasses.replace(SLOW, write_iops=20))
    stand.start(spec)
    await_that(lambda: holds(stand, spec), "limits on every thread")
    before = disk_operations(stand)
    told = json.loads(stand.get(spec, "/cgi-bin/sync?seconds=15").split(b"\r\n\r\n")[1])
    per_second = (disk_operations(stand) - before) / told["seconds"]
    assert told["syncs"] > 0
    assert 10 < per_second < 1.15 * 20


def disk_operations(stand: Stand) -> int:
    """Return the writes that the disk under the guests has done, which a flush is counted as too (docs/keeper.md)."""
    return int(stand.run("cat /sys/block/vdb/stat").split()[4])


def test_what_is_changed_by_hand_is_put_right_and_nothing_stays_of_a_guest_that_has_gone(stand: Stand) -> None:
    spec = dataclasses.replace(slow_guest(stand), in_kbit=4000, out_kbit=2000)
    claim = stand.start(spec)
    await_that(lambda: holds(stand, spec), "limits on every thread")
    _network_rates_are_on_the_card(stand, spec)
    _processors_are_divided(stand, spec)
    group = GROUP.format(spec.id)
    for command in (
        f"sed 's/=[0-9]*/=max/g' {group}/io.max >{group}/io.max",
        f"head -qn 1 {group}/disks-*/cgroup.procs >/sys/fs/cgroup/cgroup.procs",
        f"xl sched-credit2 -d {spec.name} -w 1 -c 10",
    ):
        stand.run(command)
        await_that(lambda: holds(stand, spec), f"this to be put right: {command}")
    stand.run("xl sched-credit2 -d Domain-0 -w 50")
    await_that(lambda: stand.host.facts().dom0_weight == 512, "Domain-0's weight to be put right")
    stand.host.guest_stop(claim, 0)
    await_that(lambda: spec.id not in stand.run("ls /sys/fs/cgroup/teig"), "the group to be removed")
    await_that(lambda: stand.host.facts().dom0_weight == 512, "Domain-0's weight without guests")


def _network_rates_are_on_the_card(stand: Stand, spec: GuestSpec) -> None:
    domid = stand.host.guest(spec.id).domid
    await_that(lambda: "tbf" in stand.run(f"tc qdisc show dev vif{domid}.0"), "a token bucket")
    assert "rate 4Mbit" in stand.run(f"tc qdisc show dev vif{domid}.0")
    rate = stand.run(f"xenstore-read /local/domain/0/backend/vif/{domid}/0/rate")
    assert rate.strip() == f"{2000 * 125 // 20},50000"


def _processors_are_divided(stand: Stand, spec: GuestSpec) -> None:
    assert cpupools(stand) == {"Pool-0": "0", "teig-guests": "1"}
    assert processors(stand) == {"Domain-0": {"0"}, spec.name: {"1"}}
    facts = stand.host.facts()
    assert (facts.cores, facts.dom0_cores, facts.guest_cores) == (2, 1, 1)
    # Linux shows the vCPU some time after xl's word, and a keeper that runs might take it back before it is online.
    stand.run("systemctl stop teig-keeper && xl vcpu-set Domain-0 2")
    await_that(lambda: stand.run(f"{{ echo 1 >{_SECOND_VCPU}; }} 2>&1; nproc").strip() == "2", "a second vCPU")
    stand.run("systemctl start teig-keeper")
    await_that(lambda: stand.run("nproc").strip() == "1", "as many vCPUs of Domain-0 as CPUs")
    # As if somebody had been killed over a change: the guest beside Domain-0, its processor in no pool.
    stand.run("systemctl stop teig-keeper")
    stand.run(f"xl cpupool-migrate {spec.name} Pool-0 && xl cpupool-cpu-remove teig-guests 1")
    stand.run("systemctl start teig-keeper")
    await_that(lambda: holds(stand, spec) and cpupools(stand)["teig-guests"] == "1", "the pools to be mended")
    await_that(lambda: processors(stand)[spec.name] == {"1"}, "the guest to be moved")


def cpupools(stand: Stand) -> dict[str, str]:
    """Return the CPUs of each pool."""
    found = [line.split() for line in stand.run("xl cpupool-list -c").splitlines()[1:]]
    return {words[0]: "".join(words[1:]) for words in found}


def processors(stand: Stand) -> dict[str, set[str]]:
    """Return the CPUs that each domain's vCPUs were last on."""
    found: dict[str, set[str]] = {}
    for line in stand.run("xl vcpu-list").splitlines()[1:]:
        name, _, _, cpu, *_ = line.split()
        found.setdefault(name, set()).add(cpu)
    return {name: cpus - {"-"} for name, cpus in found.items()}


def test_a_guest_that_reconnects_all_the_time_is_paused_and_can_be_stopped(stand: Stand) -> None:
    disks = tuple(Disk(number, 64 << 20 if number == 0 else 4 << 20) for number in range(3))
    spec = dataclasses.replace(slow_guest(stand), disks=disks, memory_mib=128)
    claim = stand.start(spec)
    await_that(lambda: holds(stand, spec), "limits on every thread")
    use_up(stand, spec)
    file = f"/run/teig/paused/{spec.id}.json"
    # A pause may be over after ten seconds, and the guest's answer may wait for that: seen there, and made longer.
    appears = f"for i in $(seq 400); do [ -e {file} ] && break; sleep 0.3; done; sleep 0.5"
    seen = f"{appears}; xl list {spec.name}; {until(file, 1e9)}"
    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(stand.run, seen)
        time.sleep(2)
        asking = Thread(target=lambda: stand.get(spec, "/cgi-bin/reconnect?seconds=600"), daemon=True)
        asking.start()
        assert "--p---" in watched.result()
    # The next keeper knows of it, and lets it go when its time is over.
    stand.run(until(file, 1.0))
    before = stand.host.guest(spec.id).cpu_time_ns
    stand.run("systemctl kill -s KILL teig-keeper")
    await_that(lambda: stand.host.guest(spec.id).cpu_time_ns > before, "the guest to go on")
    asking.join(120)
    stand.host.guest_stop(claim, 0)


def test_what_a_guest_makes_domain_0_do_is_counted_for_it_and_for_no_other(stand: Stand) -> None:
    sender, quiet = stand.spec(vcpus=2, share_cores=0.2), stand.spec()
    for spec in (sender, quiet):
        stand.start(spec)
    for spec in (sender, quiet):
        await_that(lambda spec=spec: names(stand, spec) == expected(stand, spec), "all threads")  # type: ignore[misc]
    assert stand.run(f"cat /sys/fs/cgroup/teig/{{{sender.id},{quiet.id},control}}/cpu.weight").split() == [
        "20", "10", "100",
    ]  # fmt: skip
    before = [worked(stand, spec) for spec in (sender, quiet)]
    stand.get(sender, "/cgi-bin/flood?seconds=4&threads=1")
    made, none = (
        [later - earlier for later, earlier in zip(worked(stand, spec), one, strict=True)]
        for spec, one in zip((sender, quiet), before, strict=True)
    )
    # What it sends is the figure that says who floods; a guest that has just booted still uses its disk a little.
    assert made[1] > 4 * none[1], (made, none)
    assert all(busy > idle for busy, idle in zip(made, none, strict=True)), (made, none)
    first = stand.host.guest(sender.id).domid or 0
    stand.get(sender, "/cgi-bin/reboot")
    await_that(lambda: (stand.host.guest(sender.id).domid or 0) > first, "a new domain")
    stand.host.guest_wait_ready(sender.id, 80, READY_S)
    await_that(lambda: names(stand, sender) == expected(stand, sender), "all threads after the reboot")


def names(stand: Stand, spec: GuestSpec) -> list[str]:
    """Return what is counted for a guest's domain: each thread's name, without its number, behind its kind of work."""
    group, domid = GROUP.format(spec.id), stand.host.guest(spec.id).domid
    told = "echo $work $(sed 's/.*(\\(.*\\)).*/\\1/' /proc/$thread/stat)"
    each = f"for thread in $(cat {group}/$work-{domid}/cgroup.procs); do {told}; done"
    found = stand.run(f"for work in disks sends receives; do {each}; done 2>/dev/null; ls -d {group}/*/").splitlines()
    return sorted(re.sub(r"(napi/vif\d+\.0)-\d+", r"\1", line) for line in found)


def expected(stand: Stand, spec: GuestSpec) -> list[str]:
    """Return what must be counted, and nothing of any domain that the guest had before."""
    group, domid = GROUP.format(spec.id), stand.host.guest(spec.id).domid
    card = f"vif{domid}.0"
    found = [f"{group}/{work}-{domid}/" for work in ("disks", "sends", "receives")]
    for queue in range(spec.vcpus):
        found += [f"disks {domid}.xvda-{queue}", f"sends napi/{card}", f"sends {card}-q{queue}-dealloc"]
        found += [f"receives {card}-q{queue}-guest-rx"]
    return sorted(found)


def worked(stand: Stand, spec: GuestSpec) -> tuple[float, ...]:
    """Return how long Domain-0 has worked for a guest: for its disks, for what it sends, for what it receives."""
    told = stand.host.guest(spec.id).dom0_time
    assert told is not None
    return dataclasses.astuple(told)


def until(file: str, time_s: float) -> str:
    """Return the command that ends a pause at a time."""
    return f'sed -i \'s/"until": .*/"until": {time_s}/\' {file}'


def use_up(stand: Stand, spec: GuestSpec) -> None:
    """Let a guest have used more than it may reconnect at once, so that the next time is too much.

    By itself a guest in the lab may never have: its disks connect anew some times, or not once, and then never again.
    """
    stand.run("systemctl stop teig-keeper")
    told = json.loads(stand.run("cat /run/teig/keeper.json"))
    now = float(stand.run("cat /proc/uptime").split()[0])
    told["used"][spec.id] = (BURST_S + 1, now)
    stand.run(f"cat > /run/teig/keeper.json << 'END'\n{json.dumps(told)}\nEND")
    stand.run("systemctl start teig-keeper")
    await_that(lambda: holds(stand, spec), "the next keeper")


def test_a_pool_is_measured_and_left_clean(stand: Stand) -> None:
    stand.run("lvcreate -qq -y -Wn -Zn -L 64m --addtag teig -n teig-bench vg0")
    rating = stand.host.pool_bench("vg0")
    assert rating.together
    assert min(dataclasses.astuple(rating.rate)) > 0
    assert rating.rate.read_bps > rating.rate.read_iops * 4096 / 4
    assert "teig-bench" not in stand.run("lvs")


@pytest.mark.slow
def test_a_guest_comes_back_after_its_host_s_reboot(stand: Stand) -> None:
    spec = slow_guest(stand)
    stand.start(spec)
    before = boot_id(stand.lab)
    assert before
    stand.run("systemctl disable -q xendomains; (sleep 1; reboot -ff) >/dev/null 2>&1 &")
    await_that(lambda: boot_id(stand.lab) not in {"", before}, "the host to answer again")
    stand.host.guest_wait_ready(spec.id, 80, READY_S)
    await_that(lambda: holds(stand, spec), "limits on every thread after the reboot")
    assert processors(stand) == {"Domain-0": {"0"}, spec.name: {"1"}}
