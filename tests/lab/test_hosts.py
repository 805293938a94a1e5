"""Real Xen hosts: what each promises, guests on them, several of them, and that nothing outlives its owner."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from teig.lab import images, seed, snapshots
from teig.lab.hosts import LabHost
from teig.lab.lab import Lab, running_lab
from teig.lab.launch import Running
from teig.lab.options import LabOptions
from teig.model.errors import Conflict, LabFault
from tests.lab.states import eventually, get, start_micro, status

pytestmark = pytest.mark.lab


PROMISES = {
    "xl info xen_version": "4.17",
    "xl info xen_scheduler": "credit2",
    "xl list | awk '/Domain-0/ { print $3 }'": "512",
    "xl sched-credit2 -d Domain-0": "2048",
    "grep ^autoballoon /etc/xen/xl.conf": 'autoballoon="off"',
    "vgs --noheadings -o vg_name": "vg0",
    "ip -brief address show xenbr0": "10.77.0.1/16",
    "ls /sys/class/net/xenbr0/brif | wc -l": "1",
    "stat --format=%T --file-system /sys/fs/cgroup": "cgroup2fs",
    "cat /proc/1/comm": "systemd",
    "systemctl --failed --no-legend | wc -l": "0",
    "readlink /dev/fd": "/proc/self/fd",
    "nproc": "2",
}


def test_host_keeps_what_a_lab_promises(host_booted: LabHost) -> None:
    said = host_booted.run("; echo =; ".join(PROMISES)).split("\n=\n")
    broken = [
        (command, answer)
        for (command, expected), answer in zip(PROMISES.items(), said, strict=True)
        if expected not in answer
    ]
    assert not broken


def test_clock_is_right_after_resuming(host_booted: LabHost) -> None:
    assert abs(float(host_booted.run("date +%s.%N")) - time.time()) < 10


def test_lab_that_is_up_is_used_again(lab_booted: Lab) -> None:
    before = lab_booted.hosts
    assert lab_booted.up() == before
    with pytest.raises(Conflict):
        lab_booted.up(LabOptions(memory_mib=4096))


def test_guest_answers_and_has_both_processors(host_prepared: LabHost, guest_running: str) -> None:
    assert get(host_prepared, guest_running) == "Hello from two.\n"
    assert "cpu1" in get(host_prepared, guest_running, "/cgi-bin/stat")
    assert "/dev/root / ext4 rw,noatime" in get(host_prepared, guest_running, "/cgi-bin/mounts").replace(
        "/dev/xvda", "/dev/root"
    )
    assert "xvda:" in get(host_prepared, guest_running, "/cgi-bin/scheduler")


def test_guests_root_fills_its_volume(host_prepared: LabHost, guest_running: str) -> None:
    line = get(host_prepared, guest_running, "/cgi-bin/mounts").splitlines()[-1]
    assert int(line.split()[1]) > 50_000


@pytest.mark.parametrize(
    "path",
    ["read?mib=2&block=65536", "write?mib=2&block=65536", "write?mib=2&block=65536&fsync=1"],
)
def test_guest_moves_the_bytes_it_was_asked_to(host_prepared: LabHost, guest_running: str, path: str) -> None:
    answer = json.loads(get(host_prepared, guest_running, f"/cgi-bin/{path}"))
    assert answer["bytes"] == 2 << 20
    assert answer["seconds"] > 0


def test_guest_burns_processor_time(host_prepared: LabHost, guest_running: str) -> None:
    answer = json.loads(get(host_prepared, guest_running, "/cgi-bin/burn?seconds=2&threads=2"))
    assert answer["iterations"] > 0
    assert answer["seconds"] >= 2


def test_guest_floods_the_host_with_packets_and_blocks(host_prepared: LabHost, guest_running: str) -> None:
    answer = json.loads(get(host_prepared, guest_running, "/cgi-bin/flood?seconds=3&threads=1"))
    assert answer["blocks"] > 0
    assert answer["packets"] > 10


@pytest.mark.parametrize("path", ["read?mib=0", "read?mib=$(reboot)", "write?block=100", "burn?seconds=99999999999999"])
def test_guest_refuses_impossible_requests(host_prepared: LabHost, guest_running: str, path: str) -> None:
    assert status(host_prepared, guest_running, f"/cgi-bin/{path}") == 400


def test_guest_stops_when_asked(host_prepared: LabHost) -> None:
    start_micro(host_prepared, "brief", "10.77.16.9")
    get(host_prepared, "10.77.16.9")
    host_prepared.run("xl shutdown -w brief", timeout_s=120)
    # The xl that started it removes the domain a moment later.
    eventually(lambda: host_prepared.run("! xl list brief 2>/dev/null"), 60)


def test_volumes_disk_can_be_slowed_down(tmp_path: Path) -> None:
    with running_lab(LabOptions(disk_bandwidth=2 << 20), tmp_path) as lab:
        host = lab.hosts[0]
        host.run("lvcreate -qq -y -Wn -n slow -L 64M vg0")
        begin = time.monotonic()
        host.run("dd if=/dev/urandom of=/dev/vg0/slow bs=1M count=16 oflag=direct status=none")
        assert time.monotonic() - begin > 5


@pytest.fixture(scope="module")
def two_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(LabOptions(hosts=2), tmp_path_factory.mktemp("two")) as lab:
        yield lab


def test_hosts_of_one_lab_reach_each_other_by_name(two_hosts: Lab) -> None:
    first, second = two_hosts.hosts
    assert "1 received" in first.run(f"ping -c 1 -W 30 {second.name}")
    assert second.run("hostname") == "lab2\n"
    assert first.host_key != second.host_key


def test_dead_host_is_mended_and_the_other_left_alone(two_hosts: Lab) -> None:
    first, second = two_hosts.hosts
    os.kill(second.process.pid, signal.SIGKILL)
    second.process.wait(10)
    assert [host.running for host in two_hosts.hosts] == [True, False]
    mended = two_hosts.up(tie=True)
    assert mended[0].process == first.process
    assert "1 received" in mended[1].run("ping -c 1 -W 30 lab1")


@pytest.mark.slow
def test_running_guest_is_kept_in_a_snapshot(two_hosts: Lab, tmp_path: Path) -> None:
    name = f"test-{os.getpid()}"
    start_micro(two_hosts.hosts[0], "kept", "10.77.16.7")
    get(two_hosts.hosts[0], "10.77.16.7")
    two_hosts.save(name)
    try:
        assert get(two_hosts.hosts[0], "10.77.16.7") == "Hello from kept.\n"
        with running_lab(LabOptions(), tmp_path, snapshot=name) as again:
            assert len(again.hosts) == 2
            assert get(again.hosts[1], "10.77.16.7") == "Hello from kept.\n"
    finally:
        subprocess.run(["rm", "-r", str(snapshots.named_dir() / name)], check=True)


def test_nothing_outlives_a_killed_test_run(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from teig.lab.lab import running_lab; from teig.lab.options import LabOptions\n"
        "with running_lab(LabOptions(hosts=2), Path(sys.argv[1])): print('up', flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "up\n"
        record = json.loads((tmp_path / "lab.json").read_text())
        started = [Running(*host["process"]) for host in record["hosts"]] + [Running(*record["segment"])]
        assert [process.alive for process in started] == [True] * 3
        parent.kill()
    assert all(process.wait(10) for process in started)
    assert Lab(tmp_path).down()


def test_host_that_cannot_boot_shows_its_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without a root file system: the initramfs says so and ends."""
    image = images.build("dom0")
    broken = tmp_path / "image"
    broken.mkdir()
    for path in image.folder.iterdir():
        (broken / path.name).symlink_to(path)
    (broken / "root.qcow2").unlink()
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(broken / "root.qcow2"), "1G"], check=True)
    monkeypatch.setattr(seed, "lab_dir", lambda: tmp_path / "lab-cache")
    (tmp_path / "lab-cache").mkdir()
    monkeypatch.setattr(images, "build", lambda name, _progress: images.BuiltImage(name, "broken", broken))
    lab = Lab(tmp_path / "state")
    with pytest.raises(LabFault, match="cannot mount /dev/vda") as caught:
        lab.up(LabOptions())
    assert "lab1-failed-boot.log" in caught.value.todo
    assert not lab.hosts
    assert not list((tmp_path / "lab-cache/booted").glob("[!.]*"))
