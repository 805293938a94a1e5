"""`teig host`: machines that run Xen. How one is enrolled is in `enrolment`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from teig.cli import enrolment, host_upgrade
from teig.cli.client import Api, name_path, suggesting
from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, confirm, mib, moment, print_facts, print_json, print_table, printable
from teig.cli.progress import Board
from teig.model.errors import InvalidRequest, NotFound
from teig.model.names import check_name
from teig.model.units import show_size

app = noun_app("Machines that run Xen.")

_NO_HOSTS: Final = "There are no hosts. Add one with: teig host add root@ADDRESS --site SITE"
Name = Annotated[str, typer.Argument(help="The host.")]
SshConfig = Annotated[
    Path | None, typer.Option("-F", "--ssh-config", help="ssh's configuration file, as ssh -F.", dir_okay=False)
]


@app.command("add")
def add_host(
    target: Annotated[str, typer.Argument(metavar="USER@ADDRESS", help="As ssh takes it; the user must be root.")],
    site: Annotated[str, typer.Option("--site", "-s", help="Where it stands.")],
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Its name; else the one in ADDRESS, or the machine's own.")
    ] = None,
    ssh_config: SshConfig = None,
    port: Annotated[int | None, typer.Option("-p", "--port", min=1, max=65535, help="ssh's port.")] = None,
    reinstalled: Annotated[
        bool, typer.Option("--reinstalled", help="It is that host, set up anew: it has another machine-id.")
    ] = False,
) -> None:
    """Enrol a machine that runs Xen: install the agent over your own ssh, then let the server look at it.

    Run it again after the machine got another address or host key.
    """
    if name is not None:
        check_name("host", name)
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
        host = enrolment.register(
            api, place, known, site, name or enrolment.choose_name(target, known), reinstalled=reinstalled
        )
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
    columns = (
        "name",
        "state",
        "site",
        "address",
        ">guests",
        ">free memory",
        ">free cores",
        ">free disk",
        "xen",
        "agent",
    )
    print_table(columns, [_cells(host) for host in hosts], _NO_HOSTS)
    old = [host["name"] for host in hosts if host["facts"] and host_upgrade.outdated(host)]
    if old:
        typer.echo(f"\nOld agents or keepers: {', '.join(old)}. Upgrade them: teig host upgrade --all")


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


@app.command("upgrade")
def upgrade_hosts(
    names: Annotated[list[str] | None, typer.Argument(metavar="[HOST]...", help="The hosts.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All hosts.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also those that are current.")] = False,
    target: Annotated[
        str | None,
        typer.Option(
            "--ssh",
            metavar="USER@ADDRESS",
            help="Where ssh finds the host, if not where the server does; {name} in it is the host's name.",
        ),
    ] = None,
    ssh_config: SshConfig = None,
    port: Annotated[int | None, typer.Option("-p", "--port", min=1, max=65535, help="ssh's port.")] = None,
) -> None:
    """Bring the agents and keepers of hosts to the server's version, over your own ssh, 8 hosts at once.

    Guests run on. Of several hosts, ssh must reach each without asking anything.
    """
    _check_which(names or [], target, every=every)
    api = Api()
    server = api.get("/server")
    host_upgrade.check_release(server)
    chosen = _chosen(api, names or [])
    if not chosen:
        typer.echo(_NO_HOSTS, err=True)
        return
    todo = [host for host in chosen if force or host_upgrade.outdated(host)]
    current = [host["name"] for host in chosen if host not in todo]
    if current:
        typer.echo(f"Current already: {', '.join(current)}.")
    way = host_upgrade.Way(target, ssh_config, port, asks=len(todo) == 1)
    failed = host_upgrade.upgrade(api, todo, server["ssh_public_key"], way)
    for failure in failed:
        typer.echo(f"error: {failure.name}: {printable(f'{failure.message} {failure.todo}'.strip())}", err=True)
    if failed:
        raise typer.Exit(1)


def _check_which(names: list[str], target: str | None, *, every: bool) -> None:
    if not names and not every:
        raise InvalidRequest("It is not said which hosts to upgrade.", "Name them, or say --all.")
    if names and every:
        raise InvalidRequest("Hosts are named, and --all means all of them.", "Leave one of them out.")
    if target and len(names) != 1 and host_upgrade.NAME not in target:
        raise InvalidRequest("--ssh says where one host is.", "Name that host alone, or write {name} for its name.")


def _chosen(api: Api, names: list[str]) -> list[dict[str, Any]]:
    """Return the hosts with these names, in their order and each once, or all."""
    known = {host["name"]: host for host in api.get("/hosts")}
    if not names:
        return list(known.values())
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        with suggesting(api, *(("hosts", name) for name in unknown)):
            what = ", and none named ".join(unknown)
            raise NotFound(f"There is no host named {what}.", "Look at: teig host list", code="no_host")
    return [known[name] for name in dict.fromkeys(names)]


@app.command("remove")
def remove_host(
    name: Name,
    uninstall: Annotated[
        str | None, typer.Option("--uninstall", metavar="USER@ADDRESS", help="Remove the agent too, over your ssh.")
    ] = None,
    ssh_config: SshConfig = None,
    port: Annotated[int | None, typer.Option("-p", "--port", min=1, max=65535, help="ssh's port.")] = None,
    force: Annotated[bool, typer.Option("--force", help="With its guests: the machine is lost for good.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget a host that has no guests. Nothing on it is changed, unless the agent is to be removed.

    With --force its guests are forgotten too, and their names and addresses free for others. That is for a machine
    that never comes back: what runs on it would run on.
    """
    api = Api()
    if force:
        confirm(f"Forget host {name} with all its guests, and give their addresses to others?", yes=yes)
    with suggesting(api, ("hosts", name)):
        removed = api.delete(name_path("hosts", "host", name), force=str(force).lower())
    lost = f", and with it {', '.join(removed['guests'])}" if removed["guests"] else ""
    typer.echo(f"Host {name} is removed{lost}.")
    if uninstall:
        emptied = enrolment.uninstall(enrolment.Login(uninstall, ssh_config, port))
        kept = "" if emptied else " Files of guests stay in /var/lib/teig there, and /etc/xen/scripts/teig-* with them."
        typer.echo(f"The agent is removed from {uninstall}.{kept}")


