"""A guest's description and an image's manifest, as the server sends them: checked whole, or refused.

Everything that reaches xl.cfg, a kernel command line or cloud-init passes here first, at both ends: the nouns of
`teig.model`, which have the same fields, are held to the same checks when they are made.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import Any, NamedTuple, Optional

from teig.agent.contract import arguments
from teig.agent.contract.arguments import NO_TEXT, Check, check, one_of, whole
from teig.agent.contract.failure import invalid

_MAC = re.compile(r"00:16:3e:[0-7][0-9a-f](:[0-9a-f]{2}){2}", re.ASCII)
_BRIDGE = re.compile(r"[a-z][a-z0-9._-]{0,14}", re.ASCII)
_CMDLINE = re.compile(r"[\x20-\x7e]{0,1024}", re.ASCII)
_KEY_KINDS = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
              "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")  # fmt: skip
_KEY = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}", re.ASCII)
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_VERSION = re.compile(r"[\x20-\x7e]{0,128}", re.ASCII)
MOST_DISKS = 8
MOST_NICS = 4
MOST_ALSO = 32
"""Further addresses and networks of a network card."""
MOST_KEYS = 64
MOST_KEY, MOST_COMMENT = 4096, 512
"""Characters of an SSH public key in base64 (one of RSA with 16384 bits has some 2800), and of the comment behind it:
as many keys as a guest may have fit into one request."""
LEAST_MIB, MOST_MIB = 64, 1 << 24
"""A guest's memory: a Linux guest does not boot with less, and no host has 16 TiB."""
MOST_VCPUS = 128
"""Xen gives an HVM or PVH guest no more (xen/include/public/hvm/hvm_info_table.h, HVM_MAX_VCPUS)."""
MOST_WEIGHT = 65535
"""xl.cfg(5), cpu_weight."""
MOST_DISK_BYTES = 2**50
LEAST_IOPS, MOST_IOPS = 10, 10**9
LEAST_BPS, MOST_BPS = 65536, 10**15
"""A disk's rates, at the least what a guest needs to boot."""
LEAST_KBIT, MOST_KBIT = 100, 10**9
LEAST_PACKETS, MOST_PACKETS = 100, 10**9
"""Packets a second."""
_NOBODYS = tuple(
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/8", "fe80::/9", "ff00::/8")
)
"""This host, loopback, link-local and site-local, multicast and reserved (RFC 6890, RFC 4291)."""
EXTENT_BYTES = 4 * 1024 * 1024


def device(number: int) -> str:
    """Return a disk's name in the guest: 0 is xvda."""
    return f"xvd{'abcdefgh'[number]}"


class Disk(NamedTuple):
    """A guest's disk: number 0 (`index` as it travels) is xvda; size in bytes."""

    number: int
    size_bytes: int

    @property
    def device(self) -> str:
        """Its name in the guest."""
        return device(self.number)


class DiskRate(NamedTuple):
    """What all of a guest's disks together may do: operations of 4 KiB and bytes per second, each way."""

    read_iops: int
    write_iops: int
    read_bps: int
    write_bps: int


class Nic(NamedTuple):
    """A guest's network card; `address` carries its prefix length.

    `also` are further addresses (a prefix length of 32 or 128) and networks of IPv4 or IPv6 that lead to it.
    """

    mac: str
    bridge: str
    address: str
    gateway: str
    also: tuple[str, ...] = ()

    @property
    def ip(self) -> str:
        """The address without its prefix length."""
        return self.address.split("/", 1)[0]

    @property
    def netmask(self) -> str:
        """The netmask in dotted form, as the kernel's `ip=` wants it."""
        return str(ipaddress.IPv4Interface(self.address).netmask)


class Spec(NamedTuple):
    """A guest, as teig.model.guest.GuestSpec describes it."""

    id: str
    name: str
    type: str
    plan: str
    site: str
    image: str
    memory_mib: int
    vcpus: int
    share_cores: float
    ceiling_cores: float
    weight: int
    cap: int
    disk_rate: DiskRate
    out_kbit: int
    in_kbit: int
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]
    ssh_keys: tuple[str, ...]
    on_crash: str = "restart"
    own_cores: bool = False
    out_packets: int = 0
    cut: bool = False


