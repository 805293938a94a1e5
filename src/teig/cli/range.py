"""`teig range`: addresses that guests can get beside those of their network cards."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from teig.cli.client import Api, suggesting
from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, print_json, print_table

app = noun_app("Addresses that guests can get beside those of their cards: of IPv4 and IPv6, single ones and networks.")

_MANY = 10**9


@app.command("add")
def add_range(
    site: Annotated[str, typer.Argument(help="The site whose guests can get them.")],
    network: Annotated[str, typer.Argument(help="The network, for example 198.51.100.0/24 or 2001:db8::/48.")],
    first: Annotated[str | None, typer.Option(help="First address for guests; else the network's first.")] = None,
    last: Annotated[str | None, typer.Option(help="Last address for guests; else the network's last.")] = None,
    prefix: Annotated[
        int | None, typer.Option(help="Give networks of so many bits, for example 64; else single addresses.")
    ] = None,
) -> None:
    """Add a range. Routers and other machines in it are left out with --first and --last."""
    api = Api()
    body = {"site": site, "network": network, "first": first, "last": last, "prefix": prefix}
    with suggesting(api, ("sites", site)):
        added = api.post("/ranges", body)
    typer.echo(f"Range {added['network']} is added: {_count(added)} for guests. Next: teig address add GUEST")


@app.command("list")
def list_ranges(
    site: Annotated[str | None, typer.Option("--site", help="Only this site's.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """List the ranges and what is left of them; each site's own, which network cards get addresses from, first."""
    ranges = Api().get("/ranges", site=site)
    if output is Format.JSON:
        print_json(ranges)
        return
    columns = ("range", "site", "for", "first", "last", ">all", ">taken", ">resting")
    rows = [
        (one["network"], one["site"], _use(one), one["first"], one["last"], _count(one), one["taken"], one["resting"])
        for one in ranges
    ]
    print_table(columns, rows, "There are no sites. Add one with: teig site add")


@app.command("remove")
def remove_range(network: Annotated[str, typer.Argument(metavar="RANGE", help="Its network.")]) -> None:
    """Remove a range that no guest has an address of."""
    Api().delete(f"/ranges/{quote(network, safe='/:')}")
    typer.echo(f"Range {network} is removed.")


def _use(one: dict[str, Any]) -> str:
    if one["of_cards"]:
        return "cards"
    single = 128 if ":" in one["network"] else 32
    return "addresses" if one["prefix"] == single else f"networks of {one['prefix']} bits"


def _count(one: dict[str, Any]) -> str:
    return str(one["count"]) if one["count"] < _MANY else f"{one['count']:.1e}"
