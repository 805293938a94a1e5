"""What QEMU is told, rendered without starting it."""

from __future__ import annotations

from pathlib import Path

import pytest

from teig.lab import machine
from teig.lab.machine import EMULATED, EMULATED_PVH, Files
from teig.lab.options import LabOptions, Scheduler, check_lab_name
from teig.model.errors import InvalidRequest

FILES = Files(
    xen=Path("/i/xen"),
    kernel=Path("/i/kernel"),
    initrd=Path("/s/initrd"),
    root=Path("/s/a,b/vda.qcow2"),
    volumes=Path("/s/vdb.qcow2"),
    console_log=Path("/s/console.log"),
    console_socket=Path("/r/lab1.console"),
    monitor_socket=Path("/r/lab1.qmp"),
)


def rendered(options: LabOptions, **more: object) -> str:
    return " ".join(machine.argv(options, EMULATED, FILES, 1, **more))  # type: ignore[arg-type]


def test_xen_is_the_kernel_and_dom0_its_module() -> None:
    argv = machine.argv(LabOptions(scheduler=Scheduler.CREDIT), EMULATED, FILES, 1)
    assert argv[argv.index("-kernel") + 1] == "/i/xen"
    assert "dom0_mem=512M,max:512M" in argv[argv.index("-append") + 1]
    assert argv[argv.index("-append") + 1].endswith("sched=credit spec-ctrl=no xpti=no pv-l1tf=no")
    assert argv[argv.index("-initrd") + 1] == "/i/kernel console=hvc0 root=/dev/vda quiet mitigations=off,/s/initrd"


def test_only_the_volumes_disk_is_slowed_down() -> None:
    argv = machine.argv(LabOptions(disk_iops=120, disk_bandwidth=1 << 20), EMULATED, FILES, 1)
    drives = [value for value in argv if value.startswith("file=")]
    assert [("throttling.iops-total=120,throttling.bps-total=1048576" in drive) for drive in drives] == [False, True]


def test_commas_in_paths_are_doubled() -> None:
    assert "file=/s/a,,b/vda.qcow2," in rendered(LabOptions())


def test_first_boot_ends_at_a_crash_and_a_resumed_host_reboots() -> None:
    assert "-no-reboot" in rendered(LabOptions())
    resumed = rendered(LabOptions(), incoming_fd=7)
    assert "-no-reboot" not in resumed
    assert resumed.endswith("-incoming fd:7")


def test_hosts_are_joined_by_the_switch_alone() -> None:
    assert "vde,id=segment,sock=/r/segment" in rendered(LabOptions(hosts=2), switch=Path("/r/segment"))
    assert "restrict=on" in rendered(LabOptions())
    assert "hostfwd" not in rendered(LabOptions())


def test_pvh_needs_svm() -> None:
    assert "+npt" in " ".join(machine.argv(LabOptions(pvh=True), EMULATED_PVH, FILES, 1))


def test_hosts_differ_in_every_address() -> None:
    cards = {machine.mac_address(card, index) for card in range(3) for index in range(1, 10)}
    assert len(cards) == 27
    assert machine.segment_address(3) == "10.77.0.3"


@pytest.mark.parametrize(
    "wrong",
    [{"hosts": 0}, {"hosts": 10}, {"memory_mib": 512}, {"cpus": 1}, {"disk_gib": 0}, {"disk_iops": 1},
     {"disk_bandwidth": 1}, {"ssh_port": 0}, {"ssh_port": 65535, "hosts": 2}],
)  # fmt: skip
def test_impossible_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest, match="must be from"):
        LabOptions(**wrong)  # type: ignore[arg-type]


def test_options_survive_being_written_down() -> None:
    options = LabOptions(hosts=3, scheduler=Scheduler.CREDIT, disk_iops=100, pvh=True, ssh_port=2200)
    assert LabOptions.from_record(options.as_record() | {"later": 1}) == options


@pytest.mark.parametrize("name", ["", "../x", "A", "-a", "a/b", "x" * 41])
def test_names_that_could_leave_the_directory_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        check_lab_name(name)
