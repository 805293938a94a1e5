"""`teig pool`: where guests' volumes lie, what it can do, and what of that is promised."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from teig.cli.client import Api, name_path, suggesting
from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, moment, print_facts, print_json, print_table
from teig.cli.progress import Board
from teig.model.units import parse_size, show_size

app = noun_app("Where guests' disks lie: one pool a host, its largest LVM volume group.")

Host = Annotated[str, typer.Argument(metavar="HOST", help="The host.")]


@app.command("list")
def list_pools(output: Output = Format.TABLE) -> None:
    """List the pools and what is still free of them."""
    pools = Api().get("/pools")
    if output is Format.JSON:
        print_json(pools)
        return
    columns = ("host", "pool", "medium", "redundancy", ">free", ">free read/s", ">free write/s", "rated", "problem")
    print_table(columns, [_cells(pool) for pool in pools], "No pool is known. Look at the hosts: teig host list")


@app.command("show")
def show_pool(host: Host, output: Output = Format.TABLE) -> None:
    """Show one host's pool."""
    api = Api()
    with suggesting(api, ("hosts", host)):
        pool = api.get(name_path("pools", "host", host))
    if output is Format.JSON:
        print_json(pool)
        return
    _print(pool)


@app.command("bench")
def bench_pool(host: Host, output: Output = Format.TABLE) -> None:
    """Measure what a host's pool can do, and rate it at that. Guests on the host feel it meanwhile."""
    api = Api()
    with suggesting(api, ("hosts", host)):
        api.get(name_path("hosts", "host", host))
    with Board() as board, board.step(f"measure the pool of {host}"):
        pool = api.post(f"{name_path('pools', 'host', host)}/bench", {})
    if output is Format.JSON:
        print_json(pool)
        return
    _print(pool)


@app.command("rate")
def rate_pool(
    host: Host,
    read_iops: Annotated[int, typer.Option(min=10, help="Reads of 4 KiB per second.")],
    write_iops: Annotated[int, typer.Option(min=10, help="Writes of 4 KiB per second.")],
    read: Annotated[str, typer.Option(help="Bytes read per second, for example 200M.")],
    write: Annotated[str, typer.Option(help="Bytes written per second, for example 100M.")],
    together: Annotated[
        bool, typer.Option("--together", help="It does these reads and these writes at the same time.")
    ] = False,
) -> None:
    """State what a host's pool can do, where you know better than a measurement."""
    api = Api()
    with suggesting(api, ("hosts", host)):
        api.get(name_path("hosts", "host", host))
    rate = {
        "read_iops": read_iops,
        "write_iops": write_iops,
        "read_bps": parse_size(read),
        "write_bps": parse_size(write),
        "together": together,
    }
    _print(api.put(f"{name_path('pools', 'host', host)}/rating", rate))


def _print(pool: dict[str, Any]) -> None:
    group, rating = pool["group"], pool["rating"]
    facts = [
        ("host", f"{pool['host']}, at site {pool['site']}"),
        ("pool", f"{group['name']}, {group['medium']}, redundancy {group['redundancy']}"),
        ("problem", group["problem"] or "none"),
        ("space", f"{show_size(max(0, pool['disk_room']))} of {show_size(group['size_bytes'])} promised to nobody"),
    ]
    if rating is None:
        print_facts([*facts, ("rated", f"never, so it takes no guest: teig pool bench {pool['host']}")])
        return
    capacity, room = rating["capacity"]["rate"], {name: max(0, free) for name, free in pool["rate_room"].items()}
    how = f"{rating['how']}, reads and writes {'at once' if rating['capacity']['together'] else 'each alone'}"
    print_facts(
        [
            *facts,
            ("rated", f"{how}, {moment(rating['rated_at'])}"),
            ("reads", f"{room['read_iops']} of {capacity['read_iops']} a second promised to nobody"),
            ("writes", f"{room['write_iops']} of {capacity['write_iops']} a second promised to nobody"),
            ("read", f"{show_size(room['read_bps'])} of {show_size(capacity['read_bps'])} a second"),
            ("write", f"{show_size(room['write_bps'])} of {show_size(capacity['write_bps'])} a second"),
        ]
    )
    if pool["oversold"]:
        typer.echo(
            f"Warning: More is promised here than there is: {', '.join(pool['oversold'])}. Its guests keep what they "
            f"have, and it takes no more. If you know that it can do more: teig pool rate {pool['host']}"
        )


def _cells(pool: dict[str, Any]) -> tuple[object, ...]:
    group, rating, room = pool["group"], pool["rating"], pool["rate_room"]
    return (
        pool["host"],
        group["name"],
        group["medium"],
        group["redundancy"],
        show_size(max(0, pool["disk_room"])),
        *(max(0, room[name]) if name in room else None for name in ("read_iops", "write_iops")),
        rating["how"] if rating else "never",
        group["problem"] or ("oversold" if pool["oversold"] else None),
    )
