"""Image debian on a real Xen host: cloud-init takes its first-boot data from a disk, and an SSH key lets in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from teig import process
from teig.lab.hosts import LabHost
from teig.lab.images import build
from tests.lab.states import eventually, make_volume, send_image

pytestmark = [pytest.mark.lab, pytest.mark.slow]

ADDRESS = "10.77.16.3"
CONFIG = """
name = "deb"
type = "pv"
memory = 384
maxmem = 384
vcpus = 2
kernel = "/root/debian/kernel"
ramdisk = "/root/debian/initrd"
extra = "{cmdline}"
disk = ["phy:/dev/vg0/deb,xvda,w", "phy:/dev/vg0/deb-seed,xvdb,r"]
vif = ["bridge=xenbr0,mac=00:16:3e:00:00:03"]
"""
NETWORK = {
    "version": 2,
    "ethernets": {
        "first": {
            "match": {"macaddress": "00:16:3e:00:00:03"},
            "addresses": [f"{ADDRESS}/16"],
            "gateway4": "10.77.0.1",
        }
    },
}


def test_key_from_the_first_boot_disk_lets_in(host_booted: LabHost, tmp_path: Path) -> None:
    image = build("debian")
    key = tmp_path / "key"
    process.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    send_image(host_booted, image)
    make_volume(host_booted, "deb", image, 1536)
    write_seed(host_booted, key.with_suffix(".pub").read_text().strip())
    config = CONFIG.format(cmdline=image.manifest["cmdline"])
    host_booted.run("cat >/root/deb.cfg", stdin=config.encode())
    host_booted.run("xl create -q /root/deb.cfg </dev/null >/dev/null 2>&1", timeout_s=300)
    try:
        said = eventually(lambda: ask(host_booted, key, "hostname; whoami; df -m --output=size / | tail -n 1"), 900)
    finally:
        print(host_booted.run("tail -n 40 /var/log/xen/console/guest-deb.log; xl destroy deb", timeout_s=300))
    name, user, size = said.split()
    assert (name, user) == ("web1", "debian")
    assert int(size) > 1300


def write_seed(host: LabHost, public_key: str) -> None:
    """Put cloud-init's three files on a small disk with the label CIDATA."""
    files = {
        "meta-data": json.dumps({"instance-id": "one", "local-hostname": "web1"}),
        "user-data": "#cloud-config\n" + json.dumps({"ssh_authorized_keys": [public_key]}),
        "network-config": json.dumps(NETWORK),
    }
    host.run("lvcreate -qq -y -Wn -n deb-seed -L 4M vg0 && mkfs.vfat -n CIDATA /dev/vg0/deb-seed >/dev/null")
    for name, text in files.items():
        host.run(f"cat >/tmp/{name} && mcopy -i /dev/vg0/deb-seed /tmp/{name} ::{name}", stdin=text.encode())


def ask(host: LabHost, key: Path, command: str) -> str:
    """Run a command in the guest, over SSH through its host."""
    through = f"ssh -F {host.ssh_config} -W {ADDRESS}:22 {host.name}"
    options = ["-o", f"ProxyCommand={through}", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    argv = ["ssh", "-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=60", *options]
    return process.run([*argv, f"debian@{ADDRESS}", command], timeout_s=120)