class ImageFile(NamedTuple):
    """One file of an image; `raw_size` is what a compressed one holds, in bytes."""

    file: str
    sha256: str
    size: int
    raw_size: Optional[int]


class Manifest(NamedTuple):
    """What the agent needs of an image's manifest; `raw` is all of it, to be kept as it came."""

    name: str
    version: str
    cmdline: str
    network: str
    default_user: Optional[str]
    kernel: ImageFile
    initrd: ImageFile
    root: ImageFile
    raw: dict[str, Any]

    @property
    def files(self) -> tuple[ImageFile, ...]:
        """All files, in the order in which they are sent."""
        return (self.kernel, self.initrd, self.root)


def _text(pattern: re.Pattern[str], what: str) -> Check:
    def is_text(name: str, untrusted: Any) -> str:
        if not isinstance(untrusted, str) or not pattern.fullmatch(untrusted):
            raise invalid(f"{name} is not {what}: {untrusted!r:.80}.")
        return untrusted

    return is_text


def _list_of(item: Check, least: int, most: int) -> Check:
    def is_list(name: str, untrusted: Any) -> tuple[Any, ...]:
        if not isinstance(untrusted, (list, tuple)) or not least <= len(untrusted) <= most:
            raise invalid(f"{name} must be a list of {least} to {most} entries.")
        return tuple(item(f"{name}[{index}]", value) for index, value in enumerate(untrusted))

    return is_list


bridge = _text(_BRIDGE, "the name of a bridge")


def size(name: str, untrusted: Any) -> int:
    """Return a disk's size in bytes: a multiple of LVM's extent size of 4 MiB."""
    if type(untrusted) is not int or not 0 < untrusted <= MOST_DISK_BYTES or untrusted % EXTENT_BYTES:
        raise invalid(
            f"{name} must be a multiple of 4 MiB, LVM's extent size, and at most 1 PiB; not {untrusted!r:.80} bytes."
        )
    return untrusted


def named(name: str, untrusted: Any) -> str:
    """Return a label that xl cannot take for a domain id."""
    value = str(arguments.label(name, untrusted))
    if value.isdigit():
        raise invalid(f"{name} must not be a bare number, which xl takes for a domain id: {value}.")
    return value


def _cmdline(name: str, untrusted: Any) -> str:
    text = _text(_CMDLINE, "a kernel command line")(name, untrusted)
    if '"' in text or "\\" in text:
        raise invalid(f"{name} must not hold quotes or backslashes.")
    return str(text)


def disk(name: str, untrusted: Any) -> Disk:
    """Return a disk: its index and size."""
    del name
    fields = check({"index": arguments.disk_index, "size_bytes": size}, untrusted)
    return Disk(fields["index"], fields["size_bytes"])


def disk_rate(name: str, untrusted: Any) -> DiskRate:
    """Return rates at which a guest can boot."""
    del name
    iops, bps = whole(LEAST_IOPS, MOST_IOPS), whole(LEAST_BPS, MOST_BPS)
    return DiskRate(**check({"read_iops": iops, "write_iops": iops, "read_bps": bps, "write_bps": bps}, untrusted))


def further(name: str, untrusted: Any) -> str:
    """Return an address or a network of IPv4 or IPv6 with its prefix length, written in the one usual way."""
    try:
        network = ipaddress.ip_network(untrusted) if isinstance(untrusted, str) else None
    except ValueError:
        network = None
    nobodys = [bad for bad in _NOBODYS if network and bad.version == network.version and bad.overlaps(network)]
    if network is None or nobodys:
        raise invalid(f"{name} is no network that can lead to a guest, such as 2001:db8:7::/64: {untrusted!r:.80}.")
    if str(network) != untrusted:
        raise invalid(f"{name}: write {untrusted!r:.80} as {network}.")
    return str(network)


