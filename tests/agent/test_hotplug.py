"""The scripts that xl runs: what they give a guest, and what they refuse. `ip`, xenstore and sysfs are stand-ins here;
tests/fleet/test_lab_guests.py has the real ones."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from teig.agent.xen.hotplug import BLOCK, SCRIPTS, VIF_BRIDGE
from tests.agent.given import GUEST

BACKENDS = "local/domain/0/backend"
READ = """#!/bin/sh
for key; do cat "$STORE$key" || exit 1; done
"""
WRITE = """#!/bin/sh
while [ $# -gt 0 ]; do mkdir -p "$STORE${1%/*}"; echo "$2" >"$STORE$1"; shift 2; done
"""
IP = """#!/bin/sh
echo "$*" >>"$STORE/said"
case "$*" in *$REFUSED*) echo "it may not"; exit 1 ;; esac
"""
LIMITS = IP.replace('"$*" >>', '"limits $*" >>')


class Dom0:
    """A Domain-0 in a folder: `store` is xenstore, a file for each key; `sys` is what the kernel shows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.sys = folder, folder / "store", folder / "sys"
        self.device = next(path for path in sorted(Path("/dev").iterdir()) if path.is_block_device())
        number = self.device.stat().st_rdev
        self.number = f"{number >> 8:x}:{number & 255:x}"
        for name, text in {"xenstore-read": READ, "xenstore-write": WRITE, "ip": IP}.items():
            program = folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(text)
            program.chmod(0o755)
        limits = folder / "scripts/teig-vif-limits"
        limits.parent.mkdir()
        limits.write_text(LIMITS)
        limits.chmod(0o755)
        (self.sys / "devices").mkdir(parents=True)
        self.mounts("21 23 0:18 / /proc rw,relatime shared:5 - proc proc rw")
        for name in ("xenbr0/bridge", "vif7.0"):
            (self.sys / "net" / name).mkdir(parents=True)
        for name in ("xenbr0", "vif7.0"):
            (self.sys / "net" / name / "mtu").write_text("1500\n")

    def put(self, key: str, value: str) -> None:
        (self.store / key).parent.mkdir(parents=True, exist_ok=True)
        (self.store / key).write_text(f"{value}\n")

    def read(self, key: str) -> str | None:
        path = self.store / key
        return path.read_text().strip() if path.exists() else None

    def mounts(self, text: str) -> None:
        (self.folder / "mounts").write_text(f"{text}\n")

    def disk(self, domid: int, mode: str = "w", *, seen: bool = False) -> str:
        """Make a disk's back end, which the kernel shows; `seen`: with the device's number already."""
        path = f"{BACKENDS}/vbd/{domid}/51712"
        for key, value in {"params": str(self.device), "mode": mode}.items():
            self.put(f"{path}/{key}", value)
        if domid:
            self.put(f"local/domain/{domid}/vm", f"/vm/{domid}")
        entry = self.sys / f"devices/vbd-{domid}-51712"
        entry.mkdir()
        (entry / "mode").write_text(f"{mode}\n")
        if seen:
            (entry / "physical_device").write_text(f"{self.number}\n")
        return path

    def begin(self, script: str, path: str, *arguments: str, refused: str = "nothing") -> subprocess.Popen[str]:
        text = SCRIPTS[script]
        for real, ours in {
            "/proc/self/mountinfo": self.folder / "mounts",
            "/sys/bus/xen-backend/devices": self.sys / "devices",
            "/sys/class/net": self.sys / "net",
            "/var/run/xen-hotplug": self.folder / "run",
            "/etc/xen/scripts": self.folder / "scripts",
        }.items():
            text = text.replace(real, str(ours))
        env = {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "STORE": str(self.store), "XENBUS_PATH": f"/{path}",
               "vif": "vif7.0", "REFUSED": refused}  # fmt: skip
        argv = ["dash", "-c", text, script, *arguments]
        return subprocess.Popen(argv, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, script: str, path: str, *arguments: str, refused: str = "nothing") -> tuple[bool, str]:
        """Run a script; return whether it has connected the device, and what it said to xl."""
        running = self.begin(script, path, *arguments, refused=refused)
        running.communicate(timeout=60)
        connected = self.read(f"{path}/hotplug-status") == "connected"
        assert connected == (running.returncode == 0)
        return connected, self.read(f"{path}/hotplug-error") or ""


