"""Installing the agent: what it leaves behind, the second time too."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.host import setup
from teig.agent.host.services import GUESTS, KEEPER, UNITS
from teig.agent.host.state import write_whole
from teig.agent.xen import hotplug
from teig.fleet.agent_bundle import bundle
from teig.fleet.install import REMOTE_COMMAND, installed, installer, uninstalled, uninstaller
from teig.model.errors import HostFault, InvalidRequest
from tests.agent.given import GUEST, SSH_KEY, spec

OTHER = 'from="10.0.0.1" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPi7Wl2y5p0m3mHq9f8f1d8Dk7Qd8S1zjv0m5Xw3mYVv admin'


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    path = tmp_path / "agent.pyz"
    path.write_bytes(bundle().data)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "etc/ssh").mkdir(parents=True)
    (root / "etc/machine-id").write_text("0123456789abcdef\n")
    (root / "etc/ssh/ssh_host_ed25519_key.pub").write_text(f"{SSH_KEY}\n")
    (root / "root/.ssh").mkdir(parents=True)
    (root / "root/.ssh/authorized_keys").write_text(f"# mine\n{OTHER}")
    return root


def _lines(root: Path) -> list[str]:
    return (root / "root/.ssh/authorized_keys").read_text().splitlines()


SCRIPTS = Path("etc/xen/scripts")
OURS = ["teig-block", "teig-filter.nft", "teig-vif-bridge", "teig-vif-limits"]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_installing_twice_changes_nothing(root: Path, packed: Path) -> None:
    told = [setup.install(root, packed, SSH_KEY) for _ in range(2)]
    assert told[0] == told[1]
    found = installed("Welcome to this host!\n" + json.dumps(told[0]) + "\n")
    assert (found.machine_id, found.host_keys) == ("0123456789abcdef", (SSH_KEY,))
    kind, key, _ = SSH_KEY.split()
    command = "/usr/bin/python3 -I /usr/local/lib/teig/agent.pyz serve"
    assert _lines(root) == ["# mine", OTHER, f'restrict,command="{command}" {kind} {key} teig']
    assert (root / "root/.ssh/authorized_keys").stat().st_mode & 0o777 == 0o600
    assert (root / "var/lib/teig").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (root / UNITS).iterdir()) == [GUESTS, KEEPER]
    assert f"ExecStart=/usr/bin/python3 -I /{setup.AGENT} keeper\n" in (root / UNITS / KEEPER).read_text()
    assert _names(root / SCRIPTS) == OURS
    assert {path.stat().st_mode & 0o777 for path in (root / SCRIPTS).iterdir()} == {0o755}


def test_what_is_installed_runs(root: Path, packed: Path) -> None:
    setup.install(root, packed, SSH_KEY)
    agent = root / setup.AGENT
    argv = [sys.executable, "-I", str(agent), "version"]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip() == bundle().version
    hello = '{"id":1,"verb":"hello","args":{"protocol":1}}\n'
    argv = [sys.executable, "-I", str(agent), "serve", str(root / "var/lib/teig")]
    said = subprocess.run(argv, input=hello, capture_output=True, text=True, check=True).stdout
    assert json.loads(said)["ok"]["version"] == bundle().version


def test_the_agent_is_written_whole(root: Path, packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut after it was told as done would else leave a host without keeper, and without guests."""
    written: list[Path] = []

    def write(path: Path, data: bytes, mode: int = 0o600) -> None:
        written.append(path)
        write_whole(path, data, mode)

    monkeypatch.setattr(setup, "write_whole", write)
    setup.install(root, packed, SSH_KEY)
    agent = root / setup.AGENT
    assert agent in written
    assert [path.name for path in agent.parent.iterdir()] == [agent.name]
    assert agent.stat().st_mode & 0o777 == 0o755


def test_another_machine_is_left_alone(root: Path, packed: Path) -> None:
    order = json.dumps({"action": "install", "key": SSH_KEY, "machine_id": "f" * 32}).encode()
    with pytest.raises(Failure, match="another machine"):
        setup._carry_out(root, packed, order)
    assert not (root / setup.AGENT).exists()


def test_a_new_key_replaces_ours_and_no_other(root: Path, packed: Path) -> None:
    setup.install(root, packed, SSH_KEY)
    new = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    setup.install(root, packed, new)
    assert _lines(root)[:2] == ["# mine", OTHER]
    assert _lines(root)[2].endswith(f"{new} teig")
    assert len(_lines(root)) == 3


def test_a_host_without_authorized_keys(root: Path, packed: Path) -> None:
    shutil.rmtree(root / "root/.ssh")
    setup.install(root, packed, SSH_KEY)
    assert len(_lines(root)) == 1
    assert (root / "root/.ssh").stat().st_mode & 0o777 == 0o700


def test_guests_of_an_older_agent_have_what_their_next_reboot_needs(root: Path, packed: Path) -> None:
    folder = root / "var/lib/teig/guests" / GUEST
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps(spec()))
    odd = root / "var/lib/teig/guests/11111111-2222-4333-8444-555555555555"
    odd.mkdir()
    (odd / "spec.json").write_text("{")
    setup.install(root, packed, SSH_KEY)
    assert _names(folder) == ["nic0.limits", "nic0.nft", "nic1.limits", "nic1.nft", "spec.json"]
    assert list(hotplug.SCRIPTS)[-1].endswith("teig-vif-bridge"), "what it needs is there before it"


