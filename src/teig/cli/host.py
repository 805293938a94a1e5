"""`teig host`: machines that run Xen. How one is enrolled is in `enrolment`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from teig.cli import enrolment
from teig.cli.client import Api, name_path, suggesting
from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, mib, moment, print_facts, print_json, print_table, printable
from teig.cli.progress import Board
from teig.model.units import show_size

app = noun_app("Machines that run Xen.")

Name = Annotated[str, typer.Argument(help="The host.")]
SshConfig = Annotated[
    Path | None, typer.Option("-F", "--ssh-config", help="ssh's configuration file, as ssh -F.", dir_okay=False)
]


@app.command("add")
def add_host(
    target: Annotated[str, typer.Argument(metavar="USER@ADDRESS", help="As ssh takes it; the user must be root.")],
    site: Annotated[str, typer.Option("--site", "-s", help="Where it stands.")],
    name: Annotated[str | None, typer.Option("--name", "-n", help="Its name; else its own.")] = None,
    ssh_config: SshConfig = None,
    port: Annotated[int | None, typer.Option("-p", "--port", min=1, max=65535, help="ssh's port.")] = None,
) -> None:
    """Enrol a machine that runs Xen: install the agent over your own ssh, then let the server look at it.

    Run it again to bring the agent up to date, or after the machine got another address or host key.
    """
    api = Api()
    with suggesting(api, ("sites", site)):
        api.get(name_path("sites", "site", site))
    login = enrolment.Login(target, ssh_config, port)
    place = enrolment.resolve(login)
    enrolment.check_root(place)
    typer.echo(f"Installing the agent on {place.address} over ssh, which may ask you something.", err=True)
    known = enrolment.install(login, api.get("/server")["ssh_public_key"])
    typer.echo(f"Host key that will be pinned: {enrolment.fingerprint(enrolment.host_key(known))}", err=True)
    with Board() as board, board.step("let the server look at it"):
        host = enrolment.register(api, place, known, site, name or enrolment.choose_name(target, known))
    _print_host(host)
    if api.get(name_path("pools", "host", host["name"]))["rating"] is None:
        typer.echo(
            f"\nHost {host['name']} is ready. Next, measure what its disks can do: teig pool bench {host['name']}"
        )
    else:
        typer.echo(f"\nHost {host['name']} is ready. Next: teig guest create NAME --plan PLAN --image IMAGE")


@app.command("adopt")
def adopt_host(name: Name, output: Output = Format.TABLE) -> None:
    """Take the guests that a host knows into the database, for example after the database was lost."""
    api = Api()
    with suggesting(api, ("hosts", name)):
        answer = api.post(f"{name_path('hosts', 'host', name)}/adopt", {})
    if output is Format.JSON:
        print_json(answer)
        return
    print_facts(
        [
            ("taken over", ", ".join(answer["adopted"]) or "nothing"),
            ("known before", ", ".join(answer["known"]) or "nothing"),
        ]
    )
    for problem in answer["problems"]:
        typer.echo(f"Problem: {printable(problem)}", err=True)
    if answer["problems"]:
        raise typer.Exit(1)


@app.command("list")
def list_hosts(output: Output = Format.TABLE) -> None:
    """List the hosts and the room they have."""
    hosts = Api().get("/hosts")
    if output is Format.JSON:
        print_json(hosts)
        return
    columns = ("name", "state", "site", "address", ">guests", ">free memory", ">free cores", ">free disk", "xen")
    none = "There are no hosts. Add one with: teig host add root@ADDRESS --site SITE"
    print_table(columns, [_cells(host) for host in hosts], none)


@app.command("show")
def show_host(name: Name, output: Output = Format.TABLE) -> None:
    """Show one host, looked at anew."""
    api = Api()
    with suggesting(api, ("hosts", name)):
        host = api.get(name_path("hosts", "host", name))
    if output is Format.JSON:
        print_json(host)
        return
    _print_host(host)


@app.command("remove")
def remove_host(
    name: Name,
    uninstall: Annotated[
        str | None, typer.Option("--uninstall", metavar="USER@ADDRESS", help="Remove the agent too, over your ssh.")
    ] = None,
    ssh_config: SshConfig = None,
    port: Annotated[int | None, typer.Option("-p", "--port", min=1, max=65535, help="ssh's port.")] = None,
) -> None:
    """Forget a host that has no guests. Nothing on it is changed, unless the agent is to be removed."""
    api = Api()
    with suggesting(api, ("hosts", name)):
        api.delete(name_path("hosts", "host", name))
    typer.echo(f"Host {name} is removed.")
    if uninstall:
        enrolment.uninstall(enrolment.Login(uninstall, ssh_config, port))
        typer.echo(f"The agent is removed from {uninstall}.")


def _print_host(host: dict[str, Any]) -> None:
    facts, room = host["facts"], host["room"]
    foreign = facts["foreign"]
    others = ", ".join(f"{domain['name']} ({mib(domain['memory_mib'])})" for domain in foreign)
    print_facts(
        [
            ("name", host["name"]),
            ("state", host["state"]),
            ("address", f"{host['address']}, port {host['port']}, at site {host['site']}"),
            ("host key", host["host_key_fingerprint"]),
            ("hypervisor", f"Xen {facts['xen_version']}, scheduler {facts['scheduler']}, {facts['cores']} cores"),
            ("guest types", ", ".join(kind.upper() for kind in facts["guest_types"])),
            ("Domain-0", f"{mib(facts['dom0_memory_mib'])} fixed, weight {facts['dom0_weight']}"),
            ("room for guests", f"{mib(room['memory_mib'])} memory, {room['cores']:g} cores"),
            ("room for disks", show_size(room["disk_bytes"])),
            ("guests", host["guests"]),
            ("other domains", f"{len(foreign)}, counted and never touched: {others}" if foreign else "none"),
            ("looked at", moment(host["facts_at"])),
        ]
    )
    for warning in host["warnings"]:
        typer.echo(f"Warning: {printable(warning)}")


def _cells(host: dict[str, Any]) -> tuple[object, ...]:
    room = host["room"]
    return (
        host["name"],
        host["state"],
        host["site"],
        host["address"],
        host["guests"],
        mib(room["memory_mib"]),
        f"{room['cores']:g}",
        show_size(room["disk_bytes"]),
        host["facts"]["xen_version"],
    )
