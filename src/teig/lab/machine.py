"""One lab host as a QEMU command line. Pure: no file is touched and nothing is started here.

Xen is loaded as a multiboot kernel with Domain-0's kernel and initramfs as its modules (QEMU, "Linux/Multiboot boot
specific" options). Neighbours: `hosts` starts it, `accelerator` chooses the processor, `seed` makes the initramfs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from teig.lab.options import DOM0_MIB, LabOptions

PROGRAM = "qemu-system-x86_64"
PACKAGE = "qemu-system-x86"

MANAGEMENT_ADDRESS = "10.0.2.15"
SEGMENT_PREFIX = 16


@dataclass(frozen=True)
class Processor:
    """What emulates or runs the processor: QEMU's `-accel` and `-cpu`."""

    accel: str
    cpu: str


EMULATED = Processor("tcg,thread=multi", "Westmere")
"""No SMAP, which QEMU before 9.1 faults a PV kernel with, and no AVX, which some of Domain-0's programs die of."""

EMULATED_PVH = Processor("tcg,thread=multi", "Opteron_G3,+npt,-rdtscp")
"""Has SVM and nested paging, which PVH guests need; with rdtscp they die of an instruction that Xen cannot emulate."""

NATIVE = Processor("kvm", "host")

DOM0_ARGUMENTS = "console=hvc0 root=/dev/vda quiet mitigations=off"


def xen_arguments(options: LabOptions) -> str:
    """Return Xen's command line; see xen-command-line(7).

    A lab's guests are its owner's own: nobody reads a neighbour's memory through the processor. What guards against
    that (other page tables at every system call) makes an emulated processor almost twice as slow.
    """
    memory = f"dom0_mem={DOM0_MIB}M,max:{DOM0_MIB}M"
    return f"{memory} console=com1 com1=115200,8n1 sched={options.scheduler} spec-ctrl=no xpti=no pv-l1tf=no"


@dataclass(frozen=True)
class Files:
    """The files that one host runs on, and its sockets, whose paths must stay short (unix(7): 108 bytes)."""

    xen: Path
    kernel: Path
    initrd: Path
    root: Path
    volumes: Path
    console_log: Path
    console_socket: Path
    monitor_socket: Path


def segment_address(index: int) -> str:
    """Return the address of host `index` (from 1) on the segment that all hosts share."""
    return f"10.77.0.{index}"


def mac_address(card: int, index: int) -> str:
    """Return the hardware address of a host's network card: 0 management, 1 segment, 2 its bridge."""
    return f"52:54:00:77:{card:02x}:{index:02x}"


def argv(
    options: LabOptions,
    processor: Processor,
    files: Files,
    index: int,
    *,
    switch: Path | None = None,
    incoming_fd: int | None = None,
    probe: bool = False,
) -> list[str]:
    """Return the command that runs host `index`.

    `switch` is the vde_switch that joins the hosts; without one the segment's card is connected to nothing. With
    `incoming_fd` the host does not boot but takes its memory from that open file. `probe` boots Domain-0's kernel only
    to say that it runs.
    """
    dom0 = DOM0_ARGUMENTS + (" teig.probe" if probe else "")
    console = f"socket,id=console,path={files.console_socket},server=on,wait=off"
    segment = f"vde,id=segment,sock={switch}" if switch else "hubport,id=segment,hubid=0"
    return [
        PROGRAM, "-nodefaults", "-no-user-config", "-display", "none",
        "-name", f"teig-lab{index}", "-machine", "q35", "-accel", processor.accel, "-cpu", processor.cpu,
        "-smp", str(options.cpus), "-m", str(options.memory_mib),
        "-kernel", str(files.xen), "-append", xen_arguments(options),
        "-initrd", f"{files.kernel} {dom0},{files.initrd}",
        "-chardev", f"{console},logfile={_file(files.console_log)}",
        "-serial", "chardev:console",
        "-qmp", f"unix:{files.monitor_socket},server=on,wait=off",
        *([] if probe else _disk("vda", files.root, None)),
        *([] if probe else _disk("vdb", files.volumes, options)),
        "-netdev", f"user,id=management,restrict=on,dhcpstart={MANAGEMENT_ADDRESS}",
        "-device", f"virtio-net-pci,netdev=management,mac={mac_address(0, index)},romfile=",
        "-netdev", segment,
        "-device", f"virtio-net-pci,netdev=segment,mac={mac_address(1, index)},romfile=",
        # A host that crashes while it boots for the first time would do so for ever.
        *(["-no-reboot"] if incoming_fd is None else ["-incoming", f"fd:{incoming_fd}"]),
    ]  # fmt: skip


def _disk(name: str, path: Path, throttled: LabOptions | None) -> list[str]:
    # Labs are thrown away: nothing of them has to survive a power failure of this machine, so no flush is passed on.
    drive = f"file={_file(path)},format=qcow2,if=none,id={name},cache=unsafe,discard=unmap,detect-zeroes=unmap"
    if throttled and throttled.disk_iops is not None:
        drive += f",throttling.iops-total={throttled.disk_iops}"
    if throttled and throttled.disk_bandwidth is not None:
        drive += f",throttling.bps-total={throttled.disk_bandwidth}"
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive={name}"]


def _file(path: Path) -> str:
    """Return a path as a value among QEMU's comma-separated ones, where a comma is written twice."""
    return str(path).replace(",", ",,")
