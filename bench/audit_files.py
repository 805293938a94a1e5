"""Made-up configuration files, each different, of the kinds that hosts have."""

from __future__ import annotations

import random

HEAD = """# Guest {name}, made {number} for a customer.
# Do not change the addresses without asking the network people.

name = "{name}"
uuid = "{uuid}"
"""
KINDS = {
    "pv": """kernel = "/boot/vmlinuz-{number}"
ramdisk = "/boot/initrd.img-{number}"
extra = "root=/dev/xvda1 ro console=hvc0"
disk = [
    'phy:/dev/vg{group}/{name}-root,xvda1,w',   # root
    'phy:/dev/vg{group}/{name}-swap,xvda2,w',   # swap
]
vif = [ 'mac={mac},bridge=xenbr{group},ip=10.{group}.0.{last},rate={rate}Mb/s' ]
""",
    "pvgrub": """bootloader = "/usr/lib/xen-default/bin/pygrub"
disk = ["tap:aio:/srv/xen/{name}.img,xvda,w", "format=raw, vdev=xvdb, access=rw, target=/dev/vg0/{name}"]
vif = [ "mac={mac}", "bridge=br{last},rate={rate}MB/s@20ms" ]
vfb = [ "vnc=1, vnclisten=0.0.0.0, vncunused=1" ]
""",
    "hvm": """builder = "hvm"
device_model_version = "qemu-xen"
boot = "cd"; acpi = 1; apic = 1; pae = 1
viridian = ["defaults", "!stimer"]
usb = 1
usbdevice = "tablet"
vnc = 1
vnclisten = "127.0.0.1"
serial = "pty"
disk = [
    "format=qcow2, vdev=hda, access=rw, target=/var/lib/xen/images/{name}.qcow2",
    "/srv/iso/install-{number}.iso,,hdc,cdrom",
]
vif = [ 'type=ioemu, mac={mac}, bridge=xenbr0, model=e1000' ]
pci = [ '0{group}:00.0,permissive=1' ]
""",
    "pvh": """type = "pvh"
kernel = "/boot/vmlinuz-{number}"
cmdline = "root=/dev/xvda console=hvc0"
tsc_mode = {group}
disk = ["format=raw, backendtype=phy, vdev=xvda, access=rw, no-discard, target=/dev/vg0/{name}"]
vif = ["mac={mac}, bridge=xenbr0, ip=192.0.2.{last}"]
cpuid = "host,tm=0,sse3=0"
cpus = "{group}-8,^3"
""",
}
TAIL = """
memory = {memory}
maxmem = {maxmem}
vcpus = {vcpus}
cpu_weight = {weight}
cap = {cap}
on_poweroff = "destroy"
on_reboot = "restart"
on_crash = "restart"
"""


def configs(count: int, seed: int = 1) -> list[str]:
    """Return so many files, no two alike; the same seed gives the same ones."""
    draw = random.Random(seed)  # noqa: S311 - nothing secret
    return [_config(draw, number) for number in range(count)]


def _config(draw: random.Random, number: int) -> str:
    kind = draw.choice(sorted(KINDS))
    memory = draw.choice((256, 512, 1024, 4096))
    values = {
        "name": f"{draw.choice(('web', 'db', 'mail', 'shop'))}{number}",
        "number": number,
        "uuid": f"{draw.getrandbits(32):08x}-1111-2222-3333-{draw.getrandbits(48):012x}",
        "group": draw.randrange(4),
        "last": draw.randrange(1, 255),
        "mac": ":".join(f"{byte:02x}" for byte in (0, 0x16, 0x3E, *draw.randbytes(3))),
        "rate": draw.randrange(1, 1000),
        "memory": memory,
        "maxmem": memory * draw.choice((1, 1, 2)),
        "vcpus": draw.randrange(1, 9),
        "weight": draw.randrange(1, 1024),
        "cap": draw.randrange(0, 800, 50),
    }
    return (HEAD + KINDS[kind] + TAIL).format(**values)
