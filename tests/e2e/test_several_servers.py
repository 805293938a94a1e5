"""A server that is paused while another takes its work over cannot act late on a real host."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from teig.cli import enrolment
from teig.cli.demo_names import LAB_RATING
from teig.cli.enrolment import Login
from teig.lab.lab import Lab
from teig.record import dump
from tests.e2e.conftest import SITE
from tests.lab.prepared import micro, prepared_lab
from tests.postgres import Postgres
from tests.servers import REAL_HOSTS, Served, create, ended, serving, until

pytestmark = pytest.mark.lab
STEP_S = 600.0
FOOTPRINT = "xl list; lvs --noheadings -o lv_name; cat /var/lib/teig/guests/*/fence"


def enrol(server: Served, login: Login, name: str) -> None:
    """Add the lab's site, host and rating, and the image micro."""
    api = server.api
    api.post("/sites", dump(SITE))
    agent = enrolment.install(login, api.get("/server")["ssh_public_key"])
    enrolment.register(api, enrolment.resolve(login), agent, SITE.name, name)
    api.put(f"/pools/{name}/rating", LAB_RATING)
    image, folder = micro()
    (server.folder / "images" / image.id).symlink_to(folder)
    api.post("/images", {"manifest": dump(image.manifest)})


def step_reached(server: Served, operation: str, step: str) -> bool:
    return step in {known["name"] for known in server.api.get(f"/operations/{operation}")["steps"]}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab host for all of these tests, each of which leaves nothing on it."""
    with prepared_lab(tmp_path_factory.mktemp("lab")) as prepared:
        yield prepared.lab


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("volume", marks=pytest.mark.slow),
        pytest.param("write", marks=pytest.mark.slow),
        pytest.param("define", marks=pytest.mark.slow),
        "start",
    ],
)
def test_a_paused_server_cannot_act_late_on_a_real_host(lab: Lab, postgres: Postgres, step: str) -> None:
    [host] = lab.hosts
    with (
        tempfile.TemporaryDirectory(prefix="teig-") as path,
        serving(Path(path), 2, REAL_HOSTS, postgres.database("migrated")) as [first, second],
    ):
        enrol(first, Login(f"root@{host.name}", lab.ssh_config), host.name)
        operation = create(first, "web")
        until(lambda: step_reached(second, operation["id"], step), f"the step {step}", STEP_S)
        first.signal(signal.SIGSTOP)
        done = ended(second, operation, STEP_S)
        assert done["state"] == "done", second.log()
        before = host.run(FOOTPRINT)
        first.signal(signal.SIGCONT)
        until(first.ended, "the end of the one that was paused", STEP_S)
        assert second.api.get(f"/operations/{operation['id']}") == done
        assert words(host.run(FOOTPRINT)) == words(before)
        removed = second.api.delete("/guests/web", force="true")
        assert ended(second, removed, STEP_S)["state"] == "done", second.log()


def words(listing: str) -> list[list[str]]:
    """Return the lines without the processor time at the end of those of `xl list`."""
    return [line.split()[:4] for line in listing.splitlines()]
