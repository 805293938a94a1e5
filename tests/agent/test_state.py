"""Locks and fences between processes, and files that are there whole."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from teig.agent.contract.failure import Failure
from teig.agent.host import state as module
from teig.agent.host.state import PIECES, State, make_private, read_json, write_whole
from tests.agent.given import GUEST

HOLD = """
import sys
from pathlib import Path
from teig.agent.host.state import State
with State(Path(sys.argv[1])).changing(sys.argv[2], int(sys.argv[3])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def _holder(root: Path, fence: int) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", HOLD, str(root), GUEST, str(fence)]
    holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_held_guest_is_busy_until_its_holder_ends(tmp_path: Path) -> None:
    state = State(tmp_path)
    with _holder(tmp_path, 3) as holder:
        began = time.monotonic()
        with pytest.raises(Failure, match="holds guest") as caught, state.changing(GUEST, 9, wait_s=0.3):
            pass
        assert caught.value.kind == "busy"
        assert time.monotonic() - began < 5
        assert state.fence(GUEST) == 3
        holder.kill()
        with state.changing(GUEST, 9, wait_s=5):
            assert state.fence(GUEST) == 9


def test_an_older_fence_is_refused(tmp_path: Path) -> None:
    state = State(tmp_path)
    for fence in (0, 4, 4, 9):
        with state.changing(GUEST, fence):
            assert state.fence(GUEST) == fence
    with pytest.raises(Failure) as caught, state.changing(GUEST, 8):
        pass
    assert caught.value.kind == "fenced"
    assert state.fence(GUEST) == 9


@pytest.mark.parametrize("name", ["", "..", "../../etc", "/etc", GUEST + "/..", GUEST.upper(), GUEST.replace("-", "")])
def test_paths_are_made_of_ids_only(tmp_path: Path, name: str) -> None:
    for path in (State(tmp_path).guest_dir, State(tmp_path).image_dir):
        with pytest.raises(Failure):
            path(name)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_whole(path, "text")  # type: ignore[arg-type]
    assert [other.read_bytes() for other in tmp_path.iterdir()] == [b"old"]


def test_what_is_no_guest_s_directory_is_none(tmp_path: Path) -> None:
    state = State(tmp_path)
    make_private(state.guest_dir(GUEST))
    for name in ("lost+found", f"{GUEST}.old"):
        (tmp_path / "guests" / name).mkdir()
    assert state.guests() == [GUEST]


def test_on_a_full_disk_guests_can_still_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept in reserve makes room for the fence and for what a deletion must remember."""
    state = State(tmp_path)
    state.keep_reserve()
    make_private(state.guest_dir(GUEST))
    real = os.fsync

    def full(handle: int) -> None:
        if len(list(tmp_path.glob(".reserve*"))) > PIECES - 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with state.changing(GUEST, 7):
        assert state.fence(GUEST) == 7
    assert len(list(tmp_path.glob(".reserve*"))) == PIECES - 2
    state.keep_reserve()
    assert len(list(tmp_path.glob(".reserve*"))) == PIECES


def test_a_reserve_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is still full when it is to be made again."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "posix_fallocate", full)
        State(tmp_path).keep_reserve()
    assert list(tmp_path.iterdir()) == []
    State(tmp_path).keep_reserve()
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [64 << 10] * PIECES


def test_a_reserve_that_two_agents_make_at_once_on_a_disk_that_fills_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds the disk full, after the first had its room and before it gave the piece its name."""
    has_room, may_go_on = threading.Event(), threading.Event()
    fallocate = os.posix_fallocate

    def one_piece_more(*args: int) -> None:
        if has_room.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        fallocate(*args)
        has_room.set()
        may_go_on.wait(10)

    monkeypatch.setattr(os, "posix_fallocate", one_piece_more)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(State(tmp_path).keep_reserve)
        assert has_room.wait(10)
        State(tmp_path).keep_reserve()
        may_go_on.set()
        first.result()
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [64 << 10]


def test_a_link_to_a_file_system_that_is_not_mounted_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "guests").symlink_to("/srv/not-mounted")
    with pytest.raises(FileExistsError, match="guests"):
        State(tmp_path).changing(GUEST, 1).__enter__()