@pytest.fixture
def dom0(tmp_path: Path) -> Dom0:
    return Dom0(tmp_path)


def test_a_volume_that_nobody_has_is_connected(dom0: Dom0) -> None:
    path = dom0.disk(7)
    assert dom0.run(BLOCK, path, "add") == (True, "")
    assert dom0.read(f"{path}/physical-device") == dom0.number
    assert dom0.run(BLOCK, path, "add") == (True, ""), "again, after xl was cut short"


@pytest.mark.parametrize(
    ("mode", "options", "given"),
    [
        ("w", "rw,noatime", False),
        ("w", "ro,noatime", False),
        ("r", "rw", False),
        ("r", "ro", True),
        ("r", "ro,a", True),
    ],
)
@pytest.mark.parametrize("known_by", ["name", "number"])
def test_a_volume_that_is_mounted(dom0: Dom0, mode: str, options: str, given: bool, known_by: str) -> None:
    """Under whatever name, and with whatever file system: btrfs has device numbers of its own."""
    other = dom0.folder / "by-another-name"
    other.symlink_to(dom0.device)
    number = ":".join(str(int(part, 16)) for part in dom0.number.split(":"))
    optional, place, source = {"name": ("", "0:39", other), "number": ("shared:9 ", number, "/dev/root")}[known_by]
    dom0.mounts(f"30 23 {place} / /mnt {options} {optional}- btrfs {source} {options}")
    said = "" if given else f"{dom0.device} is mounted in Domain-0."
    assert dom0.run(BLOCK, dom0.disk(7, mode), "add") == (given, said)


@pytest.mark.parametrize(("modes", "given"), [("ww", False), ("wr", False), ("rw", False), ("rr", True)])
@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("user", [0, 8])
def test_a_volume_that_another_domain_has(dom0: Dom0, modes: Sequence[str], given: bool, seen: bool, user: int) -> None:
    theirs, ours = dom0.disk(user, modes[0], seen=seen), dom0.disk(7, modes[1])
    dom0.put(f"{theirs}/physical-device", dom0.number)
    said = "" if given else f"{dom0.device} is a disk of domain {user}."
    assert dom0.run(BLOCK, ours, "add") == (given, said)


def test_what_is_left_of_the_guest_s_last_domain_does_not_keep_it_from_its_next(dom0: Dom0) -> None:
    dom0.disk(6, seen=True)
    dom0.put("local/domain/6/vm", "/vm/7")
    dom0.disk(5, seen=True)
    (dom0.store / "local/domain/5/vm").unlink()
    assert dom0.run(BLOCK, dom0.disk(7), "add") == (True, "")


def test_who_cannot_be_known_gets_no_volume(dom0: Dom0) -> None:
    path = dom0.disk(7)
    (dom0.store / "local/domain/7/vm").unlink()
    connected, said = dom0.run(BLOCK, path, "add")
    assert (connected, said) == (False, "xenstore does not say which device it is, and whose.")


@pytest.mark.parametrize("key", ["local/domain/8/vm", f"{BACKENDS}/vbd/8/51712/physical-device"])
def test_where_xenstore_does_not_answer_nobody_gets_a_volume(dom0: Dom0, key: str) -> None:
    theirs, ours = dom0.disk(8), dom0.disk(7)
    dom0.put(f"{theirs}/physical-device", dom0.number)
    down = f'case "$*" in /{key}) touch "$STORE/down"; esac\n[ $# -gt 1 ] || [ ! -e "$STORE/down" ] || exit 1\n'
    (dom0.folder / "bin/xenstore-read").write_text(READ.replace("for key;", f"{down}for key;"))
    assert dom0.run(BLOCK, ours, "add") == (False, "xenstore does not answer.")


