"""`teig audit` as people and programs use it."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from teig.audit.host import ConfigText
from teig.cli.audit_sources import rewrite
from teig.model.errors import HostFault
from tests.audit.given import BADLY, GOOD
from tests.cli.conftest import Teig
from tests.cli.fake_server import FakeServer

FIELDS = ["file", "line", "column", "code", "severity", "message"]
BAD = GOOD.replace("maxmem = 512", "maxmem = 2048")


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "web.cfg"
    path.write_text(BAD)
    return path


def test_a_finding_is_shown_where_it_is(teig: Teig, bad: Path) -> None:
    done = teig("audit", str(bad))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{bad}:6:10: warning MEM001: The guest has 512 MiB")
    assert lines[1:3] == ["    maxmem = 2048", "             ^"]
    assert done.stderr.splitlines()[0] == "Found: 1 warning."


def test_a_good_file_says_nothing(teig: Teig, tmp_path: Path) -> None:
    (tmp_path / "web.cfg").write_text(GOOD)
    done = teig("audit", str(tmp_path / "web.cfg"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Nothing found.\n")


def test_notes_alone_end_with_0(teig: Teig, tmp_path: Path) -> None:
    (tmp_path / "web.cfg").write_text(GOOD.replace("cap = 100\n", ""))
    done = teig("audit", str(tmp_path / "web.cfg"))
    assert done.returncode == 0
    assert "note CPU002" in done.stdout


def test_json_is_two_lists_of_the_same_fields(teig: Teig, bad: Path, tmp_path: Path) -> None:
    broken, binary = tmp_path / "broken.cfg", tmp_path / "binary.cfg"
    broken.write_text("name = \n")
    binary.write_bytes(bytes(range(256)))
    done = teig("audit", "-o", "json", str(bad), str(broken), str(binary), str(tmp_path), str(tmp_path / "none.cfg"))
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert list(answer) == ["findings", "errors"]
    assert all(list(one) == FIELDS for one in answer["findings"] + answer["errors"])
    assert [(one["line"], one["column"], one["code"]) for one in answer["findings"]] == [(6, 10, "MEM001")]
    assert [(one["file"], one["line"], one["column"], one["code"]) for one in answer["errors"]] == [
        (str(broken), 1, 8, "syntax"),
        (str(binary), 1, 1, "syntax"),
        (str(tmp_path), 0, 0, "unreadable"),
        (str(tmp_path / "none.cfg"), 0, 0, "unreadable"),
    ]


def test_what_a_file_says_cannot_steer_the_terminal(teig: Teig, tmp_path: Path) -> None:
    (tmp_path / "web.cfg").write_bytes(b'name = "\x1b[31mx\x07"\nbad = \x1b[2J\n')
    done = teig("audit", str(tmp_path / "web.cfg"))
    (tmp_path / "web.cfg").write_bytes(b'name = "\x1b[31mx"\nmemroy = 2\ntype = "\x1b]0;x"\n')
    again = teig("audit", str(tmp_path / "web.cfg"))
    fixed = teig("audit", "--fix", str(tmp_path / "web.cfg"))
    assert "\x1b" not in done.stdout + again.stdout + fixed.stdout
    assert done.returncode == again.returncode == 1


def test_bytes_that_are_no_text_are_shown_as_such(teig: Teig, tmp_path: Path) -> None:
    path = tmp_path / "web.cfg"
    path.write_bytes(GOOD.replace("/dev/vg0/web", "/srv/w\xe9b.img").encode("latin-1"))
    answer = json.loads(teig("audit", "-o", "json", str(path)).stdout)
    assert any(one["message"].startswith("/srv/w?b.img is a file") for one in answer["findings"])
    assert "/srv/w?b.img is a file" in teig("audit", str(path)).stdout
    path.write_bytes(path.read_bytes().replace(b"maxmem = 512", b"maxmem = 600"))
    assert teig("audit", "--fix", "--write", str(path)).returncode == 1
    assert b"/srv/w\xe9b.img" in path.read_bytes()


def test_fix_shows_a_diff_and_changes_nothing(teig: Teig, bad: Path) -> None:
    done = teig("audit", "--fix", str(bad))
    assert done.returncode == 1
    assert "\n-maxmem = 2048\n+maxmem = 512\n" in done.stdout
    assert bad.read_text() == BAD
    assert list(bad.parent.iterdir()) == [bad]


def test_fix_explains_what_it_does_not_change(teig: Teig, bad: Path) -> None:
    bad.write_text(BAD.replace(", rate=10Mb/s", ""))
    done = teig("audit", "--fix", str(bad))
    assert f"{bad}:11:8: warning NET001" in done.stderr
    assert "    Add `rate=` (Mb is bits, MB is bytes)." in done.stderr
    assert "NET001" not in done.stdout


def test_a_shown_diff_is_what_patch_takes(teig: Teig, bad: Path) -> None:
    done = teig("audit", "--fix", str(bad))
    subprocess.run(["git", "apply", "--check", "-p1", "-"], input=done.stdout, text=True, check=True, cwd="/")


def test_line_ends_are_in_the_diff_and_among_what_can_be_mended(teig: Teig, tmp_path: Path) -> None:
    path = tmp_path / "web.cfg"
    path.write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert "1 can be mended safely" in teig("audit", str(path)).stderr
    assert "can be mended" not in teig("audit", "--xm", str(path)).stderr
    argv = [sys.executable, "-m", "teig", "audit", "--fix", str(path)]
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b'\n-type = "pv"\r\n' in done.stdout
    assert b'\n+type = "pv"\n' in done.stdout
    assert b"a terminal does not show" in done.stderr
    subprocess.run(["git", "apply", "--check", "-p1", "-"], input=done.stdout, check=True, cwd="/")


def test_a_file_that_sets_nothing_is_an_error(teig: Teig, tmp_path: Path) -> None:
    path = tmp_path / "empty.cfg"
    for text in ("", "# nothing yet\n"):
        path.write_text(text)
        done = teig("audit", str(path))
        assert done.returncode == 1
        assert done.stdout.startswith(f"{path}: error empty: ")
        assert done.stderr.splitlines()[0] == "Found: 1 empty file."


def test_the_summary_says_what_kind_of_errors_there_are(teig: Teig, tmp_path: Path) -> None:
    (tmp_path / "one.cfg").write_bytes(b"name = \x8d\n")
    done = teig("audit", str(tmp_path / "one.cfg"), str(tmp_path / "none.cfg"))
    assert "The byte 0x8D cannot stand here" in done.stdout
    assert done.stderr.splitlines()[0] == "Found: 1 syntax error, 1 unreadable file."


def test_write_changes_the_file_and_keeps_the_old_one(teig: Teig, bad: Path) -> None:
    bad.chmod(0o640)
    done = teig("audit", "--fix", "--write", str(bad))
    assert done.returncode == 0, done.stdout + done.stderr
    assert bad.read_text() == GOOD
    assert bad.stat().st_mode & 0o777 == 0o640
    assert Path(f"{bad}.bak").read_text() == BAD
    assert teig("audit", "--fix", "--write", str(bad)).stdout == ""


def test_what_was_kept_is_never_overwritten(teig: Teig, bad: Path) -> None:
    for number in range(3):
        bad.write_text(f"{BAD}# {number}\n")
        assert teig("audit", "--fix", "--write", str(bad)).returncode == 0
    kept = [Path(f"{bad}{end}").read_text() for end in (".bak", ".bak.1", ".bak.2")]
    assert kept == [f"{BAD}# {number}\n" for number in range(3)]


def test_a_link_stays_a_link(teig: Teig, bad: Path) -> None:
    """What is kept lies beside the file: xendomains starts all that is in the folder of links, /etc/xen/auto."""
    auto = bad.parent / "auto"
    auto.mkdir()
    link = auto / bad.name
    link.symlink_to(f"../{bad.name}")
    done = teig("audit", "--fix", "--write", str(link))
    assert done.returncode == 0
    assert f"as it was: {bad}.bak" in done.stdout
    assert [path.name for path in auto.iterdir()] == [link.name]
    assert link.is_symlink()
    assert bad.read_text() == GOOD


def test_what_is_kept_of_a_file_in_auto_is_not_started_by_xendomains(teig: Teig, bad: Path) -> None:
    auto = bad.parent / "auto"
    auto.mkdir()
    bad.rename(auto / bad.name)
    done = teig("audit", "--fix", "--write", str(auto / bad.name))
    assert f"as it was: {bad}.bak" in done.stdout
    assert [path.name for path in auto.iterdir()] == [bad.name]
    assert bad.with_name("web.cfg.bak").read_text() == BAD


@pytest.mark.parametrize("way", ["auto/web.cfg", "link.cfg"])
def test_nor_where_auto_is_a_link_and_so_is_the_file(teig: Teig, bad: Path, way: str) -> None:
    real = bad.parent / "autostart"
    real.mkdir()
    (bad.parent / "auto").symlink_to(real)
    bad.rename(real / bad.name)
    (bad.parent / "link.cfg").symlink_to(f"auto/{bad.name}")
    assert teig("audit", "--fix", "--write", str(bad.parent / way)).returncode == 0
    assert [path.name for path in real.iterdir()] == [bad.name]
    assert (real / bad.name).read_text() == GOOD


def test_no_link_that_lies_where_it_writes_is_followed(teig: Teig, bad: Path, tmp_path: Path) -> None:
    """Root may run it on a file in a folder that is somebody else's."""
    other = tmp_path / "etc"
    other.mkdir()
    (other / "shadow").write_text("root:secret\n")
    (other / "shadow").chmod(0o600)
    for name in (".web.cfg.new", "web.cfg.bak.1"):
        bad.with_name(name).symlink_to(other / "shadow")
    bad.with_name("web.cfg.bak").symlink_to(other / "made")
    bad.chmod(0o644)
    done = teig("audit", "--fix", "--write", str(bad))
    assert f"as it was: {bad}.bak.2\n" in done.stdout
    assert (bad.read_text(), bad.with_name("web.cfg.bak.2").read_text()) == (GOOD, BAD)
    assert [path.name for path in other.iterdir()] == ["shadow"]
    assert ((other / "shadow").read_text(), (other / "shadow").stat().st_mode & 0o777) == ("root:secret\n", 0o600)


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_disk_that_is_full_leaves_the_file_and_nothing_else(
    bad: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    """A backup that was cut would look like the first version, and the next run would keep it."""
    written: list[int] = []

    def full(handle: int) -> None:
        written.append(handle)
        if len(written) == fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HostFault, match="No space left on device"):
        rewrite(ConfigText(str(bad), GOOD))
    assert list(bad.parent.iterdir()) == [bad]
    assert bad.read_text() == BAD


