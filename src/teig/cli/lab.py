"""`teig lab`: real Xen hosts, booted in QEMU on this machine. It needs no server.

Neighbours: `teig.lab` does the work
"""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, print_json, print_table
from teig.cli.progress import Board
from teig.lab import images, recipes
from teig.lab.lab import DEFAULT_NAME, Lab, lab_names
from teig.lab.options import LabOptions, Scheduler
from teig.model.errors import InvalidRequest
from teig.model.units import show_size

app = noun_app("Real Xen hosts, booted in QEMU on this machine.")

Name = Annotated[str, typer.Option("--name", help="Which lab, where there are several.")]
Host = Annotated[str, typer.Argument(help="The lab host, for example lab1.")]


@app.command("build")
def build(
    names: Annotated[list[str] | None, typer.Argument(metavar="[IMAGE]...", help="All where none is named.")] = None,
) -> None:
    """Build the images of lab hosts and guests, as far as they were not built yet."""
    wanted = names or list(recipes.NAMES)
    for name in wanted:
        recipes.recipe(name)
    built = []
    with Board() as board:
        for name in wanted:
            with board.step(f"image {name}") as note:
                built.append(images.build(name, note.say))
                note.say("ready")
    for image in built:
        typer.echo(image.folder)


@app.command("up")
def up(
    hosts: Annotated[int | None, typer.Option(help="How many hosts.  [default: 1]", show_default=False)] = None,
    memory: Annotated[int | None, typer.Option(help="A host's memory in MiB.  [default: 2048]")] = None,
    cpus: Annotated[int | None, typer.Option(help="A host's processors.  [default: 2]")] = None,
    scheduler: Annotated[Scheduler | None, typer.Option(help="Xen's scheduler.  [default: credit2]")] = None,
    disk_size: Annotated[int | None, typer.Option(help="The volume group's disk in GiB.  [default: 16]")] = None,
    disk_iops: Annotated[int | None, typer.Option(help="Slow that disk down: operations per second.")] = None,
    disk_bandwidth: Annotated[int | None, typer.Option(help="Slow that disk down: bytes per second.")] = None,
    pvh: Annotated[bool | None, typer.Option("--pvh", help="Hosts that run PVH guests too; slower.")] = None,
    ssh_port: Annotated[int | None, typer.Option(help="The first host's SSH port on 127.0.0.1.")] = None,
    snapshot: Annotated[str | None, typer.Option(help="Start from this snapshot, with its options.")] = None,
    name: Name = DEFAULT_NAME,
) -> None:
    """Start a lab, or what of it is not running. The first start boots each host; later ones take seconds."""
    asked: dict[str, Any] = {
        "hosts": hosts, "memory_mib": memory, "cpus": cpus, "scheduler": scheduler, "disk_gib": disk_size,
        "disk_iops": disk_iops, "disk_bandwidth": disk_bandwidth, "pvh": pvh, "ssh_port": ssh_port,
    }  # fmt: skip
    chosen = {key: value for key, value in asked.items() if value is not None}
    if snapshot and chosen:
        raise InvalidRequest("A snapshot brings its options with it.", "Use --snapshot without other options.")
    lab = Lab.named(name)
    with Board() as board, board.step(f"lab {name}") as note:
        running = lab.up(LabOptions(**chosen) if chosen else None, note.say, snapshot=snapshot)
        note.say("up")
    suffix = "" if name == DEFAULT_NAME else f" --name {name}"
    for host in running:
        typer.echo(f"{host.name} runs at {host.address} port {host.ssh_port}. Log in: teig lab ssh {host.name}{suffix}")


@app.command("down")
def down(name: Name = DEFAULT_NAME) -> None:
    """Stop a lab and forget its hosts' disks; images and snapshots stay."""
    stopped = Lab.named(name).down()
    typer.echo(f"Lab {name} is down." if stopped else f"Lab {name} was not up.")


@app.command("list")
def list_hosts(output: Output = Format.TABLE) -> None:
    """List the labs' hosts."""
    rows = [_row(name, host) for name in lab_names() for host in Lab.named(name).hosts]
    if output is Format.JSON:
        print_json(rows)
        return
    columns = ("lab", "host", "state", "ssh", "segment", "scheduler", ">memory")
    print_table(
        columns,
        [
            (
                row["lab"], row["host"], row["state"], f"{row['address']}:{row['ssh_port']}", row["segment_address"],
                row["scheduler"], show_size(row["memory_mib"] * images.MIB),
            )
            for row in rows
        ],
        "No lab is up. Start one: teig lab up",
    )  # fmt: skip


def _row(lab: str, host: Any) -> dict[str, Any]:
    options = Lab.named(lab).options or LabOptions()
    return {
        **options.as_record(),
        "lab": lab,
        "host": host.name,
        "state": "running" if host.running else "dead",
        "address": host.address,
        "ssh_port": host.ssh_port,
        "segment_address": host.segment_address,
        "ssh_config": str(host.ssh_config),
        "console_log": str(host.console_log),
        "pid": host.process.pid,
    }


@app.command("ssh", context_settings={"ignore_unknown_options": True})
def ssh(
    host: Host,
    command: Annotated[list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="What to run there.")] = None,
    name: Name = DEFAULT_NAME,
) -> None:
    """Log in to a lab host as root, or run a command there; its exit status is this command's."""
    argv = Lab.named(name).host(host).ssh_argv(*(command or []))
    os.execvp(argv[0], argv)  # noqa: S606 - ssh takes over this terminal


@app.command("console")
def console(host: Host, name: Name = DEFAULT_NAME) -> None:
    """Use a lab host's serial console; Ctrl-] leaves it."""
    from teig.lab.console import attach

    attach(Lab.named(name).host(host))


@app.command("snapshot")
def snapshot(
    snapshot: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    lab: Annotated[str, typer.Option("--name", help="Which lab, where there are several.")] = DEFAULT_NAME,
) -> None:
    """Keep a running lab as it is now, guests and all; teig lab up --snapshot NAME starts from there."""
    with Board() as board, board.step(f"keep lab {lab} as snapshot {snapshot}"):
        Lab.named(lab).save(snapshot)
    typer.echo(f"Start from it, on this or another lab: teig lab up --snapshot {snapshot}")
