"""Sites: where hosts stand."""

from __future__ import annotations

import sqlalchemy as sa

from teig.control.services import Services
from teig.model.errors import InvalidRequest
from teig.model.site import Site
from teig.store import hosts, ranges, sites


def add(services: Services, site: Site) -> None:
    """Store a new site; Conflict where its network has addresses in common with a range."""

    def work(connection: sa.Connection) -> None:
        ranges.check_no_overlap(connection, site)
        sites.add(connection, site)

    services.db.write(work)


def listed(services: Services) -> list[Site]:
    """Return all sites by name."""
    return services.db.read(sites.listed)


def named(services: Services, name: str) -> Site:
    """Return one site."""
    return services.db.read(lambda connection: sites.named(connection, name))


def chosen(connection: sa.Connection, name: str | None, host: str | None) -> Site:
    """Return the named site, the one of a named host, or the only one that has hosts."""
    if name is not None:
        return sites.named(connection, name)
    if host is not None:
        return sites.named(connection, hosts.named(connection, host).site)
    inhabited = {one.site for one in hosts.listed(connection)}
    known = [site for site in sites.listed(connection) if site.name in inhabited or not inhabited]
    if len(known) == 1:
        return known[0]
    names = ", ".join(site.name for site in known) or "none yet"
    raise InvalidRequest("Which site?", f"Name one with --site. Sites: {names}.", code="which_site")
