"""What becomes of guests that live on while the database is put back to what it was."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa

from teig.api.server import restore
from teig.control import guests, hosts, state
from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.operation import OperationState
from teig.store import schema
from tests.simulated import server, server_with_hosts, stored, wait, wish


def test_a_backup_can_be_restored_again_after_what_was_done_since_the_first_time(
    tmp_path: Path, host: SimulatedHost
) -> None:
    with server_with_hosts(tmp_path, host) as services:
        wait(services, guests.create(services, wish("web")))
        [guest] = stored(services)
        backup = json.dumps(state.backup(services))
    for folder in (tmp_path / "second", tmp_path / "third"):
        restore(folder, backup, None)
        with server(folder, SimulatedFleet([host])) as services:
            assert stored(services)[0].fence > host.guests[guest.id].fence
            assert wait(services, guests.stop(services, "web", 0)).state is OperationState.DONE
            assert host.truth().guests[0].domid is None
        host.start(host.guests[guest.id])  # by hand


def test_a_host_that_has_seen_a_higher_fencing_number_is_believed(services: Services, host: SimulatedHost) -> None:
    """The database was put back by its own means, which raise no number."""
    wait(services, guests.create(services, wish("web")))
    [guest] = stored(services)
    for _ in range(2):
        wait(services, guests.reboot(services, "web", 0))

    def as_it_was(connection: sa.Connection) -> None:
        connection.execute(schema.guests.update().values(fence=guest.fence))

    services.db.write(as_it_was)
    hosts.view(services, "sim1")
    assert stored(services)[0].fence == host.guests[guest.id].fence
    assert wait(services, guests.stop(services, "web", 0)).state is OperationState.DONE
    assert host.truth().guests[0].domid is None


def test_a_fencing_number_that_cannot_be_is_not_believed(services: Services, host: SimulatedHost) -> None:
    wait(services, guests.create(services, wish("web")))
    [guest] = stored(services)
    host.guests[guest.id].fence = 2**63 - 1
    hosts.view(services, "sim1")
    assert stored(services)[0].fence == guest.fence
