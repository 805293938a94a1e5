"""What becomes of guests that live on while the database is put back to what it was."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest
import sqlalchemy as sa

from teig.api.server import KEY, restore
from teig.control import adopting, guests, hosts, operations, state
from teig.control.services import Services
from teig.fleet.simulated import SimulatedFleet, SimulatedHost
from teig.model.errors import Conflict, InvalidRequest
from teig.model.operation import OperationState
from teig.store import schema
from teig.store.archive import load_all
from teig.store.database import sqlite_url
from tests.postgres import Postgres
from tests.simulated import server, server_with_hosts, stored, wait, wish

DATABASE = "teig.sqlite"


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


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


@pytest.mark.parametrize("reboots", [0, 1, 3])
def test_what_was_under_way_when_a_copy_was_made_undoes_nothing_that_was_done_since(
    tmp_path: Path, host: SimulatedHost, reboots: int
) -> None:
    """The database was put back by its own means: what is under way in it goes on, where the guest has not."""
    host.memory_mib = 8192
    copy = tmp_path / "copy" / DATABASE
    copy.parent.mkdir()
    (tmp_path / "first").mkdir()
    with server_with_hosts(tmp_path / "first", host) as services:
        host.verb_s["volume_write_image"] = 0.5
        operation = guests.create(services, wish("web"))
        until(lambda: [step.name for step in operations.by_id(services, operation.id).steps][-1:] == ["write"])
        with (
            contextlib.closing(sqlite3.connect(tmp_path / "first" / DATABASE)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        assert wait(services, operation).state is OperationState.DONE
        if reboots > 1:
            wait(services, guests.resize(services, "web", "small"))
        for _ in range(reboots):
            wait(services, guests.reboot(services, "web", 0))
        images = services.image_dir
    before = host.truth().guests[0]
    with server(copy.parent, SimulatedFleet([host])) as services:
        shutil.copytree(images, services.image_dir, dirs_exist_ok=True)
        hosts.view(services, "sim1")
        ended = wait(services, operation)
        assert (ended.state is OperationState.DONE) == (reboots == 0)
        [after] = host.truth().guests
        assert (after.domid, after.disks, after.spec) == (before.domid, before.disks, before.spec)
        if reboots:
            assert (ended.state, (ended.error or {})["code"]) == (OperationState.STUCK, "of_the_past")
            assert guests.view(services, "web").todo is not None
        hosts.view(services, "sim1")
        assert wait(services, guests.stop(services, "web", 0)).state is OperationState.DONE


def test_a_server_whose_backup_was_restored_elsewhere_is_refused_from_then_on(
    tmp_path: Path, host: SimulatedHost
) -> None:
    (tmp_path / "first").mkdir()
    with server_with_hosts(tmp_path / "first", host) as first:
        wait(first, guests.create(first, wish("web")))
        backup = json.dumps(state.backup(first))
    restore(tmp_path / "second", backup, None)
    with server(tmp_path / "second", SimulatedFleet([host])) as second:
        wait(second, guests.stop(second, "web", 0))
    with server(tmp_path / "first", SimulatedFleet([host])) as first:
        hosts.view(first, "sim1")
        assert wait(first, guests.start(first, "web")).state is not OperationState.DONE
        assert host.truth().guests[0].domid is None
        assert adopting.adopt(first, "sim1").known == ("web",)
        assert wait(first, guests.start(first, "web")).state is OperationState.DONE


def test_an_older_backup_goes_into_a_place_that_no_newer_release_has_opened(tmp_path: Path) -> None:
    older = {"teig_backup": 1, "revision": "0003", "tables": {"sites": [{"name": "lab", "record": {}}]}}
    damaged = {"teig_backup": 1, "revision": "0005", "tables": {"sites": [{"name": "a", "nonsense": 1}]}}
    used, new = sqlite_url(tmp_path / "used"), sqlite_url(tmp_path / "new")
    with pytest.raises(InvalidRequest, match="its sites cannot be stored"):
        load_all(used, damaged, 0.0)
    with pytest.raises(Conflict, match="by an earlier release of Teig than the one that has opened"):
        load_all(used, older, 0.0)
    assert load_all(new, older, 0.0) == {"sites": 1}


def test_a_restore_replaces_no_other_ssh_key(tmp_path: Path, postgres: Postgres) -> None:
    """A server's directory may have its key, and the database that is restored into may be elsewhere."""
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    (tmp_path / "theirs").mkdir()
    with server_with_hosts(tmp_path / "theirs") as services:
        backup = {**state.backup(services), "ssh_key": key}
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / KEY).write_text("its own key\n")
    url = postgres.database().render_as_string(hide_password=False).replace("+psycopg", "")
    for database in (url, None):
        with pytest.raises(Conflict, match=f"another SSH key than {mine / KEY}"):
            restore(mine, json.dumps(backup), database)
    assert (mine / KEY).read_text() == "its own key\n"
    assert sorted(path.name for path in mine.iterdir()) == [KEY, "lock"], "no database was made"
    (mine / KEY).write_text(key.strip())
    assert restore(mine, json.dumps(backup), url)["sites"] == 1, "its own backup can be restored"