def packets(spec: Spec) -> int:
    """Return how many packets a second each card may send: by its rate one for each 500 bytes."""
    return spec.out_packets or max(LEAST_PACKETS, spec.out_kbit // 4)


def nic(name: str, untrusted: Any) -> Nic:
    """Return a network card whose gateway it can reach."""
    fields: dict[str, Check] = {
        "mac": _text(_MAC, "a MAC address in Xen's range"),
        "bridge": bridge,
        "address": _text(re.compile(r"[0-9.]+/[0-9]+"), "an IPv4 address with its prefix length"),
        "gateway": _text(re.compile(r"[0-9.]+"), "an IPv4 address"),
        "also": _list_of(further, 0, MOST_ALSO),
    }
    card = Nic(**check(fields, {**Nic._field_defaults, **untrusted} if isinstance(untrusted, dict) else untrusted))
    try:
        gateway, address = ipaddress.IPv4Address(card.gateway), ipaddress.IPv4Interface(card.address)
    except ValueError as error:
        raise invalid(f"{name}: {error}.") from error
    if (str(gateway), str(address)) != (card.gateway, card.address):
        raise invalid(f"{name}: write the addresses as {address} and {gateway}.")
    if gateway not in address.network:
        raise invalid(f"{name}: the gateway {card.gateway} is not in the network of {card.address}.")
    return card


def _kind_in(blob: str) -> str:
    """Return what kind of key base64 says that it is (RFC 4253, 6.6: the first string in it); empty where none is."""
    try:
        data = base64.b64decode(blob, validate=True)
        return data[4 : 4 + int.from_bytes(data[:4], "big")].decode("ascii")
    except ValueError:
        return ""


def ssh_key(name: str, untrusted: Any) -> str:
    """Return an OpenSSH public key: one line of kind, base64 and comment, which may have letters of any language.

    Guests may have keys that nothing can be done with: earlier releases took them. `new_ssh_key` takes none.
    """
    words = untrusted.split(" ", 2) if isinstance(untrusted, str) else []
    if len(words) < 2 or words[0] not in _KEY_KINDS or not _KEY.fullmatch(words[1]) or NO_TEXT.search(untrusted):
        raise invalid(f"{name} is not an OpenSSH public key: {untrusted!r:.80}.", code="bad_ssh_key")
    return str(untrusted)


def new_ssh_key(name: str, untrusted: Any) -> str:
    """Return a key that somebody gives: one whose base64 holds what it says, and that is no longer than keys are."""
    kind, blob, *comment = str(ssh_key(name, untrusted)).split(" ", 2)
    if _kind_in(blob) != kind or len(blob) > MOST_KEY or len("".join(comment)) > MOST_COMMENT:
        raise invalid(f"{name} is not an OpenSSH public key: {untrusted!r:.80}.", code="bad_ssh_key")
    return str(untrusted)


def _cores(name: str, untrusted: Any) -> float:
    if type(untrusted) not in (int, float) or not 0 < untrusted <= MOST_VCPUS:
        raise invalid(f"{name} must be a number of cores above 0 and at most {MOST_VCPUS}, not {untrusted!r:.80}.")
    return float(untrusted)


def _flag(name: str, untrusted: Any) -> bool:
    if not isinstance(untrusted, bool):
        raise invalid(f"{name} must be true or false, not {untrusted!r:.80}.")
    return untrusted


SPEC: dict[str, Check] = {
    "id": arguments.guest_id,
    "name": named,
    "type": one_of("pv", "pvh"),
    "plan": named,
    "site": named,
    "image": arguments.sha256,
    "memory_mib": whole(LEAST_MIB, MOST_MIB),
    "vcpus": whole(1, MOST_VCPUS),
    "share_cores": _cores,
    "ceiling_cores": _cores,
    "weight": whole(1, MOST_WEIGHT),
    "cap": whole(0, 100 * MOST_VCPUS),
    "disk_rate": disk_rate,
    "out_kbit": whole(LEAST_KBIT, MOST_KBIT),
    "in_kbit": whole(LEAST_KBIT, MOST_KBIT),
    "disks": _list_of(disk, 1, MOST_DISKS),
    "nics": _list_of(nic, 1, MOST_NICS),
    "ssh_keys": _list_of(ssh_key, 0, MOST_KEYS),
    "on_crash": one_of("restart", "stop"),
    "own_cores": _flag,
    "out_packets": whole(0, MOST_PACKETS),
    "cut": _flag,
}


def parse_spec(untrusted: Any) -> Spec:
    """Return a guest's description, or a Failure that names what does not fit.

    What an older server did not say yet may be missing.
    """
    known = {**Spec._field_defaults, **untrusted} if isinstance(untrusted, dict) else untrusted
    spec = Spec(**check(SPEC, known))
    check_whole([disk.number for disk in spec.disks], spec.vcpus, spec.cap)
    return spec


def check_whole(disks: list[int], vcpus: int, cap: int) -> None:
    """Raise a Failure where the figures of a guest do not fit each other: its disks' numbers, its vCPUs and its cap."""
    if disks != list(range(len(disks))):
        raise invalid("disks must be numbered from 0 without a gap.")
    if cap > 100 * vcpus:
        raise invalid(f"cap must be at most 100 for each of the {vcpus} vCPUs, not {cap}.")


def share_on(weight: int, cap: int, vcpus: int, has: int) -> tuple[int, int]:
    """Return the weight and the cap of a plan of `vcpus` vCPUs for a domain that still `has` another number of them.

    Xen gives the weight to each vCPU, and no cap means all that the vCPUs can use: the whole must stay what it is. It
    refuses a cap that is more than they can use.
    """
    if has == vcpus or has < 1:
        return weight, cap
    ceiling = cap or 100 * vcpus
    return max(1, min(MOST_WEIGHT, round(weight * vcpus / has))), ceiling if ceiling < 100 * has else 0


def dump_spec(spec: Spec) -> dict[str, Any]:
    """Return the description as plain values; `parse_spec` is the way back."""
    nested = {
        "disk_rate": spec.disk_rate._asdict(),
        "disks": [{"index": disk.number, "size_bytes": disk.size_bytes} for disk in spec.disks],
        "nics": [{**nic._asdict(), "also": list(nic.also)} for nic in spec.nics],
    }
    return {**spec._asdict(), **nested, "ssh_keys": list(spec.ssh_keys)}


def image_file(name: str, untrusted: Any) -> ImageFile:
    """Return a file of an image, whose name leads nowhere else."""
    if not isinstance(untrusted, dict):
        raise invalid(f"{name} must be an object.")
    raw_size = untrusted.get("raw_size")
    fields = {"file": arguments.file_name, "sha256": arguments.sha256, "size": whole(1, MOST_DISK_BYTES)}
    known = check(fields, {key: value for key, value in untrusted.items() if key != "raw_size"})
    if raw_size is not None:
        raw_size = whole(1, MOST_DISK_BYTES)(f"{name}.raw_size", raw_size)
    return ImageFile(raw_size=raw_size, **known)


def parse_manifest(untrusted: Any) -> Manifest:
    """Return an image's manifest; fields that only the server reads may be there and are kept."""
    if not isinstance(untrusted, dict):
        raise invalid("The manifest must be an object.")
    files = check({"kernel": image_file, "initrd": image_file, "root": image_file}, untrusted.get("files"))
    if len({entry.file for entry in files.values()}) != len(files):
        raise invalid("An image's three files must have three names.")
    if "manifest.json" in {entry.file for entry in files.values()}:
        raise invalid("No file of an image can be called manifest.json.")
    user = untrusted.get("default_user")
    return Manifest(
        name=named("name", untrusted.get("name")),
        version=_text(_VERSION, "a version")("version", untrusted.get("version")),
        cmdline=_cmdline("cmdline", untrusted.get("cmdline")),
        network=one_of("kernel-ip", "nocloud")("network", untrusted.get("network")),
        default_user=None if user is None else _text(_USER, "a user name")("default_user", user),
        raw=untrusted,
        **files,
    )
