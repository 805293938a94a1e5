"""Which processes of xl look after a guest, with a /proc made of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from teig.agent.xen import daemons

CONFIG = Path("/var/lib/teig/guests/11111111-2222-4333-8444-555555555555/xl.cfg")
LOG = "/var/log/xen/xl-web.log"


def _process(proc: Path, pid: int, *argv: str, log: str = LOG, cwd: str = "/root") -> None:
    folder = proc / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "cmdline").write_bytes(b"\0".join(word.encode() for word in argv) + b"\0")
    (folder / "cwd").symlink_to(cwd)
    for number in ("1", "2"):
        (folder / "fd" / number).symlink_to(log)


@pytest.mark.parametrize(
    ("argv", "cwd"),
    [
        (("xl", "create", str(CONFIG)), "/"),
        (("/usr/sbin/xl", "create", str(CONFIG), 'pool="Pool-0"'), "/"),
        (("xl", "create", "xl.cfg"), str(CONFIG.parent)),
        (("xl", "create", "-p", "./xl.cfg", "memory=80"), str(CONFIG.parent)),
        (("xl", "restore", "/root/saved"), "/"),
    ],
)
def test_the_guest_s_own_are_found(tmp_path: Path, argv: tuple[str, ...], cwd: str) -> None:
    _process(tmp_path, 7, *argv, cwd=cwd)
    assert daemons.of(CONFIG, "web", tmp_path) == [7]


@pytest.mark.parametrize(
    ("argv", "log"),
    [
        (("xl", "create", "/etc/xen/web.cfg"), LOG),
        (("xl", "create", "web.cfg"), LOG),
        (("xl", "create", "-p", "/etc/xen/web.cfg", "memory=80"), LOG),
        (("xl", "restore", "/root/saved"), "/var/log/xen/xl-other.log"),
        (("vi", str(CONFIG)), LOG),
    ],
)
def test_those_of_others_are_not(tmp_path: Path, argv: tuple[str, ...], log: str) -> None:
    _process(tmp_path, 7, *argv, log=log)
    assert daemons.of(CONFIG, "web", tmp_path) == []
