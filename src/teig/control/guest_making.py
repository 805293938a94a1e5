"""What a guest is made of: from a wish, a plan, an image and a site to its spec and what that demands of a host."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from teig.agent.contract.spec import EXTENT_BYTES as EXTENT
from teig.agent.contract.spec import MOST_DISKS, MOST_KEYS, MOST_NICS
from teig.control.services import Services
from teig.model.errors import InvalidRequest
from teig.model.guest import Disk, GuestSpec, GuestType, Nic, OnCrash, check_ssh_key
from teig.model.image import Image
from teig.model.names import GuestId
from teig.model.plan import Plan
from teig.model.site import Site
from teig.model.units import MIB
from teig.policy.admission import Demand
from teig.store import guests
from teig.xen.scheduler import cap_for, weight_for

MOST_KEYS_BYTES: Final = 8 << 10
"""An inventory holds all keys of all guests of a host, and a server reads no answer without an end."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants a new guest to be; `disks` are further disks in bytes.

    `nics` is the number of network cards, None for as many as the plan has addresses.
    """

    name: str
    plan: str
    image: str
    site: str | None
    host: str | None
    type: GuestType
    disks: tuple[int, ...]
    nics: int | None
    ssh_keys: tuple[str, ...]
    on_crash: OnCrash = OnCrash.RESTART


def check_boots(plan: Plan, image: Image) -> None:
    """Raise InvalidRequest where a plan has less memory than an image needs."""
    manifest = image.manifest
    if plan.memory_mib < manifest.min_memory_mib:
        raise InvalidRequest(
            f"Image {manifest.name} needs {manifest.min_memory_mib} MiB of memory and plan {plan.name} has "
            f"{plan.memory_mib}.",
            "Choose a larger plan.",
            code="plan_too_small",
        )


def fitted(wish: Wish, plan: Plan, image: Image) -> Wish:
    """Return a wish with its keys as they are kept; InvalidRequest where wish, plan and image do not fit each other."""
    manifest = image.manifest
    check_boots(plan, image)
    if plan.disk_bytes < manifest.min_disk_mib * MIB:
        raise InvalidRequest(
            f"Image {manifest.name} needs a disk of {manifest.min_disk_mib} MiB and plan {plan.name} has "
            f"{plan.disk_bytes // MIB}.",
            "Choose a larger plan.",
            code="plan_too_small",
        )
    if wish.ssh_keys and not manifest.ssh:
        raise InvalidRequest(
            f"Image {manifest.name} has no SSH server: a key would do nothing.",
            "Leave the key out and use teig guest console, or take an image that has one.",
            code="no_ssh",
        )
    if wish.nics is not None and not 1 <= wish.nics <= MOST_NICS:
        raise InvalidRequest(f"A guest has between 1 and {MOST_NICS} network cards.", "Ask for as many.")
    if len(wish.disks) >= MOST_DISKS:
        raise InvalidRequest(f"A guest can have {MOST_DISKS} disks, the plan's own included.", "Ask for fewer.")
    if len(wish.ssh_keys) > MOST_KEYS:
        raise InvalidRequest(f"A guest can have {MOST_KEYS} SSH keys.", "Leave some out.")
    keys = tuple(check_ssh_key(key) for key in wish.ssh_keys)
    if len(json.dumps(keys)) > MOST_KEYS_BYTES:
        raise InvalidRequest(
            f"All SSH keys of a guest together may have {MOST_KEYS_BYTES >> 10} KiB.",
            "Leave some out, or use keys of the kind ed25519, which are short.",
        )
    return replace(wish, ssh_keys=keys)


def disks_of(wish: Wish, plan: Plan) -> tuple[Disk, ...]:
    """Return the disks of a guest: the plan's, and what else is wanted."""
    return tuple(Disk(index, size) for index, size in enumerate((plan.disk_bytes, *wish.disks)))


def nics_for(connection: sa.Connection, services: Services, site: Site, count: int) -> tuple[Nic, ...]:
    """Return network cards with free addresses of a site and MAC addresses that no guest has."""
    nics: list[Nic] = []
    for address in guests.free_addresses(connection, site, count, services.now()):
        mac = _mac(services.random_bytes(3))
        while guests.has_mac(connection, mac) or mac in {nic.mac for nic in nics}:
            mac = _mac(services.random_bytes(3))
        nics.append(Nic(mac, site.bridge, address, site.gateway))
    return tuple(nics)


def _mac(chance: bytes) -> str:
    """Return a MAC address in Xen's own range (OUI 00:16:3e), in its half for guests."""
    return f"00:16:3e:{chance[0] & 0x7F:02x}:{chance[1]:02x}:{chance[2]:02x}"


def demand_for(plan: Plan, disks: tuple[Disk, ...], guest_type: GuestType) -> Demand:
    """Return what a guest of a plan with these disks demands of a host."""
    return Demand(
        memory_mib=plan.memory_mib,
        vcpus=plan.vcpus,
        disks=tuple(disk.size_bytes for disk in disks),
        share_cores=plan.share_cores,
        disk_rate=plan.disk_rate,
        pool=plan.pool,
        guest_type=guest_type,
    )


def spec_for(
    guest_id: GuestId, wish: Wish, plan: Plan, site: Site, image: Image, disks: tuple[Disk, ...], nics: tuple[Nic, ...]
) -> GuestSpec:
    """Return all that a host must know to make a guest."""
    return GuestSpec(
        id=guest_id,
        name=wish.name,
        type=wish.type,
        site=site.name,
        image=image.id,
        disks=disks,
        nics=nics,
        ssh_keys=wish.ssh_keys,
        on_crash=wish.on_crash,
        **promised(plan),
    )


def resized(spec: GuestSpec, plan: Plan, there_bytes: int | None) -> GuestSpec:
    """Return a guest's spec under another plan. A disk is never made smaller than it is.

    `there_bytes` is the size of its first volume, None where nobody knows it: one that was to be larger, and was not
    made so, can be promised its size again.
    """
    first, *others = spec.disks
    has = first.size_bytes if there_bytes is None else min(first.size_bytes, there_bytes // EXTENT * EXTENT)
    grown = replace(first, size_bytes=max(has, plan.disk_bytes))
    return replace(spec, **promised(plan), disks=(grown, *others))


def promised(plan: Plan) -> dict[str, Any]:
    """Return the fields of a guest's spec that its plan says."""
    return {
        "plan": plan.name,
        "memory_mib": plan.memory_mib,
        "vcpus": plan.vcpus,
        "share_cores": plan.share_cores,
        "ceiling_cores": plan.ceiling_cores,
        "weight": weight_for(plan.share_cores, plan.vcpus),
        "cap": cap_for(plan.ceiling_cores, plan.vcpus),
        "disk_rate": plan.disk_rate,
        "out_kbit": plan.out_kbit,
        "in_kbit": plan.in_kbit,
        "own_cores": plan.own_cores,
        "out_packets": plan.out_packets,
        "cut": False,
    }