def test_a_name_that_has_no_room_for_more_is_said(teig: Teig, tmp_path: Path) -> None:
    long = tmp_path / f"{'g' * 248}.cfg"
    long.write_text(BAD)
    done = teig("audit", "--fix", "--write", str(long))
    assert done.returncode == 1
    assert "cannot be changed: File name too long" in done.stderr
    assert (list(tmp_path.iterdir()), long.read_text()) == ([long], BAD)


def test_a_link_and_its_file_are_one_guest(teig: Teig, bad: Path) -> None:
    bad.write_text(GOOD)
    link = bad.with_name("auto.cfg")
    link.symlink_to(bad.name)
    done = teig("audit", str(bad), str(link))
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_select_and_ignore(teig: Teig, bad: Path) -> None:
    assert teig("audit", "--ignore", "MEM", str(bad)).returncode == 0
    assert teig("audit", "--select", "net,cpu", str(bad)).returncode == 0
    assert teig("audit", "--select", "NET", "--select", "MEM001", str(bad)).returncode == 1


def test_files_for_xm(teig: Teig, tmp_path: Path) -> None:
    (tmp_path / "xm.cfg").write_text(GOOD + "localtime = True # utc")
    assert "xl does not know True" in teig("audit", str(tmp_path / "xm.cfg")).stdout
    assert teig("audit", "--xm", str(tmp_path / "xm.cfg")).returncode == 0


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--select", "NOPE", "x.cfg"),
        ("--write", "x.cfg"),
        ("--fix", "-o", "json", "x.cfg"),
        ("--host", "xen1", "x.cfg"),
        ("--host", "xen1", "--local"),
        ("--nonsense",),
    ],
)
def test_wrong_usage_is_2(teig: Teig, args: tuple[str, ...]) -> None:
    done = teig("audit", *args)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_explain(teig: Teig) -> None:
    assert "pre-ballooned" in teig("audit", "--explain", "mem001").stdout
    assert len(teig("audit", "--explain", "all").stdout.splitlines()) >= 35
    unknown = teig("audit", "--explain", "MEM01")
    assert unknown.returncode == 2
    assert "Did you mean MEM001" in unknown.stderr


