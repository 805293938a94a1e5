"""A server around a real Xen host in the lab: what the tests of whole stories start from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from teig.cli.demo_names import LAB_RATE
from teig.control import drift, guests, hosts, images, operations, pools, sites
from teig.control.assembly import services_in
from teig.control.services import Services
from teig.fleet.ssh import SshFleet
from teig.lab.hosts import LabHost
from teig.model.operation import Operation
from teig.model.pool import DiskRate, PoolRating
from teig.model.site import Site
from teig.policy.drift import Drift
from teig.record import load
from tests.faults import FaultyFleet
from tests.lab.prepared import prepared_lab
from tests.postgres import Postgres
from tests.simulated import stored, wish

T = TypeVar("T")
DEADLINE_S = 600.0
"""How long anything is waited for: the host is emulated, and may share a slow machine with others."""
SITE = load(
    Site,
    {
        "name": "lab",
        "country": "NO",
        "operator": "us",
        "network": "10.77.0.0/16",
        "gateway": "10.77.0.1",
        "first_address": "10.77.16.0",
        "last_address": "10.77.31.255",
    },
)


@dataclass(frozen=True)
class Stand:
    """The server's parts, the lab host that it manages, and the fleet between them, which can be told to fail."""

    services: Services
    host: LabHost
    fleet: FaultyFleet

    def left_on_host(self) -> list[str]:
        """Everything about guests that is on the host: domains, volumes, files."""
        listing = self.host.run(
            "xl list | tail -n +3; lvs --noheadings -o lv_name; "
            "find /var/lib/teig/guests -type f ! -name lock ! -name fence ! -name '*.gone'"
        )
        return listing.split()

    def rows(self) -> int:
        """How many guests and network cards the database holds."""
        count = (
            "select (select count(*) from guests) + (select count(*) from nics) + (select count(*) from reservations)"
        )
        found = self.services.db.read(lambda connection: connection.exec_driver_sql(count).scalar_one())
        return int(found)

    def finish(self, operation: Operation) -> Operation:
        """Wait until an operation has ended."""
        return await_that(lambda: operations.by_id(self.services, operation.id), lambda found: found.state.ended)

    def observe(self) -> None:
        """Have the host observed now: asked as often as it takes, for an emulated one may not answer in time."""
        await_that(lambda: hosts.view(self.services, self.host.name).answers, bool)

    def drift(self) -> list[Drift]:
        """Return the drift that there is now."""
        self.observe()
        return drift.found(self.services)

    def create(self, name: str, **changes: Any) -> Operation:
        """Make a guest and wait for the end of it."""
        return self.finish(guests.create(self.services, wish(name, **changes)))

    def delete_all(self) -> None:
        """Delete every guest."""
        self.fleet.fail = None
        for guest in stored(self.services):
            self.finish(guests.delete(self.services, guest.name, force=True))


def await_that(look: Callable[[], T], good: Callable[[T], bool]) -> T:
    """Return what `look` finds as soon as it is `good`; fail with the last of it after `DEADLINE_S`."""
    deadline = time.monotonic() + DEADLINE_S
    while not good(found := look()):
        assert time.monotonic() < deadline, f"after {DEADLINE_S} s still {found}"
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Stand]:
    """A server with one real host, which has the agent and the image micro.

    PostgreSQL is made before: it launches a server in this process, which can have one at a time. What is shown live is
    waited for longer than a person would: an emulated Domain-0 may need seconds to start a program.
    """
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch, prepared_lab(tmp_path_factory.mktemp("lab")) as prepared:
        patch.setattr(guests, "LIVE_S", 60.0)
        host, place = prepared.host, prepared.address
        fleet = FaultyFleet(SshFleet(prepared.key))
        with services_in(folder, prepared.key.export_public_key().decode().strip(), fleet) as services:
            sites.add(services, SITE)
            hosts.add(services, host.name, place.address, place.port, place.host_key, SITE.name)
            pools.rate(
                services,
                host.name,
                PoolRating(DiskRate(**LAB_RATE), together=True),
            )
            (services.image_dir / prepared.image.id).symlink_to(prepared.folder)
            images.announce(services, prepared.image.manifest)
            yield Stand(services, host, fleet)


@pytest.fixture
def clean(stand: Stand) -> Iterator[Stand]:
    """The same with no guest at the beginning, and none left at the end. The keeper runs, whatever was done to it."""
    stand.host.run("systemctl start teig-keeper")
    stand.delete_all()
    yield stand
    stand.delete_all()