def test_what_an_older_agent_kept_in_reserve_is_given_up_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".reserve").write_bytes(bytes(1 << 20))
    make_private(tmp_path / "guests")
    sound = os.replace

    def replace(source: str, to: Path) -> None:
        if (tmp_path / ".reserve").exists():
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        sound(source, to)

    monkeypatch.setattr(os, "replace", replace)
    write_whole(tmp_path / "guests/file", b"x")
    assert (tmp_path / "guests/file").read_bytes() == b"x"


def test_without_a_reserve_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "file", b"x")
    assert list(tmp_path.iterdir()) == []


def test_some_do_a_thing_at_a_time_and_the_next_waits_until_one_has_ended(tmp_path: Path) -> None:
    state = State(tmp_path)
    with ExitStack() as stack:
        stack.enter_context(state.one_of(2, "starts"))
        second = ExitStack()
        second.enter_context(state.one_of(2, "starts"))

        def third() -> bool:
            with state.one_of(2, "starts"):
                return True

        with ThreadPoolExecutor(1) as pool:
            got = pool.submit(third)
            time.sleep(0.3)
            assert not got.done()
            second.close()
            assert got.result(10)


def test_guests_of_which_only_a_fence_is_left_are_forgotten_after_a_week(tmp_path: Path) -> None:
    state = State(tmp_path)
    old, new, held = (GUEST[:-1] + end for end in "abc")
    for guest in (old, new, held):
        with state.changing(guest, 3):
            pass
        age_s = 0 if guest == new else 8 * 86400
        os.utime(state.guest_dir(guest) / "fence", (time.time() - age_s,) * 2)
    (state.guest_dir(held) / "disk0.json").write_text("{}")
    state.forget_old()
    assert state.guests() == [new, held]


@pytest.fixture
def forgotten(tmp_path: Path) -> State:
    """A state with a guest of which only traces are left, that are old enough."""
    state = State(tmp_path)
    with state.changing(GUEST, 3) as folder:
        for number in range(8):
            (folder / f"disk{number}.gone").write_text("{}")
        (folder / ".new-abc").touch()
    os.utime(folder / "fence", (time.time() - 8 * 86400,) * 2)
    return state


