"""`teig site`: places where hosts stand."""

from __future__ import annotations

from typing import Annotated

import typer

from teig.cli.client import Api, name_path, suggesting
from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, print_facts, print_json, print_table
from teig.model.site import QUARANTINE_S

app = noun_app("Places where hosts stand, and the guests' network there.")

_FACTS = (
    ("name", "name"),
    ("country", "country"),
    ("operator", "operator"),
    ("network", "network"),
    ("gateway", "gateway"),
    ("first address", "first_address"),
    ("last address", "last_address"),
    ("bridge", "bridge"),
    ("quarantine, s", "quarantine_s"),
)


@app.command("add")
def add_site(
    name: Annotated[str, typer.Argument(help="Its name: a-z, 0-9 and -.")],
    country: Annotated[str, typer.Option(help="Country, ISO 3166-1: two capital letters, for example NO.")],
    operator: Annotated[str, typer.Option(help="Who runs the place.")],
    network: Annotated[str, typer.Option(help="The guests' network, for example 192.0.2.0/24.")],
    gateway: Annotated[str, typer.Option(help="The guests' way out.")],
    first: Annotated[str, typer.Option(help="First address for guests.")],
    last: Annotated[str, typer.Option(help="Last address for guests.")],
    bridge: Annotated[str, typer.Option(help="The bridge that hosts there join guests to.")] = "xenbr0",
    quarantine: Annotated[
        int, typer.Option(min=0, help="Seconds before an address that was given back is given again.")
    ] = QUARANTINE_S,
) -> None:
    """Add a site."""
    site = Api().post(
        "/sites",
        {
            "name": name,
            "country": country,
            "operator": operator,
            "network": network,
            "gateway": gateway,
            "first_address": first,
            "last_address": last,
            "bridge": bridge,
            "quarantine_s": quarantine,
        },
    )
    typer.echo(f"Site {site['name']} is added. Next: teig host add root@ADDRESS --site {site['name']}")


@app.command("list")
def list_sites(output: Output = Format.TABLE) -> None:
    """List the sites."""
    sites = Api().get("/sites")
    if output is Format.JSON:
        print_json(sites)
        return
    rows = [tuple(site[key] for _, key in _FACTS) for site in sites]
    print_table([title for title, _ in _FACTS], rows, "There are no sites. Add one with: teig site add")


@app.command("show")
def show_site(name: Annotated[str, typer.Argument(help="The site.")], output: Output = Format.TABLE) -> None:
    """Show one site."""
    api = Api()
    with suggesting(api, ("sites", name)):
        site = api.get(name_path("sites", "site", name))
    if output is Format.JSON:
        print_json(site)
        return
    print_facts([(title, site[key]) for title, key in _FACTS])
