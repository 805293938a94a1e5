"""The agent and the SSH driver on a real Xen host: what no simulated host can show. Neighbour: `contract`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from teig.fleet.driver import Claim
from teig.fleet.ssh import SshFleet
from teig.lab.options import LabOptions, Scheduler
from teig.model.errors import HostFault, ImageCorrupt, TeigError
from teig.model.guest import Disk, GuestSpec, GuestType, OnCrash
from teig.model.names import GuestId
from tests.carried import CarriedHost
from tests.fleet.conftest import READY_S, Stand, await_that, stand_of
from tests.lab.prepared import decided

pytestmark = pytest.mark.lab
Refused = Callable[[Callable[[], object]], TeigError]


def test_what_reaches_a_guest_and_what_happens_to_it(stand: Stand) -> None:
    spec = stand.spec(cap=50, on_crash=OnCrash.STOP)
    claim = stand.prepare(spec)
    ip = spec.nics[0].ip
    stand.run(f"ip neighbour replace {ip} lladdr 00:16:3e:ff:ff:ff nud stale dev xenbr0")
    stand.host.guest_start(claim)
    assert "ff:ff:ff" not in stand.run(f"ip neighbour show to {ip}"), "the address's last owner is still remembered"
    stand.host.guest_wait_ready(spec.id, 80, READY_S)
    assert b"200 OK" in stand.get(spec)
    with pytest.raises(HostFault, match="does not answer"):
        asyncio.run(_open(stand, spec.id, 81))
    assert asyncio.run(asyncio.wait_for(_console(stand, spec.id), 120))

    _disturb(stand, spec)
    left = asyncio.run(asyncio.wait_for(_left_alone(stand, spec), READY_S))
    assert left == b"", "who waits for the guest's answer is not told that it has gone"
    await_that(lambda: stand.host.guest(spec.id).domid is None, "the crashed domain to go")


def _disturb(stand: Stand, spec: GuestSpec) -> None:
    """Change the domain behind Teig's back: its figures must then differ from the plan's."""
    stand.run("systemctl stop teig-keeper")  # which would put the weight right before the guest has given memory up
    stand.run(f"xl mem-set {spec.name} 80 && xl sched-credit2 -d {spec.name} -w 77 -c 20")

    def shows() -> bool:
        live = stand.host.guest(spec.id).live
        return live is not None and live.memory_mib < 96 and (live.weight, live.cap) == (77, 20)

    await_that(shows, "the hypervisor's figures to differ from the plan's")
    stand.run("systemctl start teig-keeper")


async def _console(stand: Stand, guest: GuestId) -> bytes:
    """Return the first that the console shows; the kernel's messages wait there for the first reader."""
    async with stand.host.open_console(guest) as console:
        await console.write(b"\n")
        return bytes(await console.read(4096))


async def _left_alone(stand: Stand, spec: GuestSpec) -> bytes:
    """Return what comes over a connection to a guest that crashes meanwhile."""
    async with stand.host.open_port(spec.id, 80) as stream:
        await asyncio.to_thread(stand.get, spec, "/cgi-bin/crash")
        return bytes(await stream.read(1))


async def _open(stand: Stand, guest: GuestId, port: int) -> None:
    async with stand.host.open_port(guest, port):
        pass


def test_a_crash_and_the_host_s_shutdown_end_with_the_guest_running_again(stand: Stand) -> None:
    spec = stand.spec()
    stand.start(spec)
    first = _domid(stand, spec)
    stand.get(spec, "/cgi-bin/crash")
    await_that(lambda: _domid(stand, spec) > first, "a new domain after the crash")
    stand.host.guest_wait_ready(spec.id, 80, READY_S)
    stand.run("systemctl stop teig-guests")  # as systemd does when the host goes down
    assert stand.host.guest(spec.id).domid is None
    stand.run("systemctl start teig-guests")
    await_that(lambda: _domid(stand, spec) > 0, "a domain after the boot")
    stand.host.guest_wait_ready(spec.id, 80, READY_S)


def test_cores_of_its_own_and_a_larger_disk_from_the_next_start(stand: Stand) -> None:
    spec = stand.spec()
    claim = stand.start(spec)
    larger = replace(spec, own_cores=True, share_cores=1.0, disks=(Disk(0, 128 << 20),))
    stand.host.guest_define(claim, decided(spec.id), larger)
    stand.host.guest_reboot(claim, 30)
    stand.host.guest_wait_ready(spec.id, 80, READY_S)
    assert stand.host.guest(spec.id).live == larger.entitled
    assert _cpupools(stand) == ["Pool-00", "teig-guests", f"teig-{spec.id}1"]
    size_kib = stand.get(spec, "/cgi-bin/mounts").decode().splitlines()[-1].split()[1]
    assert int(size_kib) > 100_000
    stand.host.guest_stop(claim, 0)
    assert _cpupools(stand) == ["Pool-00", "teig-guests1"]


