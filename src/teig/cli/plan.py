"""`teig plan`: what a guest can be entitled to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from teig.cli.client import Api, name_path, suggesting
from teig.cli.nouns import noun_app
from teig.cli.output import Format, Output, mib, print_facts, print_json, print_table
from teig.model.units import show_size

app = noun_app("What a guest is entitled to: fixed memory, guaranteed processor time, disk.")


@app.command("list")
def list_plans(output: Output = Format.TABLE) -> None:
    """List the plans."""
    plans = Api().get("/plans")
    if output is Format.JSON:
        print_json(plans)
        return
    columns = (
        "name", ">memory", ">vcpus", ">share (cores)", ">ceiling (cores)", ">disk", ">reads/s", ">writes/s", "cores",
        "pool", ">Mbit/s out / in",
    )  # fmt: skip
    print_table(columns, [_cells(plan) for plan in plans], "There are no plans.")


@app.command("show")
def show_plan(name: Annotated[str, typer.Argument(help="The plan.")], output: Output = Format.TABLE) -> None:
    """Show one plan."""
    api = Api()
    with suggesting(api, ("plans", name)):
        plan = api.get(name_path("plans", "plan", name))
    if output is Format.JSON:
        print_json(plan)
        return
    print_facts(
        [
            ("name", plan["name"]),
            ("memory", f"{mib(plan['memory_mib'])}, fixed: memory equals maxmem"),
            ("vCPUs", plan["vcpus"]),
            ("cores", "its own: no other domain is scheduled on them" if plan.get("own_cores") else "shared"),
            ("guaranteed", f"{plan['share_cores']:g} cores"),
            ("at most", f"{plan['ceiling_cores']:g} cores"),
            ("disk", f"{show_size(plan['disk_bytes'])}, pool: {plan['pool']['medium']}, {plan['pool']['redundancy']}"),
            ("reads", _rate(plan["disk_rate"]["read_iops"], plan["disk_rate"]["read_bps"])),
            ("writes", _rate(plan["disk_rate"]["write_iops"], plan["disk_rate"]["write_bps"])),
            ("network", f"{plan['out_kbit'] / 1000:g} Mbit/s out, {plan['in_kbit'] / 1000:g} Mbit/s in"),
            ("packets", _packets(plan.get("out_packets", 0))),
            ("addresses", plan["addresses"]),
            ("transfer", _transfer(plan)),
        ]
    )


@app.command("apply")
def apply_plans(
    file: Annotated[
        Path,
        typer.Argument(
            help="A TOML file of plans, as in docs/guarantees.md.", exists=True, dir_okay=False, readable=True
        ),
    ],
) -> None:
    """Offer the plans of a file, all of them or none. Guests keep what they were promised until they are resized."""
    plans = Api().put("/plans", {"toml": file.read_text(encoding="utf-8", errors="replace")})
    typer.echo(f"On offer now: {', '.join(plan['name'] for plan in plans)}.")


def _packets(a_second: int) -> str:
    return f"at most {a_second} a second out" if a_second else "at most one for each 500 bytes of what it may send"


def _transfer(plan: dict[str, Any]) -> str:
    amount = plan.get("transfer_bytes", 0)
    if not amount:
        return "counted, and as much as it likes"
    past = {"slow": f"slowed down to {plan['past_kbit'] / 1000:g} Mbit/s", "cut": "cut off"}
    then = past.get(plan["past_transfer"], "told of")
    return f"{show_size(amount)} a month, sent and received together; {then} past that"


def _rate(operations: int, size: int) -> str:
    return f"{operations} of 4 KiB and {show_size(size)} a second, for all disks together"


def _cells(plan: dict[str, Any]) -> tuple[object, ...]:
    return (
        plan["name"],
        mib(plan["memory_mib"]),
        plan["vcpus"],
        f"{plan['share_cores']:g}",
        f"{plan['ceiling_cores']:g}",
        show_size(plan["disk_bytes"]),
        plan["disk_rate"]["read_iops"],
        plan["disk_rate"]["write_iops"],
        "own" if plan.get("own_cores") else "shared",
        f"{plan['pool']['medium']}, {plan['pool']['redundancy']}",
        f"{plan['out_kbit'] / 1000:g} / {plan['in_kbit'] / 1000:g}",
    )