@pytest.mark.parametrize(
    ("missing", "kernel", "code"),
    [("nft", "6.1.0-50-amd64", "missing_program"), ("", "5.17.9", "old_kernel"), ("", "4.19", "old_kernel")],
)
def test_a_host_whose_guests_could_not_start_is_refused(
    monkeypatch: pytest.MonkeyPatch, missing: str, kernel: str, code: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None if program == missing else f"/usr/sbin/{program}")
    with pytest.raises(Failure) as caught:
        setup._check_network(kernel)
    assert caught.value.code == code
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/sbin/{program}")
    for fine in ("5.18.0", "6.1.0-50-amd64", "10.0", "odd"):
        setup._check_network(fine)


def test_uninstalling(root: Path, packed: Path) -> None:
    setup.install(root, packed, SSH_KEY)
    guest = root / "var/lib/teig/guests/x"
    guest.mkdir()
    (guest / "spec.json").write_text("{}")
    assert not uninstalled(json.dumps(setup.uninstall(root)))
    assert _lines(root) == ["# mine", OTHER]
    assert not (root / "usr/local/lib/teig").exists()
    assert _names(root / SCRIPTS) == OURS  # for the guest's next reboot
    assert list((root / UNITS).iterdir()) == []
    assert guest.exists()
    shutil.rmtree(guest)
    assert uninstalled(json.dumps(setup.uninstall(root)))
    assert _names(root / SCRIPTS) == []
    assert not (root / "var/lib/teig").exists()


def test_uninstalling_where_the_state_lies_on_another_disk(root: Path, packed: Path) -> None:
    setup.install(root, packed, SSH_KEY)
    state, large = root / "var/lib/teig", root / "srv/teig"
    (state / "images/x").write_text("x")
    large.parent.mkdir()
    state.rename(large)
    state.symlink_to(large)
    for file in ("starts-0.lock", ".reserve", ".reserve7", "theirs"):
        (large / file).write_text("x")
    assert uninstalled(json.dumps(setup.uninstall(root)))
    assert [path.name for path in large.iterdir()] == ["theirs"], "somebody else's"
    (large / "theirs").unlink()
    setup.install(root, packed, SSH_KEY)
    assert uninstalled(json.dumps(setup.uninstall(root)))
    assert (large.exists(), state.is_symlink()) == (False, False)


def test_uninstalling_tells_what_could_not_be_removed(
    root: Path, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.install(root, packed, SSH_KEY)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    assert not uninstalled(json.dumps(setup.uninstall(root)))


def test_what_somebody_has_damaged_is_put_right_by_the_next_installing(root: Path, packed: Path) -> None:
    setup.install(root, packed, SSH_KEY)
    script = root / SCRIPTS / "teig-block"
    good = script.read_bytes()
    script.write_bytes(b"\xff damaged")
    script.chmod(0o777)
    setup.install(root, packed, SSH_KEY)
    assert (script.read_bytes(), script.stat().st_mode & 0o777) == (good, 0o755)


def test_the_bundle_is_the_same_every_time() -> None:
    first = bundle()
    bundle.cache_clear()
    assert bundle() == first


@pytest.mark.parametrize("shell", ["sh", "bash", "dash"])
def test_the_remote_command_means_the_same_to_every_shell(shell: str) -> None:
    assert shutil.which(shell)
    (command,), data = uninstaller()
    assert command == REMOTE_COMMAND
    order = data[: data.rindex(b"{")] + b'{"action": "dance"}'
    done = subprocess.run([shell, "-c", command], input=order, capture_output=True, text=False, check=False)
    assert done.returncode == 1, done.stderr
    with pytest.raises(InvalidRequest, match="dance"):
        installed(done.stdout.decode())


def test_what_cannot_be_a_key_is_never_sent() -> None:
    with pytest.raises(InvalidRequest):
        installer('ssh-ed25519 AAAA" command="sh')


@pytest.mark.parametrize("output", ["", "This account is disabled.\n", "[]", '{"hostname": "x"}'])
def test_other_answers(output: str) -> None:
    with pytest.raises(HostFault) as caught:
        installed(output)
    assert caught.value.reason == "install_failed"


def test_host_keys_of_kinds_that_nobody_pins_hinder_nothing(root: Path, packed: Path) -> None:
    """A machine that came from an old release still has a DSA key; a file may be empty, or hold two."""
    (root / "etc/ssh/ssh_host_dsa_key.pub").write_text("ssh-dss AAAAB3NzaC1kc3MAAACBAP root@xen1\n")
    (root / "etc/ssh/ssh_host_rsa_key.pub").write_bytes(b"\n\xff\n")
    (root / "etc/ssh/ssh_host_ed25519_key.pub").write_text(f"{SSH_KEY}\n{SSH_KEY}\n")
    assert installed(json.dumps(setup.install(root, packed, SSH_KEY))).host_keys == (SSH_KEY, SSH_KEY)