def _cpupools(stand: Stand) -> list[str]:
    """Return each pool's name with its CPUs behind it: xl puts no space between them where the name is long."""
    return ["".join(line.split()) for line in stand.run("xl cpupool-list -c").splitlines()[1:]]


def _domid(stand: Stand, spec: GuestSpec) -> int:
    return stand.host.guest(spec.id).domid or 0


def test_a_guest_reboots_whatever_became_of_our_connection(stand: Stand) -> None:
    """With our connection closed and sshd restarted since the start."""
    fleet = SshFleet(stand.key)
    spec = stand.spec(vcpus=2)
    claim = stand.prepare(spec)
    first = CarriedHost(fleet.host(stand.address)).guest_start(claim)
    stand.host.guest_wait_ready(spec.id, 80, READY_S)
    fleet.close()
    stand.run("systemctl restart ssh")
    group = stand.run("cat /proc/$(pgrep -o -f 'xl create')/cgroup")
    assert "ssh" not in group
    stand.get(spec, "/cgi-bin/reboot")
    await_that(lambda: (stand.host.guest(spec.id).domid or 0) > first, "a new domain after the reboot")
    stand.host.guest_wait_ready(spec.id, 80, READY_S)
    assert stand.host.guest(spec.id).live == spec.entitled


def test_a_volume_shows_nothing_of_its_predecessor(stand: Stand) -> None:
    first, second = stand.spec(), stand.spec()
    claim = Claim(first.id, 1)
    stand.host.volume_create(claim, decided(first.id), first.disks[0])
    device = f"/dev/vg0/teig-{first.id}-disk0"
    stand.run(f"yes secret | dd of={device} bs=1M iflag=fullblock count=64 oflag=direct status=none")
    assert stand.run(f"lvs --noheadings -o lv_tags {device}").strip() == f"teig,teig-guest-{first.id}"
    stand.host.volume_create(claim, decided(first.id), first.disks[0])
    assert "secret" in stand.run(f"head -c 100 {device}")
    stand.host.volume_delete(claim, 0)
    stand.run("lvcreate -qq -y -Wn -Zn -L 64m -n foreign vg0")
    assert stand.run("cmp -n 67108864 /dev/vg0/foreign /dev/zero && echo zeros").strip() == "zeros"
    stand.run("yes secret | dd of=/dev/vg0/foreign bs=1M iflag=fullblock count=64 oflag=direct status=none")
    stand.run("lvremove -qq -y vg0/foreign")
    stand.host.volume_create(Claim(second.id, 1), decided(second.id), second.disks[0])
    device = f"/dev/vg0/teig-{second.id}-disk0"
    assert stand.run(f"cmp -n 67108864 {device} /dev/zero && echo zeros").strip() == "zeros"


def test_a_volume_that_was_never_wiped_is_not_started(stand: Stand, refused: Refused) -> None:
    spec = stand.spec()
    claim = stand.prepare(spec)
    stand.run(f"rm /var/lib/teig/guests/{spec.id}/disk0.json")
    assert refused(lambda: stand.host.guest_start(claim)).reason == "volume_dirty"
    stand.host.volume_create(claim, decided(spec.id), spec.disks[0])
    assert refused(lambda: stand.host.guest_start(claim)).reason == "no_image_on_volume"
    stand.host.volume_write_image(claim, decided(spec.id), spec.disks[0], spec.image)
    assert stand.host.guest_start(claim) > 0


def test_a_full_volume_group(stand: Stand, refused: Refused) -> None:
    spec = stand.spec(disks=(Disk(0, 64 << 30),))
    error = refused(lambda: stand.host.volume_create(Claim(spec.id, 1), decided(spec.id), spec.disks[0]))
    assert error.reason == "volume_group_full"
    assert "65536 MiB" in error.message
    assert stand.left() == []


def test_a_damaged_image_is_noticed_and_sent_again(stand: Stand) -> None:
    spec = stand.spec()
    claim, decision = Claim(spec.id, 1), decided(spec.id)
    stand.host.image_put(decision, stand.image, stand.folder)
    path = f"/var/lib/teig/images/{stand.image.id}/{stand.image.manifest.files.root.file}"
    stand.run(f"printf x | dd of={path} bs=1 seek=5000 conv=notrunc status=none")
    stand.host.volume_create(claim, decision, spec.disks[0])
    with pytest.raises(ImageCorrupt):
        stand.host.volume_write_image(claim, decision, spec.disks[0], spec.image)
    assert not stand.host.image_present(spec.image)
    stand.host.image_put(decision, stand.image, stand.folder)
    stand.host.volume_write_image(claim, decision, spec.disks[0], spec.image)


