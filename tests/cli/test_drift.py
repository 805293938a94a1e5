"""`teig drift --fix` tells of everything that it was about, whatever fails."""

from __future__ import annotations

from typing import Any

from teig.model.errors import HostFault
from tests.cli.conftest import Teig
from tests.cli.fake_server import FakeServer

KEEPER = {
    "host": "xen1", "guest": None, "kind": "keeper_dead", "field": None, "entitled": None, "set": None, "live": None,
    "fixable": True, "text": "The keeper does not run. It could not be mended: It does not come up.",
}  # fmt: skip
STRANGER = {**KEEPER, "guest": "shop", "kind": "unknown_guest", "fixable": False, "text": "The host has guest shop."}


def mended(server: FakeServer, *operations: dict[str, Any], left: tuple[dict[str, Any], ...] = ()) -> None:
    server.answers["POST", "/drift/mend"] = {"operations": operations, "done": ["Keeper up."], "left": left}
    server.things["/drift"] = []


def test_an_operation_that_fails_hides_no_other_one(teig: Teig, server: FakeServer) -> None:
    failing = server.operation("op-1", "running", "failed", error=HostFault("Xen cannot boot its kernel.", "Look."))
    mended(server, {**failing, "subject": "db"}, server.operation("op-2", "running", "running", "done"))
    done = teig("drift", "--fix")
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert [line.split() for line in told[:3]] == [
        ["Keeper", "up."],
        ["volume", "create", "0.5", "s", "failed"],
        ["volume", "create", "0.5", "s"],
    ]
    assert told[3:] == ["error: db: Xen cannot boot its kernel. Look."]


def test_why_something_could_not_be_mended_is_told(teig: Teig, server: FakeServer) -> None:
    mended(server, left=(STRANGER, KEEPER))
    done = teig("drift", "--fix")
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["Keeper up.", f"error: xen1: {KEEPER['text']}"]


def test_where_all_is_mended_it_ends_well(teig: Teig, server: FakeServer) -> None:
    mended(server, server.operation("op-1", "running", "done"))
    done = teig("drift", "--fix")
    assert (done.returncode, done.stdout) == (0, "Nothing differs.\n")
