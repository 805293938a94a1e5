"""What tests do in a lab host: make guests from image micro with `xl` alone, and ask them over HTTP from Dom0."""

from __future__ import annotations

import time
from collections.abc import Callable

from teig.control.images import identity
from teig.lab.hosts import LabHost
from teig.lab.images import BuiltImage, build
from teig.model.image import Manifest
from teig.process import ProcessFailed
from teig.record import load

CONFIG = """
name = "{name}"
type = "pv"
memory = 96
maxmem = 96
vcpus = {vcpus}
kernel = "/root/{image}/kernel"
ramdisk = "/root/{image}/initrd"
extra = "{cmdline} ip={address}::10.77.0.1:255.255.0.0:{name}:eth0:off"
disk = ["phy:/dev/vg0/{name},xvda,w"]
vif = ["bridge=xenbr0"]
"""

# An answer is waited for once: asked again on a slow machine, the guest would do the same work beside itself.
# No module more than needed, for each takes half a second of an emulated processor.
_FETCH = b"""
import socket, sys
address, path, wanted, timeout_s = sys.argv[1:]
with socket.create_connection((address, 80), 30) as connection:
    connection.settimeout(float(timeout_s))
    connection.sendall(f"GET {path} HTTP/1.0\\r\\n\\r\\n".encode())
    answer = b"".join(iter(lambda: connection.recv(65536), b""))
head, _, body = answer.partition(b"\\r\\n\\r\\n")
status = head.split()[1].decode()
if wanted == "body" and status != "200":
    sys.exit(1)
sys.stdout.write(status if wanted == "status" else body.decode())
"""


def send_image(host: LabHost, image: BuiltImage) -> None:
    """See that a host has an image's files in /root: those that the agent has there, or a copy of ours."""
    there = f"/var/lib/teig/images/{identity(load(Manifest, image.manifest))}"
    link = f"[ -e /root/{image.name} ] || [ ! -d {there} ] || ln -s {there} /root/{image.name}"
    if image.name in host.run(f"{link}; ls /root").split():
        return
    host.run(f"mkdir /root/{image.name}")
    for file in image.manifest["files"].values():
        data = (image.folder / file["file"]).read_bytes()
        host.run(f"cat >/root/{image.name}/{file['file']}", stdin=data, timeout_s=900)


def make_volume(host: LabHost, name: str, image: BuiltImage, mib: int) -> None:
    """Make a volume and put the image's root file system on it."""
    host.run(f"lvcreate -qq -y -Wn -n {name} -L {mib}M vg0")
    host.run(f"zcat /root/{image.name}/root.img.gz | dd of=/dev/vg0/{name} bs=1M conv=fsync status=none", timeout_s=600)


def start_micro(host: LabHost, name: str, address: str, *, vcpus: int = 1) -> None:
    """Start a guest of image micro on a volume of its own."""
    image = build("micro")
    send_image(host, image)
    make_volume(host, name, image, 64)
    config = CONFIG.format(
        name=name,
        vcpus=vcpus,
        image=image.name,
        cmdline=image.manifest["cmdline"],
        address=address,
    )
    host.run(f"cat >/root/{name}.cfg", stdin=config.encode())
    create_domain(host, f"/root/{name}.cfg")


def create_domain(host: LabHost, config: str) -> None:
    """Start a domain; once more where it fails, as the agent does: xl gives up on slow scripts, however busy it is."""
    once = f"xl create -q {config} </dev/null >/root/xl.log 2>&1"  # what stays of xl would hold a pipe open
    host.run(f"{once} || {once} || {{ cat /root/xl.log >&2; false; }}", timeout_s=600)


def get(host: LabHost, address: str, path: str = "/", wait_s: float = 400) -> str:
    """Return what a guest answers with success, asked from Dom0 until it does."""
    return eventually(lambda: _fetched(host, address, path, "body", wait_s), wait_s)


def status(host: LabHost, address: str, path: str) -> int:
    """Return the HTTP status of a guest's answer."""
    return int(_fetched(host, address, path, "status", 60))


def _fetched(host: LabHost, address: str, path: str, wanted: str, wait_s: float) -> str:
    return host.run(f"python3 - {address} '{path}' {wanted} {wait_s}", stdin=_FETCH, timeout_s=wait_s + 60)


def boot_id(host: LabHost) -> str:
    """Return what tells a host's boots apart; nothing while it does not answer."""
    try:
        return host.run("cat /proc/sys/kernel/random/boot_id", timeout_s=10)
    except Exception:  # noqa: BLE001  (however it does not answer while it boots)
        return ""


def eventually(ask: Callable[[], str], wait_s: float) -> str:
    """Return the first answer that is not a failure."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return ask()
        except ProcessFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(1.0)
