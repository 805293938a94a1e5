"""`teig address`: what leads to guests beside the addresses of their network cards."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from teig.cli.client import Api, suggesting
from teig.cli.following import NoWait, carry_out
from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, moment, print_json, print_table
from teig.model.address_range import canonical, shown
from teig.model.errors import InvalidRequest
from teig.model.names import check_name
from teig.model.reverse_name import check_host_name, check_single

app = noun_app("Addresses of guests: given, taken away, and moved from one to another while they run.")

Address = Annotated[str, typer.Argument(help="The address, or the network with its prefix length.")]


@app.command("list")
def list_addresses(
    site: Annotated[str | None, typer.Option("--site", help="Only this site's.")] = None,
    guest: Annotated[str | None, typer.Option("--guest", help="Only this guest's.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """List the addresses that guests have, and those that rest after they were given back."""
    api = Api()
    with suggesting(api, ("sites", site), ("guests", guest)):
        addresses = api.get("/addresses", site=site, guest=guest)
    if output is Format.JSON:
        print_json(addresses)
        return
    rows = [
        (shown(one["address"]), one["site"], one["range"] or "", one["guest"], _names(one), _note(one))
        for one in addresses
    ]
    print_table(("address", "site", "range", "guest", "name", "note"), rows, "No guest has an address.")


@app.command("add")
def add_address(
    guest: Annotated[str, typer.Argument(help="The guest.")],
    address: Annotated[str | None, typer.Argument(help="This one; else any that is free.")] = None,
    network: Annotated[str | None, typer.Option("--range", help="Of this range: see teig range list.")] = None,
    no_wait: NoWait = False,
) -> None:
    """Let another address lead to a guest, a running one too. It is set up inside the guest by whoever runs that."""
    api = Api()
    body = {
        "guest": check_name("guest", guest),
        "range": network,
        "address": None if address is None else canonical(address),
    }
    with suggesting(api, ("guests", guest)):
        begun = api.post("/addresses", body)
    if carry_out(api, begun, no_wait=no_wait):
        typer.echo(f"{shown(begun['address'])} leads to guest {guest}. Set it up inside the guest.")


@app.command("remove")
def remove_address(address: Address, no_wait: NoWait = False) -> None:
    """Take an address from its guest. It rests for a while before another guest can get it."""
    api = Api()
    begun = api.delete(f"/addresses/{quote(canonical(address), safe='/:')}")
    if carry_out(api, begun, no_wait=no_wait):
        typer.echo(f"{shown(begun['address'])} leads to guest {begun['subject']} no more.")


@app.command("move")
def move_address(
    address: Address,
    guest: Annotated[str, typer.Argument(help="The guest that gets it.")],
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also where the host of the guest that has it does not answer. If that guest still runs, both answer "
            "for the address until its host is back and the guest is mended.",
        ),
    ] = False,
    no_wait: NoWait = False,
) -> None:
    """Move an address to another guest of the same site, when the one that has it was seen to have let go."""
    api = Api()
    body = {"address": canonical(address), "guest": check_name("guest", guest), "force": force}
    with suggesting(api, ("guests", guest)):
        begun = api.post("/addresses/move", body)
    if carry_out(api, begun, no_wait=no_wait):
        typer.echo(f"{shown(begun['address'])} leads to guest {guest}. Set it up inside the guest.")


@app.command("name")
def name_address(
    address: Annotated[str, typer.Argument(help="The address, also one in a network that leads to a guest.")],
    name: Annotated[str | None, typer.Argument(help="Its name, for example mail.example.org.")] = None,
    none: Annotated[bool, typer.Option("--none", help="It has no name any more.")] = False,
) -> None:
    """Say what reverse DNS says of an address. The server's name server is told within seconds, or when it answers."""
    if none == (name is not None):
        raise InvalidRequest("Give an address a name, or --none.", f"For example: teig address name {address} HOST")
    named = None if name is None else check_host_name(name)
    Api().put("/addresses/name", {"address": check_single(address), "name": named})
    typer.echo(f"{address} is called {named}." if named else f"{address} has no name.")


@app.command("zone")
def print_zone(
    network: Annotated[str, typer.Argument(help="The network, for example 192.0.2.0/24.")],
    servers: Annotated[
        list[str] | None, typer.Option("--ns", help="A name server of the zone: makes it a whole one. Repeatable.")
    ] = None,
) -> None:
    """Print the names in a network as a zone file, or as what one can include."""
    query = urlencode([("network", network), *(("server", server) for server in servers or [])])
    print(Api().get(f"/addresses/zone?{query}")["text"], end="")


def _names(one: dict[str, Any]) -> str:
    """Return the names in a line of the list, and what of them the name server was not told yet, and why."""
    told = []
    for name in one["names"]:
        of = "" if canonical(name["address"]) == one["address"] else f"{name['address']} "
        why = "" if name["sent"] else f" (not told yet{': ' + name['error'] if name['error'] else ''})"
        told.append(f"{of}{name['name']}{why}")
    return ", ".join(told)


def _note(one: dict[str, Any]) -> str:
    if one["range"] == "" and one["guest"]:
        return "of a card"
    if one["next"]:
        return f"moves to {one['next']}"
    if one["left_on"]:
        return f"{one['left_on']} may use it still: teig guest mend {one['left_on']}"
    return "" if one["guest"] else f"rests until {moment(one['free_at'])}"