@pytest.mark.parametrize(("beyond", "vcpus"), [(1, 1), (0, 64)], ids=["for-the-guest", "for-xen-itself"])
def test_too_little_memory(stand: Stand, refused: Refused, beyond: int, vcpus: int) -> None:
    free = stand.host.facts().free_memory_mib
    spec = stand.spec(memory_mib=free + beyond, vcpus=vcpus)
    claim = stand.prepare(spec)
    error = refused(lambda: stand.host.guest_start(claim))
    assert error.reason == "out_of_memory"
    assert f"{free} MiB free" in error.message or f"{free - 1} MiB free" in error.message
    assert stand.host.guest(spec.id).domid is None
    # Less by one MiB at most, rounded down: Xen may keep a page that it took for an event channel of Domain-0, and
    # frees the last of a domain some time after its destruction (complete_domain_destroy in xen/common/domain.c).
    await_that(lambda: stand.host.facts().free_memory_mib >= free - 1, "the memory that was free before")


@pytest.mark.parametrize(
    ("command", "code"),
    [("rm /var/lib/teig/images/*/{kernel}", "bad_kernel"), ("ip link set xenbr0 name gone", "network_failed")],
)
def test_what_xl_cannot_start_leaves_no_domain(stand: Stand, refused: Refused, command: str, code: str) -> None:
    spec = stand.spec()
    claim = stand.prepare(spec)
    stand.run("ip link set xenbr0 down; " + command.format(kernel=stand.image.manifest.files.kernel.file))
    try:
        assert refused(lambda: stand.host.guest_start(claim)).reason == code
        assert stand.run("xl list | wc -l").strip() == "2"
    finally:
        stand.run("ip link show gone >/dev/null 2>&1 && ip link set gone name xenbr0; ip link set xenbr0 up")


def test_a_volume_that_somebody_uses_is_not_given_to_its_guest(stand: Stand, refused: Refused) -> None:
    spec = stand.spec()
    claim = stand.prepare(spec)
    device = f"/dev/vg0/teig-{spec.id}-disk0"
    stand.run(f"mkdir -p /mnt/web && mount -o ro {device} /mnt/web")
    try:
        mounted = refused(lambda: stand.host.guest_start(claim))
        stand.run(f"umount /mnt/web && xl block-attach 0 format=raw,vdev=xvdq,access=ro,target={device}")
        attached = refused(lambda: stand.host.guest_start(claim))
    finally:
        stand.run("umount -q /mnt/web; xl block-detach 0 xvdq; true")
    assert (mounted.reason, attached.reason) == ("disk_failed", "disk_failed")
    assert f"{device} is mounted in Domain-0." in mounted.message
    assert f"{device} is a disk of domain 0." in attached.message
    assert stand.run("xl list | wc -l").strip() == "2"


def test_xl_takes_what_is_rendered(stand: Stand) -> None:
    for kind in (GuestType.PV, GuestType.PVH):
        spec = stand.spec(type=kind, disks=(Disk(0, 64 << 20), Disk(1, 32 << 20)))
        stand.prepare(spec)
        config = json.loads(stand.run(f"xl create -n -q /var/lib/teig/guests/{spec.id}/xl.cfg | sed -n '/^{{/,$p'"))
        assert config["c_info"]["uuid"] == spec.id
        assert config["b_info"]["max_memkb"] == config["b_info"]["target_memkb"] == 96 << 10
        assert config["b_info"]["sched_params"]["weight"] == 102
        assert [disk["vdev"] for disk in config["disks"]] == ["xvda", "xvdb"]
        assert config["nics"][0]["mac"] == spec.nics[0].mac


def test_the_seed_disk_is_read_by_linux(stand: Stand) -> None:
    manifest = replace(stand.image.manifest, network=type(stand.image.manifest.network)("nocloud"))
    image = replace(stand.image, id="b" * 64, manifest=manifest)  # type: ignore[arg-type]
    spec = stand.spec(image=image.id)
    claim, decision = Claim(spec.id, 1), decided(spec.id)
    stand.host.image_put(decision, image, stand.folder)
    stand.host.volume_create(claim, decision, spec.disks[0])
    stand.host.guest_define(claim, decision, spec)
    seed = f"/dev/vg0/teig-{spec.id}-seed"
    said = stand.run(f"mkdir -p /mnt/seed && mount -t iso9660 -o ro {seed} /mnt/seed && cat /mnt/seed/meta-data")
    stand.run("umount /mnt/seed")
    assert spec.id in said
    assert 'LABEL="CIDATA"' in stand.run(f"blkid -p {seed}")


@pytest.mark.slow
def test_a_pvh_guest_has_what_it_was_promised(tmp_path: Path) -> None:
    with stand_of(tmp_path, LabOptions(pvh=True, scheduler=Scheduler.CREDIT)) as stand:
        assert "hvm" in stand.run("xl info virt_caps")
        spec = stand.spec(type=GuestType.PVH, vcpus=2)
        stand.start(spec)
        assert b"200 OK" in stand.get(spec)
        await_that(lambda: stand.host.guest(spec.id).live == spec.entitled, "its limits")
        stand.remove(spec.id)
        assert stand.left() == []
