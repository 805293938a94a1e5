"""The large fleet of `scale.py`, the same in every process that needs it: which hosts there are, with which guests.

Neighbours: `scale_hosts` has the hosts answer, `scale_fill` writes what a server's database would know of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.simulated import manifest, wish

from teig.control import images, plans
from teig.control.guest_making import disks_of, spec_for
from teig.model.guest import GuestSpec, Nic
from teig.model.image import Image
from teig.model.names import GuestId
from teig.model.site import Site

SITE = Site("lab", "NO", "us", "10.0.0.0/8", "10.0.0.1", "10.1.0.0", "10.9.255.255")
PLAN = "tiny"
POOL = "vg0"
HOST_CORES = 64
HOST_MIB = 65536
_NAMES = uuid.UUID("5f0c6d2e-8a39-4d6c-9d55-6b0f5b2f3a01")


@dataclass(frozen=True)
class Size:
    """How many hosts there are, guests on all of them together, and operations that have ended."""

    hosts: int
    guests: int
    operations: int


def host_name(number: int) -> str:
    """Return a host's name."""
    return f"h{number:05}"


def host_id(number: int) -> str:
    """Return a host's id in the database."""
    return str(uuid.uuid5(_NAMES, host_name(number)))


def host_ip(number: int) -> str:
    """Return the address at which a host answers, on the loopback network."""
    return f"127.64.{number >> 8}.{number & 255}"


@cache
def image() -> Image:
    """Return the image of all guests."""
    return Image(images.identity(manifest()), manifest())


def guests_of(size: Size, host: int) -> Iterator[GuestSpec]:
    """Yield the guests on a host; they are dealt out one by one."""
    for number in range(host, size.guests, size.hosts):
        yield guest(number)


def guest(number: int) -> GuestSpec:
    """Return the guest of a number."""
    plan = plans.shipped()[PLAN]
    wanted = wish(f"g{number:06}", PLAN)
    low = f"{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    address = f"10.{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}/8"
    nic = Nic(f"00:16:3e:{low}", SITE.bridge, address, SITE.gateway)
    ident = GuestId(str(uuid.uuid5(_NAMES, wanted.name)))
    return spec_for(ident, wanted, plan, SITE, image(), disks_of(wanted, plan), (nic,))
