"""Rendering xl.cfg(5): a file that `xl create` takes and that a person can read.

Every value was checked by `teig.agent.contract.spec`; what could end a string in xl's syntax is refused here once more.
"""

from __future__ import annotations

from collections.abc import Sequence

from teig.agent.contract.failure import invalid
from teig.agent.contract.spec import Manifest, Spec
from teig.agent.xen import own_cores
from teig.agent.xen.backends import SEED
from teig.agent.xen.hotplug import BLOCK, VIF_BRIDGE


def quoted(text: str) -> str:
    """Return a string in xl's syntax. Quotes, backslashes and control characters are refused, not escaped."""
    if '"' in text or "\\" in text or not text.isprintable():
        raise invalid(f"This cannot stand in xl.cfg: {text!r:.120}.")
    return f'"{text}"'


def kernel_cmdline(spec: Spec, manifest: Manifest) -> str:
    """Return the kernel's command line, with the first card's address where the image takes it from there.

    The form of `ip=` is Linux's, Documentation/admin-guide/nfs/nfsroot.rst.
    """
    if manifest.network != "kernel-ip":
        return manifest.cmdline
    nic = spec.nics[0]
    return f"{manifest.cmdline} ip={nic.ip}::{nic.gateway}:{nic.netmask}:{spec.name}:eth0:off".strip()


def render(spec: Spec, manifest: Manifest, image_dir: str, volumes: Sequence[str], seed: str | None) -> str:
    """Return the text of xl.cfg; `volumes` are block devices in the order of the disks, `seed` cloud-init's or None."""
    return "\n".join(
        [*_header(spec, manifest), *_kernel(spec, manifest, image_dir), *_size(spec),
         *_disks(spec, volumes, seed), *_nics(spec), *_events(spec), ""]
    )  # fmt: skip


def _header(spec: Spec, manifest: Manifest) -> list[str]:
    return [
        f"# Guest {spec.name}, plan {spec.plan}, site {spec.site}.",
        "# Made by teig and written anew whenever the guest changes: use `teig guest ...` instead of an editor.",
        "",
        f"name = {quoted(spec.name)}",
        "# The guest's identity for teig; domain ids change with every start.",
        f"uuid = {quoted(spec.id)}",
        f"type = {quoted(spec.type)}",
        *(["# The processor's own clock: without it a PVH guest stalls on hosts that cannot scale it.",
           'tsc_mode = "native"'] if spec.type == "pvh" else []),
        "",
        f"# Image {manifest.name}, version {manifest.version}.",
    ]  # fmt: skip


def _kernel(spec: Spec, manifest: Manifest, image_dir: str) -> list[str]:
    address = ["# The command line ends with the first network card's address."] * (manifest.network == "kernel-ip")
    return [
        f"kernel = {quoted(f'{image_dir}/{manifest.kernel.file}')}",
        f"ramdisk = {quoted(f'{image_dir}/{manifest.initrd.file}')}",
        *address,
        f"cmdline = {quoted(kernel_cmdline(spec, manifest))}",
        "",
    ]


def _size(spec: Spec) -> list[str]:
    cap = f"{spec.cap} % of one core" if spec.cap else "no cap, for it may use all of its vCPUs"
    return [
        f"# Plan {spec.plan}: memory_mib. The two are equal: nobody can take memory back, there is no balloon.",
        f"memory = {spec.memory_mib}",
        f"maxmem = {spec.memory_mib}",
        f"# Plan {spec.plan}: vcpus.",
        f"vcpus = {spec.vcpus}",
        f"# Plan {spec.plan}: share_cores {spec.share_cores:g}, as a weight that Xen applies to each vCPU.",
        f"cpu_weight = {spec.weight}",
        f"# Plan {spec.plan}: ceiling_cores {spec.ceiling_cores:g}: {cap}.",
        f"cap = {spec.cap}",
        *_own_cores(spec),
        "",
    ]


def _own_cores(spec: Spec) -> list[str]:
    if not spec.own_cores:
        return []
    return [
        f"# Plan {spec.plan}: own_cores. A cpupool with a CPU for each vCPU; teig makes it before each start.",
        f"pool = {quoted(own_cores.pool_name(spec.id))}",
    ]


def _disks(spec: Spec, volumes: Sequence[str], seed: str | None) -> list[str]:
    common = f"format=raw, backendtype=phy, script={BLOCK}"
    lines = [
        quoted(f"{common}, vdev={disk.device}, access=rw, no-discard, target={volumes[disk.number]}")
        for disk in spec.disks
    ]
    if seed:
        lines.append(quoted(f"{common}, vdev={SEED}, access=ro, target={seed}"))
    sizes = ", ".join(f"{disk.device} {disk.size_bytes >> 20} MiB" for disk in spec.disks)
    about = f"; {SEED} is read-only and holds what the guest needs at its first boot" if seed else ""
    return [f"# Plan {spec.plan}: disk_bytes; further disks are the guest's own: {sizes}{about}.", *_rates(spec),
            "disk = [", *(f"    {line}," for line in lines), "]", ""]  # fmt: skip


def _rates(spec: Spec) -> list[str]:
    rate = spec.disk_rate
    return [
        f"# teig-keeper holds all of them together, with /sys/fs/cgroup/teig/{spec.id}/io.max,",
        f"# to {rate.read_iops} reads and {rate.write_iops} writes a second,",
        f"# and to {rate.read_bps} bytes read and {rate.write_bps} bytes written a second.",
        "# No discard: the kernel counts one as 512 bytes, however much of the disk it keeps busy.",
    ]


def _nics(spec: Spec) -> list[str]:
    lines = [
        quoted(f"mac={nic.mac}, bridge={nic.bridge}, ip={nic.ip}, rate={spec.out_kbit}Kb/s, script={VIF_BRIDGE}")
        for nic in spec.nics
    ]
    return [f"# Site {spec.site}: bridge and address.",
            f"# Plan {spec.plan}: out_kbit {spec.out_kbit} is `rate`, what each card may send (Kb: 1000 bits).",
            f"# in_kbit {spec.in_kbit}, what it may receive, is held by teig-keeper with tc.",
            "vif = [", *(f"    {line}," for line in lines), "]", ""]  # fmt: skip


def _events(spec: Spec) -> list[str]:
    return [
        "# A reboot from inside makes a new domain with a new id; after a stop there is none.",
        'on_reboot = "restart"',
        'on_poweroff = "destroy"',
        f"# The guest's own choice: {spec.on_crash} after its kernel crashed.",
        f"on_crash = {quoted('restart' if spec.on_crash == 'restart' else 'destroy')}",
    ]