def test_a_guest_s_fence_is_raised_while_it_is_forgotten(forgotten: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer server cancels: it needs no lock for that."""
    sound = os.fsync

    def fsync(handle: int) -> None:
        sound(handle)
        monkeypatch.setattr(os, "fsync", sound)
        State(forgotten.root).forget_old()

    monkeypatch.setattr(os, "fsync", fsync)
    forgotten.raise_fence(GUEST, 7)
    assert forgotten.fence(GUEST) == 7


def test_a_guest_whose_fence_was_raised_just_before_is_not_forgotten(
    forgotten: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = module.locked

    def meanwhile(path: Path, *more: Any) -> Any:
        forgotten.raise_fence(GUEST, 7)
        return sound(path, *more)

    monkeypatch.setattr(module, "locked", meanwhile)
    forgotten.forget_old()
    assert forgotten.fence(GUEST) == 7
    assert (forgotten.guest_dir(GUEST) / "disk7.gone").exists()


@pytest.mark.parametrize("cut_after", range(12))
def test_forgetting_that_was_cut_is_finished_by_the_next(
    forgotten: State, monkeypatch: pytest.MonkeyPatch, cut_after: int
) -> None:
    sound, folder = Path.unlink, forgotten.guest_dir(GUEST)
    done: list[str] = []

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        if len(done) == cut_after:
            raise KeyboardInterrupt
        sound(path, missing_ok=missing_ok)
        done.append(path.name)

    def rmdir(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink)
        patch.setattr(Path, "rmdir", rmdir)
        with pytest.raises(KeyboardInterrupt):
            forgotten.forget_old()
    assert (folder / "fence").exists() is (cut_after < 10), "it is there as long as anything that it guards"
    if cut_after >= 10:
        os.utime(folder, (time.time() - 8 * 86400,) * 2)
    forgotten.forget_old()
    assert forgotten.guests() == []


def test_what_a_fence_guarded_is_not_forgotten_while_that_is_written_anew(forgotten: State) -> None:
    """It was damaged, and its message says to remove it."""
    folder = forgotten.guest_dir(GUEST)
    (folder / "fence").unlink()
    for path in (folder, folder / "lock"):
        os.utime(path, (time.time() - 8 * 86400,) * 2)
    forgotten.forget_old()
    assert (folder / "disk0.gone").exists()


def test_many_who_write_on_a_full_disk_give_up_one_piece_after_the_other(
    forgotten: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, folder = os.replace, forgotten.guest_dir(GUEST)
    forgotten.keep_reserve()

    def replace(source: str, to: Path) -> None:
        if Path(source).name.startswith(".new-") and list(forgotten.root.glob(".reserve*")):
            raise OSError(errno.ENOSPC, "No space left on device")
        sound(source, to)

    monkeypatch.setattr(os, "replace", replace)
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda number: written(folder / str(number)), range(40)))
    assert set(said) <= {0, errno.ENOSPC}
    assert (folder / "39").read_bytes() == b"x"


def written(path: Path) -> int | None:
    """Write a file; return the error's number, 0 without one."""
    try:
        write_whole(path, b"x")
    except OSError as error:
        return error.errno
    return 0


def test_who_waits_while_a_guest_is_forgotten_does_not_share_it_with_who_comes_then(
    forgotten: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, within, found_alone = forgotten.guest_dir(GUEST), threading.Lock(), []
    sound_unlink, sound_rmdir = Path.unlink, Path.rmdir

    def hold() -> None:
        with State(forgotten.root).changing(GUEST, 6, wait_s=10.0):
            alone = within.acquire(blocking=False)
            found_alone.append(alone)
            time.sleep(0.3)
            if alone:
                within.release()

    with ThreadPoolExecutor(2) as pool:
        waiting: list[Future[None]] = []

        def unlink(path: Path, *, missing_ok: bool = False) -> None:
            if path.parent == folder and not waiting:
                waiting.append(pool.submit(hold))
                time.sleep(0.2)  # it has opened the lock
            sound_unlink(path, missing_ok=missing_ok)

        def rmdir(path: Path) -> None:
            sound_rmdir(path)
            if path == folder:
                waiting.append(pool.submit(hold))
                time.sleep(0.2)

        monkeypatch.setattr(Path, "unlink", unlink)
        monkeypatch.setattr(Path, "rmdir", rmdir)
        forgotten.forget_old()
        for one in waiting:
            one.result(30)
    assert found_alone == [True, True]


def test_only_the_agent_s_own_reserve_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes elsewhere too: root's authorized_keys."""
    (tmp_path / ".reserve").write_bytes(b"somebody's")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "authorized_keys", b"x")
    assert (tmp_path / ".reserve").exists()


def test_a_damaged_fence_says_what_leads_on(tmp_path: Path) -> None:
    """A file system may give zeros back after a power cut, and every verb asks for it."""
    state = State(tmp_path)
    with state.changing(GUEST, 5) as folder:
        (folder / "fence").write_bytes(b"\0\0")
    with pytest.raises(Failure, match="is damaged") as caught, state.changing(GUEST, 6):
        pass
    argv = caught.value.todo.rpartition(": ")[2].split()
    assert argv == ["rm", str(folder / "fence")]
    subprocess.run(argv, check=True)
    with state.changing(GUEST, 6):
        assert state.fence(GUEST) == 6


def test_who_finds_a_damaged_file_is_told_what_leads_on(tmp_path: Path) -> None:
    state, file = State(tmp_path), tmp_path / "disk0.json"
    file.write_bytes(b"{")
    make_private(state.guest_dir(GUEST))
    (state.guest_dir(GUEST) / "fence").write_text("x")
    for read, todo in (
        (lambda: read_json(file), f"mv {file} {file}.damaged"),
        (lambda: state.fence(GUEST), f"rm {state.guest_dir(GUEST) / 'fence'}"),
    ):
        with pytest.raises(Failure) as caught:
            read()
        assert caught.value.code == "state_damaged"
        assert caught.value.todo.endswith(todo)
