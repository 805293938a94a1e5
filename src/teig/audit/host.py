"""How a host is set up, as `teig.agent.host.audit_facts` read it there: what the rules about hosts look at.

Everything that could not be read is None or empty, and no rule says anything of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from teig.xen.config_file import decode, encode

_MAPPER: Final = re.compile(r"/dev/mapper/((?:[^-]|--)+)-((?:[^-]|--)+)")


@dataclass(frozen=True)
class DiskSettings:
    """A physical disk: the elevator in use, its write cache (`write back` or `write through`), what lies on it."""

    name: str
    elevator: str
    elevators: tuple[str, ...]
    rotational: bool
    write_cache: str
    under_guests: bool


@dataclass(frozen=True)
class GroupSettings:
    """A volume group: bytes in all and free, and what is wrong with it in plain words (empty: nothing)."""

    name: str
    size_bytes: int
    free_bytes: int
    problem: str


@dataclass(frozen=True)
class ArraySettings:
    """A Linux software RAID: its level, how many disks it should have and how many of them are missing."""

    name: str
    level: str
    disks: int
    missing: int


@dataclass(frozen=True)
class ThinPool:
    """An LVM thin pool: how full its data and its metadata are, in percent."""

    name: str
    data_percent: float
    metadata_percent: float


@dataclass(frozen=True)
class Mounted:
    """A device that Domain-0 itself uses: where it is mounted (`swap` for swap space), and how."""

    device: str
    where: str
    kind: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Bridge:
    """A network bridge: whether it runs the spanning tree protocol, and its forward delay in seconds."""

    name: str
    stp: bool
    forward_delay_s: float


@dataclass(frozen=True)
class HostSettings:
    """A host. `paths` says what of the paths that its configuration files name exists: `file`, `block` or `missing`.

    `links` leads from other names of a device to the one that the kernel uses. `time_service` is the program that keeps
    the clock, empty where none runs; `date` is the host's day as 2026-11-22. `dom0_kept` says that teig-keeper runs
    there, which gives Domain-0 its processors and its weight. Xen's own figures are None where Xen does not run.
    """

    hostname: str
    date: str | None = None
    xen_version: str | None = None
    xen_command_line: str | None = None
    cores: int | None = None
    memory_mib: int | None = None
    scheduler: str | None = None
    timeslice_ms: int | None = None
    guest_types: tuple[str, ...] = ()
    dom0_memory_mib: int | None = None
    dom0_vcpus: int | None = None
    dom0_pinned: bool | None = None
    dom0_kept: bool | None = None
    dom0_weight: int | None = None
    heaviest_guest: int | None = None
    autoballoon: bool | None = None
    boot_options: str | None = None
    disks: tuple[DiskSettings, ...] = ()
    groups: tuple[GroupSettings, ...] = ()
    arrays: tuple[ArraySettings, ...] = ()
    thin_pools: tuple[ThinPool, ...] = ()
    mounted: tuple[Mounted, ...] = ()
    bridges: tuple[Bridge, ...] | None = None
    bridge_netfilter: bool | None = None
    time_service: str | None = None
    links: tuple[tuple[str, str], ...] = ()
    paths: tuple[tuple[str, str], ...] = ()

    def xen_option(self, name: str) -> str | None:
        """Return the value of an option on the running Xen's command line, the last one; None where it is not there."""
        found = None
        for word in (self.xen_command_line or "").split():
            key, _, value = word.partition("=")
            found = value if key == name else found
        return found

    def device(self, path: str) -> str:
        """Return the name that all names of one device lead to."""
        return self._names.get(path) or canonical(path)

    @cached_property
    def _names(self) -> dict[str, str]:
        return dict(self.links)

    @cached_property
    def kinds(self) -> dict[str, str]:
        """What of the paths that configuration files name exists, by path."""
        return dict(self.paths)


@dataclass(frozen=True)
class ConfigText:
    """A configuration file: its path and its text. Bytes that are not UTF-8 survive in the text."""

    path: str
    text: str

    @classmethod
    def of(cls, path: str, data: bytes) -> ConfigText:
        """Return a file from its bytes."""
        return cls(path, decode(data))

    def data(self) -> bytes:
        """Return the bytes to be written."""
        return encode(self.text)


@dataclass(frozen=True)
class AuditedHost:
    """All that an audit reads of a host."""

    settings: HostSettings
    configs: tuple[ConfigText, ...]


def canonical(path: str) -> str:
    """Return one name for the two that LVM gives a volume: /dev/mapper/a--b-c is /dev/a-b/c (lvm(8))."""
    match = _MAPPER.fullmatch(path)
    if match is None:
        return path
    group, volume = (part.replace("--", "-") for part in match.groups())
    return f"/dev/{group}/{volume}"
