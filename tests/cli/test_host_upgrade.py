"""`teig host upgrade` with a made-up server, and an `ssh` that answers as a host's installer does."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from teig.cli import enrolment, host_upgrade
from teig.cli.client import Api
from teig.cli.progress import Board
from teig.fleet.install import agent_version
from tests.cli.conftest import Teig
from tests.cli.fake_server import FakeServer

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX"
SSH = f"""#!{sys.executable}
import json, pathlib, sys
if "-G" in sys.argv:
    target = sys.argv[-1]
    user, _, address = target.rpartition("@")
    print(f"user {{user or 'me'}}\\nhostname {{address}}\\nport 22")
    sys.exit(0)
log = pathlib.Path(__file__).parent
target = sys.argv[sys.argv.index("--") + 1]
sys.stdin.buffer.read(int(sys.stdin.buffer.readline()))
order = json.loads(sys.stdin.buffer.read())
(log / f"{{target}}.json").write_text(json.dumps({{"argv": sys.argv[1:], "order": order}}))
if target == "root@192.0.2.3":
    sys.stderr.write("Permission denied (publickey).\\n")
    sys.exit(255)
print(json.dumps({{"hostname": "h", "machine_id": order["machine_id"], "host_keys": ["{KEY}"], "agent_version": "x"}}))
"""


class Hosts:
    """Hosts of the made-up server; one that ssh was at is current from then on."""

    def __init__(self, server: FakeServer, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "ssh").write_text(SSH)
        (folder / "ssh").chmod(0o755)
        self._server = server
        server.things["/server"] = {"version": "0", "ssh_public_key": KEY, "agent_version": agent_version()}
        server.things["/hosts"] = lambda: [self._host(name) for name in self._names]
        self._names: dict[str, dict[str, Any]] = {}

    def add(self, name: str, address: str, *outdated: str, seen: bool = True) -> None:
        self._names[name] = {"address": address, "outdated": outdated, "seen": seen}
        self._server.things[f"/hosts/{name}"] = lambda: self._host(name)

    def called(self) -> dict[str, Any]:
        return {path.stem: json.loads(path.read_text()) for path in self.folder.glob("*.json")}

    def _host(self, name: str) -> dict[str, Any]:
        kept = self._names[name]
        there = any((self.folder / f"root@{at}.json").exists() for at in (kept["address"], f"{name}.example.org"))
        facts = {
            "xen_version": "4.17", "scheduler": "credit2", "cores": 4,
            "guest_types": ["pv"], "dom0_memory_mib": 512, "dom0_weight": 2048, "foreign": [],
        }  # fmt: skip
        return {
            "name": name, "address": kept["address"], "port": 2222, "site": "lab", "state": "ready", "guests": 0,
            "machine_id": f"machine-of-{name}",
            "host_key_fingerprint": "SHA256:x", "warnings": [], "facts_at": 1.0,
            "facts": facts if kept["seen"] or there else None, "outdated": [] if there else kept["outdated"],
            "room": {"memory_mib": 1, "disk_bytes": 1, "cores": 1.0},
        }  # fmt: skip


@pytest.fixture
def hosts(server: FakeServer, home: Path) -> Hosts:
    hosts = Hosts(server, home / "bin")
    hosts.add("xen1", "192.0.2.1", "agent", "keeper")
    hosts.add("xen2", "192.0.2.2", "keeper")
    hosts.add("xen3", "192.0.2.3", "agent", "keeper")
    hosts.add("xen4", "192.0.2.4")
    return hosts


@pytest.fixture
def path(hosts: Hosts) -> str:
    return f"{hosts.folder}:{os.environ['PATH']}"


def test_all_that_are_old_and_the_others_go_on_where_one_fails(teig: Teig, hosts: Hosts, path: str) -> None:
    done = teig("host", "upgrade", "--all", PATH=path)
    assert done.returncode == 1
    assert set(hosts.called()) == {"root@192.0.2.1", "root@192.0.2.2", "root@192.0.2.3"}
    assert "Current already: xen4." in done.stdout
    assert "error: xen3: ssh could not reach root@192.0.2.3: Permission denied (publickey)." in done.stderr
    assert "xen1" in done.stderr, "a progress line"
    called = hosts.called()["root@192.0.2.1"]
    assert called["order"] == {"action": "install", "key": KEY, "machine_id": "machine-of-xen1"}
    assert called["argv"][:4] == ["-p", "2222", "-o", "BatchMode=yes"]


def test_one_host_another_way_may_be_asked_for_a_password(teig: Teig, hosts: Hosts, path: str, home: Path) -> None:
    (home / "config").write_text("")
    done = teig("host", "upgrade", "xen1", "--ssh", "root@192.0.2.1", "-F", str(home / "config"), PATH=path)
    assert done.returncode == 0, done.stderr
    assert hosts.called()["root@192.0.2.1"]["argv"][:5] == ["-F", str(home / "config"), "-T", "--", "root@192.0.2.1"]


def test_where_ssh_finds_each_host_by_its_name(teig: Teig, hosts: Hosts, path: str) -> None:
    hosts.add("xen1", "a.example.org", "agent")
    hosts.add("xen2", "b.example.org", "agent")
    done = teig("host", "upgrade", "xen1", "xen2", "--ssh", "root@{name}.example.org", PATH=path)
    assert set(hosts.called()) == {"root@xen1.example.org", "root@xen2.example.org"}, done.stderr


def test_a_current_one_only_by_force(teig: Teig, hosts: Hosts, path: str) -> None:
    assert teig("host", "upgrade", "xen4", PATH=path).returncode == 0
    assert hosts.called() == {}
    assert teig("host", "upgrade", "xen4", "--force", PATH=path).returncode == 0
    assert set(hosts.called()) == {"root@192.0.2.4"}


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ((), 2, "Name them, or say --all."),
        (("xen1", "--all"), 2, "Leave one of them out."),
        (("nope", "xen1", "gone"), 1, "There is no host named nope, and none named gone.\nLook at: teig host list"),
        (("xen1", "xen2", "--ssh", "root@x"), 2, "Name that host alone, or write {name} for its name."),
        (("xem1",), 1, "Did you mean xen1"),
        (("xen1", "--ssh", "admin@192.0.2.1"), 1, "can only be installed by root"),
    ],
)
def test_what_cannot_be_meant(
    teig: Teig, hosts: Hosts, path: str, args: tuple[str, ...], code: int, words: str
) -> None:
    done = teig("host", "upgrade", *args, PATH=path)
    assert done.returncode == code
    assert words in done.stderr
    assert hosts.called() == {}


def test_another_release_than_the_server_s_installs_nothing(
    teig: Teig, hosts: Hosts, path: str, server: FakeServer
) -> None:
    server.things["/server"]["agent_version"] = "0123456789abcdef"
    done = teig("host", "upgrade", "--all", PATH=path)
    assert done.returncode == 1
    assert "0123456789abcdef" in done.stderr
    assert hosts.called() == {}


def test_all_of_no_hosts_says_so(teig: Teig, server: FakeServer) -> None:
    server.things["/server"]["agent_version"] = agent_version()
    done = teig("host", "upgrade", "--all")
    assert done.returncode == 0
    assert done.stderr == "There are no hosts. Add one with: teig host add root@ADDRESS --site SITE\n"


def test_a_name_that_cannot_be_is_refused_before_ssh_is_asked(teig: Teig, hosts: Hosts, path: str) -> None:
    done = teig("host", "add", "root@192.0.2.9", "--site", "lab", "--name", "BAD_NAME", PATH=path)
    assert done.returncode == 2
    assert "'BAD_NAME' cannot be the name of a host." in done.stderr
    assert hosts.called() == {}


def test_old_ones_are_seen_and_said(teig: Teig, hosts: Hosts) -> None:
    listed = teig("host", "list").stdout
    assert "Old agents or keepers: xen1, xen2, xen3. Upgrade them: teig host upgrade --all" in listed
    shown = teig("host", "show", "xen2").stdout
    assert "The host's keeper is not the server's. Upgrade it: teig host upgrade xen2" in shown
    assert "Upgrade" not in teig("host", "show", "xen4").stdout


def test_one_that_the_server_has_never_seen_is_upgraded_and_not_called_old(teig: Teig, hosts: Hosts, path: str) -> None:
    hosts.add("xen4", "192.0.2.4", "agent", "keeper", seen=False)
    assert "xen4. Upgrade" not in teig("host", "list").stdout
    assert "Upgrade" not in teig("host", "show", "xen4").stdout
    done = teig("host", "upgrade", "xen4", PATH=path)
    assert "Current already" not in done.stdout
    assert set(hosts.called()) == {"root@192.0.2.4"}, done.stderr


def test_ctrl_c_begins_no_further_host(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []

    def slow(_: Api, index: int, *__: object) -> NoReturn:
        begun.append(index)
        time.sleep(0.5)
        raise AssertionError

    def ctrl_c(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(host_upgrade, "_worked", slow)
    monkeypatch.setattr(Board, "show", ctrl_c)
    hosts = [{"name": f"xen{number}"} for number in range(4 * host_upgrade.AT_ONCE)]
    with pytest.raises(KeyboardInterrupt):
        host_upgrade.upgrade(Api(), hosts, KEY, host_upgrade.Way())
    assert len(begun) <= host_upgrade.AT_ONCE


@pytest.mark.parametrize("asks", [False, True])
def test_ctrl_c_reaches_no_ssh_that_asks_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asks: bool) -> None:
    """A terminal sends it to all of the session in front; one that asks for a password needs the terminal."""
    (tmp_path / "ssh").write_text(f"#!{sys.executable}\nimport os\nprint(os.getsid(0))\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    session = enrolment._over_ssh(enrolment.Login("root@192.0.2.1", asks=asks), ["true"], b"")
    assert (int(session) == os.getsid(0)) is asks
