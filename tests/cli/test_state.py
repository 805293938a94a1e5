"""Backing the server's state up, restoring it, and cancelling an operation, as the command line does it."""

from __future__ import annotations

import json
from pathlib import Path

import asyncssh
import pytest

from teig.model.errors import Conflict
from tests.cli.conftest import Teig
from tests.cli.fake_server import FakeServer

BACKUP = {"teig_backup": 1, "revision": "0003", "made": 1.0, "tables": {"sites": [{"name": "lab", "record": {}}]}}


def test_a_backup_has_the_servers_key_and_is_its_owners_alone(home: Path, teig: Teig, server: FakeServer) -> None:
    server.things["/state"] = BACKUP
    (home / "teig/server/id_ed25519").write_text("a key")
    done = teig("state", "backup", str(home / "backup.json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 sites" in done.stdout
    assert (home / "backup.json").stat().st_mode & 0o777 == 0o600
    assert json.loads((home / "backup.json").read_text()) == {**BACKUP, "ssh_key": "a key"}


def test_a_backup_overwrites_nothing(home: Path, teig: Teig, server: FakeServer) -> None:
    server.things["/state"] = BACKUP
    (home / "backup.json").write_text("an earlier one")
    done = teig("state", "backup", str(home / "backup.json"))
    assert done.returncode == 1
    assert done.stderr == f"error: {home}/backup.json is there already.\nName another file.\n"
    assert (home / "backup.json").read_text() == "an earlier one"


def test_a_backup_counts_plans_as_what_they_are(home: Path, teig: Teig, server: FakeServer) -> None:
    server.things["/state"] = {**BACKUP, "tables": {"plans": [{}, {}], "sites": []}}
    assert teig("state", "backup", str(home / "b")).stdout == f"{home}/b: 2 applied plans\n"


def test_a_backup_is_restored_once(home: Path, teig: Teig) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    (home / "backup.json").write_text(json.dumps({**BACKUP, "ssh_key": key}))
    done = teig("state", "restore", str(home / "backup.json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert (home / "teig/server/id_ed25519").read_text() == key
    assert (home / "teig/server/id_ed25519").stat().st_mode & 0o777 == 0o600
    again = teig("state", "restore", str(home / "backup.json"))
    assert again.returncode == 1
    assert "not empty" in again.stderr


@pytest.mark.parametrize("key", ["a key", "", "\ud800"])
def test_a_backup_whose_key_is_none_is_not_restored(home: Path, teig: Teig, key: str) -> None:
    """No server could start with it, or the database would be left half restored."""
    (home / "backup.json").write_text(json.dumps({**BACKUP, "ssh_key": key}))
    done = teig("state", "restore", str(home / "backup.json"))
    assert done.returncode == 2
    assert "damaged: its SSH key is none" in done.stderr
    assert not (home / "teig/server/teig.sqlite").exists()


def test_what_is_no_backup_is_refused_in_a_sentence(home: Path, teig: Teig) -> None:
    for text in ("nonsense", "[]", "{}"):
        (home / "backup.json").write_text(text)
        done = teig("state", "restore", str(home / "backup.json"))
        assert done.returncode == 2
        assert "not a backup" in done.stderr


@pytest.mark.parametrize(
    "damage",
    [
        {"tables": [1]},
        {"tables": {"sites": 5}},
        {"tables": {"sites": [None]}},
        {"revision": []},
        {"tables": {"sites": [{"name": 10**30, "record": {}}]}},
        {"tables": {"hosts": [{"id": "a", "name": "a", "site": "none", "nome": "a"}]}},
        {"tables": {"sites": [{"name": "a", "record": {}, "project": None}, {"name": "b"}]}},
        {"tables": {"sites": [{"name": "a", "record": {}, "project": ["x"]}]}},
    ],
)
def test_a_damaged_backup_is_refused_in_a_sentence(home: Path, teig: Teig, damage: dict[str, object]) -> None:
    backup = {"teig_backup": 1, "revision": "0005", "tables": {}} | damage
    (home / "backup.json").write_text(json.dumps(backup))
    done = teig("state", "restore", str(home / "backup.json"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: That backup of Teig's state is damaged: ")


@pytest.mark.parametrize(
    "url", ["//teig:secret@db1/teig", "//teig@db1/teig?password=secret", "//teig@db1/teig?sslpassword=secret"]
)
def test_a_password_on_the_command_line_is_refused_and_not_repeated(teig: Teig, url: str) -> None:
    done = teig("serve", "--database", f"postgresql:{url}")
    assert done.returncode == 2
    assert "~/.pgpass" in done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_a_database_that_is_none_is_told_before_anything_begins(home: Path, teig: Teig) -> None:
    (home / "url").write_text("mysql://root@db1/teig\n")
    done = teig("serve", "--database-file", str(home / "url"))
    assert done.returncode == 2
    assert "postgresql://USER@HOST/DATABASE" in done.stderr


@pytest.mark.parametrize(
    "url", ["//teig:secret@db1/teig", "//teig@db1/teig?password=secret", "//teig:[secret@db1/teig"]
)
def test_a_password_that_others_can_read_is_refused_and_not_repeated(home: Path, teig: Teig, url: str) -> None:
    (home / "url").write_text(f"postgresql:{url}\n")
    (home / "url").chmod(0o644)
    done = teig("serve", "--database-file", str(home / "url"))
    assert done.returncode == 2
    assert f"Others can read the password in {home}/url." in done.stderr
    assert f"chmod 600 {home}/url" in done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_a_file_that_has_no_address_in_it_is_told_in_a_sentence(home: Path, teig: Teig) -> None:
    (home / "url").touch(mode=0o600)
    (home / "url").write_bytes(b"\xff\xfe")
    done = teig("serve", "--database-file", str(home / "url"))
    assert done.returncode == 2
    assert "no text in UTF-8" in done.stderr


def test_a_backup_to_a_name_that_cannot_be_is_told_in_a_sentence(home: Path, teig: Teig, server: FakeServer) -> None:
    server.things["/state"] = BACKUP
    done = teig("state", "backup", str(home / ("x" * 300)))
    assert done.returncode == 1
    assert "The backup cannot be written: File name too long" in done.stderr


def test_a_damaged_database_is_named_with_the_way_out(home: Path, teig: Teig) -> None:
    file = home / "teig/server/teig.sqlite"
    file.parent.mkdir(parents=True)
    file.write_text("no database" * 100)
    done = teig("serve")
    assert done.returncode == 1
    assert f"error: The database's file is damaged or is something else ({file}).\n" in done.stderr
    assert "teig state restore" in done.stderr


def test_cancelling_waits_for_the_undo_and_says_that_nothing_is_left(teig: Teig, server: FakeServer) -> None:
    error = Conflict("It was cancelled, and what can be undone of it was undone.", code="cancelled")
    begun = server.operation("op-1", "running", "cancelled", error=error)
    server.answers["POST", "/operations/op-1/cancel"] = begun
    done = teig("op", "cancel", "op-1")
    assert (done.returncode, done.stdout) == (0, f"{error.message}\n")
