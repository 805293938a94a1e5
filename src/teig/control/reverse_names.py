"""Names of addresses, for reverse DNS: kept, told to a name server (`teig.control.telling`), or written down."""

from __future__ import annotations

import sqlalchemy as sa

from teig.control.services import Services
from teig.model.reverse_name import check_host_name, check_single, zone_file
from teig.store import addresses, reverse_names


def put(services: Services, untrusted_address: str, untrusted_name: str | None) -> None:
    """Let an address of a guest have a name, or none; NotFound where it is no guest's. It is told a little later."""
    address = check_single(untrusted_address)
    name = None if untrusted_name is None else check_host_name(untrusted_name)

    def work(connection: sa.Connection) -> None:
        site, leads = addresses.leading(connection, address)
        reverse_names.put(connection, site, leads, address, name, services.now())

    services.db.write(work)


def zone(services: Services, untrusted_network: str, servers: tuple[str, ...]) -> str:
    """Return the names in a network as a master file; with the names of its `servers` it is a whole zone."""
    lines = services.db.read(reverse_names.listed)
    names = [(line.address, line.name) for line in lines if line.name is not None]
    return zone_file(untrusted_network, names, servers, int(services.now()))