def test_a_host_of_the_server(teig: Teig, server: FakeServer) -> None:
    facts = json.loads(json.dumps(dataclasses.asdict(BADLY)))
    configs = [{"path": "/etc/xen/web.cfg", "text": BAD}]
    server.things["/hosts/xen1/audit-facts"] = {"settings": facts, "configs": configs}
    done = teig("audit", "--host", "xen1", "-o", "json")
    assert done.returncode == 1, done.stderr
    found = {(one["file"], one["code"]) for one in json.loads(done.stdout)["findings"]}
    assert {("xen1:/etc/xen/web.cfg", "MEM001"), ("xen1:/etc/default/grub", "HST001")} <= found


def test_a_host_needs_a_server(teig: Teig) -> None:
    done = teig("audit", "--host", "xen1")
    assert done.returncode == 3
    assert "teig serve" in done.stderr


def test_this_machine(teig: Teig, bad: Path) -> None:
    done = teig("audit", "--local", "-o", "json", str(bad))
    answer = json.loads(done.stdout)
    assert answer["errors"] == []
    assert ("MEM001", 6) in {(one["code"], one["line"]) for one in answer["findings"]}


def test_files_alone_import_nothing_slow(bad: Path) -> None:
    code = (
        f"import sys; sys.argv = ['teig', 'audit', {str(bad)!r}]\n"
        "from teig.cli.main import run\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        "slow = ('httpx', 'fastapi', 'dbos', 'sqlalchemy', 'rich', 'asyncio', 'websockets', 'teig.agent.host')\n"
        "print('LOADED', [name for name in slow if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert "LOADED []" in done.stdout


def test_a_link_called_auto_to_a_folder_of_another_name_is_left_out_too(teig: Teig, tmp_path: Path) -> None:
    """xendomains follows it as well."""
    (tmp_path / "boot").mkdir()
    (tmp_path / "auto").symlink_to(tmp_path / "boot")
    config = tmp_path / "boot/web.cfg"
    config.write_text('name = "web"\nmemory = 512\nmaxmem = 1024\n')
    teig("audit", str(tmp_path / "auto/web.cfg"), "--fix", "--write")
    assert [path.name for path in (tmp_path / "boot").iterdir()] == ["web.cfg"]
    assert (tmp_path / "web.cfg.bak").exists()
