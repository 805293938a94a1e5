"""`teig guest`: make, look at, start, stop and delete guests. How they are reached is in `guest_reach`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from teig.cli import guest_reach
from teig.cli.client import Api, name_path, suggesting
from teig.cli.following import NoWait, Wait, await_answer, carry_out, check_waiting
from teig.cli.guest_words import comparison, facts_of
from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, confirm, print_facts, print_json, print_table, printable
from teig.model.errors import NotFound
from teig.model.guest import GuestType, OnCrash, check_ssh_key
from teig.model.names import check_name
from teig.model.units import MIB, parse_size, show_size

app = noun_app("Guests: create, look, start, stop, reach, delete.")
guest_reach.add_to(app)

Name = Annotated[str, typer.Argument(help="The guest.")]
Grace = Annotated[float, typer.Option("--grace", min=0, max=3600, help="Seconds it has to shut down by itself.")]
OnCrashOption = Annotated[OnCrash, typer.Option("--on-crash", help="What Xen does after its kernel crashed.")]
_EXTENT = 4 * MIB
MOST_LISTED = 1000
_LATER = {"memory": ("memory_mib", "maxmem_mib"), "vCPUs": ("vcpus",), "cores of its own": ("own_cores",)}


@app.command("create")
def create_guest(
    name: Annotated[str, typer.Argument(help="Its name: a-z, 0-9 and -.")],
    plan: Annotated[str, typer.Option("--plan", "-p", help="What it is entitled to: see teig plan list.")],
    image: Annotated[str, typer.Option("--image", "-i", help="What it is made from: see teig image list.")],
    site: Annotated[str | None, typer.Option("--site", help="Where its bytes may be. One site: not needed.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="This host and no other.")] = None,
    kind: Annotated[GuestType, typer.Option("--type", help="How Xen runs it.")] = GuestType.PV,
    disks: Annotated[
        list[str] | None, typer.Option("--disk", help="One more disk, for example 10G. Repeatable.")
    ] = None,
    nics: Annotated[
        int | None, typer.Option("--nics", min=1, max=4, help="How many network cards; else as the plan says.")
    ] = None,
    ssh_keys: Annotated[
        list[str] | None, typer.Option("--ssh-key", help="A public key or a file that holds some. Repeatable.")
    ] = None,
    on_crash: OnCrashOption = OnCrash.RESTART,
    wait: Wait = False,
    no_wait: NoWait = False,
) -> None:
    """Create a guest and wait until it runs."""
    check_waiting(wait=wait, no_wait=no_wait)
    api = Api()
    body = {
        "name": check_name("guest", name),
        "plan": plan,
        "image": image,
        "site": site,
        "host": host,
        "type": kind.value,
        "disks": [_whole_extents(parse_size(text)) for text in disks or []],
        "nics": nics,
        "ssh_keys": [key for text in ssh_keys or [] for key in _keys(text)],
        "on_crash": on_crash.value,
    }
    with suggesting(api, ("plans", plan), ("images", image), ("sites", site), ("hosts", host)):
        operation = carry_out(api, api.post("/guests", body), no_wait=no_wait)
    if operation:
        _tell_made(api, name, wait=wait)


@app.command("list")
def list_guests(output: Output = Format.TABLE) -> None:
    """List the guests."""
    guests = _pages(Api())
    if output is Format.JSON:
        print_json(guests)
        return
    columns = ("name", "state", "plan", "image", "host", "site", "type", "addresses")
    rows = [(*(guest[key] for key in columns[:-1]), ", ".join(guest["addresses"])) for guest in guests]
    print_table(columns, rows, "There are no guests. Create one with: teig guest create")


def _tell_made(api: Api, name: str, *, wait: bool) -> None:
    path = name_path("guests", "guest", name)
    if wait:
        await_answer(api, path, name)
    guest = api.get(path)
    where = ", ".join(guest["addresses"])
    typer.echo(f"Guest {name} runs on host {guest['host']} ({where}). Look at it: teig guest show {name}")


def _pages(api: Api) -> list[dict[str, Any]]:
    """Return all guests, a page after the other."""
    found: list[dict[str, Any]] = api.get("/guests", limit=MOST_LISTED)
    page = found
    while len(page) == MOST_LISTED:
        page = api.get("/guests", limit=MOST_LISTED, after=page[-1]["name"])
        found += page
    return found


@app.command("show")
def show_guest(name: Name, output: Output = Format.TABLE) -> None:
    """Show one guest: what it is entitled to, what its host is set to, and what Xen says now."""
    api = Api()
    with suggesting(api, ("guests", name)):
        guest = api.get(name_path("guests", "guest", name))
    if output is Format.JSON:
        print_json(guest)
        return
    print_facts(facts_of(guest))
    print()
    print_comparison(guest)


@app.command("transfer")
def show_transfer(name: Name, output: Output = Format.TABLE) -> None:
    """Show what a guest has sent and received in each month (UTC); one that was deleted had that too."""
    api = Api()
    with suggesting(api, ("guests", name)):
        months = api.get(f"{name_path('guests', 'guest', name)}/transfer")
    if output is Format.JSON:
        print_json(months)
        return
    rows = [
        (month["month"], show_size(month["sent_bytes"]), show_size(month["received_bytes"]), month["guest"])
        for month in months
    ]
    print_table(("month", ">sent", ">received", "guest"), rows, f"Guest {name} has transferred nothing yet.")


def print_comparison(guest: dict[str, Any]) -> None:
    """Print entitled, set and read back beside each other, and one sentence about any difference."""
    columns, rows = comparison(guest)
    print_table(columns, rows, "")
    for drift in guest["drift"]:
        typer.echo(
            f"Drift: {drift['field']} should be {drift['entitled']}, the host is set to {drift['set']}, "
            f"Xen says {drift['live']}."
        )


@app.command("start")
def start_guest(name: Name, wait: Wait = False, no_wait: NoWait = False) -> None:
    """Start a guest that is stopped, and wait until it runs."""
    _change(name, "start", {}, "runs", no_wait=no_wait, wait=wait)


@app.command("stop")
def stop_guest(
    name: Name,
    grace: Grace = 60.0,
    force: Annotated[bool, typer.Option("--force", help="At once, as if its power was cut.")] = False,
    no_wait: NoWait = False,
) -> None:
    """Shut a guest down."""
    _change(name, "stop", {"grace_s": 0.0 if force else grace, "force": force}, "is stopped", no_wait=no_wait)


@app.command("reboot")
def reboot_guest(name: Name, grace: Grace = 60.0, wait: Wait = False, no_wait: NoWait = False) -> None:
    """Shut a guest down and start it again."""
    _change(name, "reboot", {"grace_s": grace}, "runs again", no_wait=no_wait, wait=wait)


@app.command("mend")
def mend_guest(name: Name, no_wait: NoWait = False) -> None:
    """Make a guest on its host what its plan says again; one that runs is not disturbed."""
    _change(name, "mend", {}, "has its files and limits as its plan says", no_wait=no_wait)


@app.command("resize")
def resize_guest(
    name: Name,
    plan: Annotated[str, typer.Option("--plan", "-p", help="The plan that it is to have.")],
    no_wait: NoWait = False,
) -> None:
    """Give a guest another plan on its host.

    Processor and disk rates hold within ten seconds; memory, vCPUs and a larger disk from its next start.
    """
    api = Api()
    path = name_path("guests", "guest", name)
    with suggesting(api, ("guests", name), ("plans", plan)):
        before = api.get(path)
        operation = api.post(f"{path}/resize", {"plan": plan})
    if not carry_out(api, operation, no_wait=no_wait):
        return
    guest = api.get(path)
    later = [word for word, fields in _LATER.items() if any(row["field"] in fields for row in guest["drift"])]
    later += ["disk"] * (guest["disks"] != before["disks"])
    todo = f" At its next start follow: {', '.join(later)}. teig guest reboot {name}" if later else ""
    typer.echo(f"Guest {name} has plan {plan}.{todo}")


@app.command("delete")
def delete_guest(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even if it runs.")] = False,
    no_wait: NoWait = False,
) -> None:
    """Delete a guest and wipe its volumes. There is no way back."""
    api = Api()
    path = name_path("guests", "guest", name)
    with suggesting(api, ("guests", name)):
        api.get(path)
    confirm(f"Delete guest {name} and all its data?", yes=yes)
    if carry_out(api, api.delete(path, force=str(force).lower()), no_wait=no_wait):
        typer.echo(f"Guest {name} is deleted.")


def _change(name: str, verb: str, body: dict[str, object], done: str, *, no_wait: bool, wait: bool = False) -> None:
    check_waiting(wait=wait, no_wait=no_wait)
    api = Api()
    path = name_path("guests", "guest", name)
    with suggesting(api, ("guests", name)):
        operation = api.post(f"{path}/{verb}", body)
    if carry_out(api, operation, no_wait=no_wait):
        if wait:
            await_answer(api, path, name)
        typer.echo(f"Guest {name} {done}.")


def _whole_extents(size_bytes: int) -> int:
    """Round up to LVM's extent size, as lvcreate itself would."""
    return -(-size_bytes // _EXTENT) * _EXTENT


def _keys(text: str) -> list[str]:
    """Return the public keys in a file, or the one that the text itself is."""
    if text.startswith(("ssh-", "ecdsa-", "sk-")):
        return [check_ssh_key(text)]
    file = Path(text).expanduser()
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"The key file {printable(file)} cannot be read.", "Give the file that ends in .pub.") from error
    return [check_ssh_key(line) for line in lines if line.strip() and not line.startswith("#")]