def _print_host(host: dict[str, Any]) -> None:
    old = host_upgrade.outdated(host)
    print_facts(
        [
            ("name", host["name"]),
            ("state", host["state"].replace("_", " ")),
            ("address", f"{host['address']}, port {host['port']}, at site {host['site']}"),
            ("host key", host["host_key_fingerprint"]),
            *(_seen(host, host["facts"]) if host["facts"] else [("guests", host["guests"])]),
            ("looked at", moment(host["facts_at"]) if host["facts_at"] else "never"),
        ]
    )
    if old and host["facts"]:
        typer.echo(f"Warning: The host's {old} is not the server's. Upgrade it: teig host upgrade {host['name']}")
    for warning in host["warnings"]:
        typer.echo(f"Warning: {printable(warning)}")


def _seen(host: dict[str, Any], facts: dict[str, Any]) -> list[tuple[str, object]]:
    room, foreign = host["room"], facts["foreign"]
    others = ", ".join(f"{domain['name']} ({mib(domain['memory_mib'])})" for domain in foreign)
    return [
        ("hypervisor", f"Xen {facts['xen_version']}, scheduler {facts['scheduler']}, {facts['cores']} cores"),
        ("guest types", ", ".join(kind.upper() for kind in facts["guest_types"])),
        ("Domain-0", f"{mib(facts['dom0_memory_mib'])} fixed, weight {facts['dom0_weight']}"),
        ("room for guests", f"{mib(room['memory_mib'])} memory, {room['cores']:g} cores"),
        ("room for disks", show_size(room["disk_bytes"])),
        ("guests", host["guests"]),
        ("other domains", f"{len(foreign)}, counted and never touched: {others}" if foreign else "none"),
        ("agent", _agent(host)),
    ]


def _agent(host: dict[str, Any]) -> str:
    """Return in words how new the agent and the keeper of a host are."""
    old = host_upgrade.outdated(host)
    return f"old {old}" if old else "current"


def _cells(host: dict[str, Any]) -> tuple[object, ...]:
    room, facts = host["room"], host["facts"]
    known = (host["name"], host["state"].replace("_", " "), host["site"], host["address"], host["guests"])
    if facts is None:
        return (*known, *[None] * 5)
    return (
        *known,
        mib(room["memory_mib"]),
        f"{room['cores']:g}",
        show_size(room["disk_bytes"]),
        facts["xen_version"],
        _agent(host),
    )
