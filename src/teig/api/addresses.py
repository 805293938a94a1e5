"""/v1/addresses: what leads to guests, and what rests. An address is called by itself, a network with its prefix."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, StrictBool

from teig.api.given import Given, Name
from teig.api.operations import OperationOut, out
from teig.control import addresses, reverse_names
from teig.control.addresses import AddressLine, Begun

router = APIRouter()


class AddressAdd(BaseModel):
    """Another address for a guest: this one, one of this range, or, without both, of its site's only range."""

    guest: Name
    range: str | None = None
    address: str | None = None


class AddressMove(BaseModel):
    """Another guest for an address; `force`: also where the host of the one that has it does not answer."""

    address: str
    guest: Name
    force: StrictBool = False


class ZoneOut(BaseModel):
    """A master file (RFC 1035, 5.1)."""

    text: str


class AddressOperationOut(OperationOut):
    """An operation on an address of a guest."""

    address: str


@router.get("/addresses")
def list_addresses(services: Given, site: str | None = None, guest: str | None = None) -> list[AddressLine]:
    """Return the addresses that guests have and those that rest, of a site or a guest alone if that is named."""
    return addresses.listed(services, site, guest)


class AddressName(BaseModel):
    """The name of a single address, null for none."""

    address: str
    name: str | None


@router.get("/addresses/zone")
def show_zone(services: Given, network: str, server: Annotated[list[str] | None, Query()] = None) -> ZoneOut:
    """Return the names of a network's addresses as a master file; a whole zone, where name servers are named."""
    return ZoneOut(text=reverse_names.zone(services, network, tuple(server or ())))


@router.put("/addresses/name")
def name_address(services: Given, wanted: AddressName) -> AddressName:
    """Let an address of a guest have a name; the name server is told a little later."""
    reverse_names.put(services, wanted.address, wanted.name)
    return wanted


@router.post("/addresses", status_code=202)
def add_address(services: Given, wanted: AddressAdd) -> AddressOperationOut:
    """Begin to let another address lead to a guest."""
    return _out(addresses.add(services, wanted.guest, wanted.range, wanted.address))


@router.post("/addresses/move", status_code=202)
def move_address(services: Given, wanted: AddressMove) -> AddressOperationOut:
    """Begin to move an address to another guest."""
    return _out(addresses.move(services, wanted.address, wanted.guest, force=wanted.force))


@router.delete("/addresses/{address:path}", status_code=202)
def remove_address(services: Given, address: str) -> AddressOperationOut:
    """Begin to take an address from its guest."""
    return _out(addresses.remove(services, address))


def _out(begun: Begun) -> AddressOperationOut:
    return AddressOperationOut(**dict(out(begun.operation)), address=begun.address)
