"""Sites, as rows."""

from __future__ import annotations

import sqlalchemy as sa

from teig.model.errors import Conflict, NotFound
from teig.model.site import Site
from teig.record import dump, recall
from teig.store.schema import sites


def add(connection: sa.Connection, site: Site) -> None:
    """Store a new site; Conflict where the name is taken."""
    if connection.execute(sa.select(sites.c.name).where(sites.c.name == site.name)).first():
        raise Conflict(f"There is a site named {site.name} already.", "Choose another name.", code="name_taken")
    connection.execute(sites.insert().values(name=site.name, record=dump(site)))


def listed(connection: sa.Connection) -> list[Site]:
    """Return all sites by name."""
    return [recall(Site, row.record) for row in connection.execute(sites.select().order_by(sites.c.name))]


def named(connection: sa.Connection, name: str) -> Site:
    """Return one site; NotFound where there is none of that name."""
    row = connection.execute(sites.select().where(sites.c.name == name)).first()
    if row is None:
        raise NotFound(f"There is no site named {name}.", "Look at: teig site list", code="no_site")
    return recall(Site, row.record)