def test_a_volume_that_two_read_is_given_to_both_from_the_first_moment(dom0: Dom0) -> None:
    theirs, ours = dom0.disk(8, "r"), dom0.disk(7, "r")
    dom0.put(f"{theirs}/physical-device", dom0.number)
    (dom0.sys / "devices/vbd-8-51712/mode").unlink()
    assert dom0.run(BLOCK, ours, "add") == (True, "")


def test_a_lock_that_cannot_be_made_is_told(dom0: Dom0) -> None:
    (dom0.folder / "run/block").mkdir(parents=True)
    connected, said = dom0.run(BLOCK, dom0.disk(7), "add")
    assert not connected
    assert "cannot be written" in said


def test_of_two_at_once_one_gets_the_volume(dom0: Dom0) -> None:
    paths = [dom0.disk(domid) for domid in (7, 8)]
    for _ in range(5):
        running = [dom0.begin(BLOCK, path, "add") for path in paths]
        for one in running:
            one.communicate(timeout=60)
        assert sorted(one.returncode for one in running) == [0, 1]
        for path in paths:
            (dom0.store / path / "physical-device").unlink(missing_ok=True)


@pytest.mark.parametrize("script", [BLOCK, VIF_BRIDGE])
def test_there_is_nothing_to_do_at_a_device_s_end(dom0: Dom0, script: str) -> None:
    argument = "remove" if script == BLOCK else "offline"
    running = dom0.begin(script, f"{BACKENDS}/vif/7/0", argument)
    running.communicate(timeout=60)
    assert (running.returncode, dom0.store.exists()) == (0, False)


def card(dom0: Dom0, bridge: str = "xenbr0") -> str:
    path = f"{BACKENDS}/vif/7/0"
    dom0.put(f"{path}/bridge", bridge)
    dom0.put("local/domain/7/vm", f"/vm/{GUEST}")
    return path


def test_a_card_joins_its_bridge(dom0: Dom0) -> None:
    assert dom0.run(VIF_BRIDGE, card(dom0), "online", "type_if=vif") == (True, "")
    assert (dom0.read("said") or "").splitlines() == [
        "link set dev vif7.0 address fe:ff:ff:ff:ff:ff mtu 1500 master xenbr0",
        f"limits vif7.0 /var/lib/teig/guests/{GUEST}/nic0",
        "link set dev vif7.0 up",
    ]
    assert dom0.read("local/domain/7/device/vif/0/mtu") == "1500"


@pytest.mark.parametrize(("refused", "given"), [("address", True), ("mtu", True), ("master", False), ("nic0", False)])
def test_a_card_that_cannot_have_all_joins_its_bridge_nevertheless(dom0: Dom0, refused: str, given: bool) -> None:
    connected, said = dom0.run(VIF_BRIDGE, card(dom0), "online", refused=refused)
    assert (connected, "it may not" in said) == (given, not given)


def test_a_bridge_that_is_none(dom0: Dom0) -> None:
    assert dom0.run(VIF_BRIDGE, card(dom0, "vif7.0"), "online") == (False, "There is no bridge vif7.0.")


def test_an_administrator_s_hooks_are_run_by_xen_s_own_script(dom0: Dom0) -> None:
    hook, xens = dom0.folder / "scripts/vif-post.d/filter.hook", dom0.folder / "scripts/vif-bridge"
    hook.parent.mkdir()
    hook.touch(0o755)
    xens.write_text('#!/bin/sh\necho "xens $*" >>"$STORE/said"\n')
    xens.chmod(0o755)
    path = card(dom0)
    running = dom0.begin(VIF_BRIDGE, path, "online", "type_if=vif")
    running.communicate(timeout=60)
    limited = f"limits vif7.0 /var/lib/teig/guests/{GUEST}/nic0"
    assert (dom0.read("said") or "").splitlines() == [limited, "xens online type_if=vif", limited]
