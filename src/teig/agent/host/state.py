"""The agent's own files: /var/lib/teig, for root only.

    images/ID/      manifest.json and the files it names; a file is there whole, or not at all
    guests/UUID/    spec.json, xl.cfg, diskN.json (a volume that is clean), fence, lock

A guest's `fence` and `lock` stay when all else of it has gone: a server that was thought dead and acts late finds the
higher fence and is refused. Exclusion is by flock on files, because every channel is a process of its own.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from teig.agent.contract import arguments
from teig.agent.contract.failure import NO_ROOM, Failure, host_fault

DEFAULT_ROOT = Path("/var/lib/teig")
GOING_DOWN = Path("/run/teig/going-down")
"""There from the moment in which the host goes down: nothing starts any more."""
GONE = ".gone"
"""How the file ends that says that a volume was removed (`teig.agent.disks.ownership`)."""
NEW = ".new-"
"""How a file begins that is still being written: maybe by who has no lock here, such as a newer server that cancels."""
LOCK_WAIT_S = 2.0
_KEPT = ("fence", "lock")
_POLL_S = 0.05
_LATE_S = 7 * 86400.0
"""Seconds after which nothing of a server that was thought dead can arrive: its connection has ended long ago."""
_RESERVE = ".reserve"
PIECES = 16
"""How many files are kept in reserve."""
_PIECE_BYTES = 64 << 10
_TRIES = 8


def _is_guest(path: Path) -> bool:
    """Say whether something is a guest's directory: people and file systems put other things beside these."""
    try:
        return bool(arguments.guest_id("guest", path.name)) and path.is_dir()
    except Failure:
        return False


class State:
    """The directories of one agent."""

    def __init__(self, root: Path = DEFAULT_ROOT) -> None:
        self.root = root
        self.locked_here: set[str] = set()
        """Guests whose lock this process has from the one that forked it."""

    def guest_dir(self, guest: str) -> Path:
        """Return a guest's directory; its name is checked again here, where paths are made."""
        return self.root / "guests" / str(arguments.guest_id("guest", guest))

    def image_dir(self, image: str) -> Path:
        """Return an image's directory."""
        return self.root / "images" / str(arguments.sha256("image", image))

    def keep_reserve(self) -> None:
        """Keep room for the agent's own small files, so that guests can be stopped and deleted on a full disk."""
        if not self.root.exists():
            return
        there = {piece.name for piece in _reserve(self.root)}
        for name in (f"{_RESERVE}{number}" for number in range(PIECES)):
            if name not in there and not _make_piece(self.root, name):
                return

    @contextlib.contextmanager
    def one_of(self, count: int, name: str) -> Iterator[None]:
        """Be one of at most `count` processes here that do a thing at a time, waiting as long as it takes."""
        make_private(self.root)
        handles = [
            os.open(self.root / f"{name}-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            for number in range(count)
        ]
        try:
            while not any(_lock_now(handle, fcntl.LOCK_EX) for handle in handles):
                time.sleep(_POLL_S)
            yield
        finally:
            for handle in handles:
                os.close(handle)

    def guests(self) -> list[str]:
        """Return the ids of all guests that left a trace here."""
        return sorted(path.name for path in self._entries("guests") if _is_guest(path))

    def _entries(self, kind: str) -> list[Path]:
        try:
            return list((self.root / kind).iterdir())
        except FileNotFoundError:
            return []

    def forget_old(self) -> None:
        """Forget guests of which only the fence has been left for so long that nobody can come late any more."""
        for folder in self._entries("guests"):
            with contextlib.suppress(OSError, Failure):
                if not _is_forgotten(folder):
                    continue
                if not any(folder.iterdir()):  # the last was cut
                    folder.rmdir()
                    continue
                with locked(folder / "lock", 0, "It is at work."), _fencing(folder, 0):
                    if _is_forgotten(folder):  # and nobody was faster
                        left = {path.name for path in folder.iterdir()}
                        for name in (*sorted(left - set(_KEPT)), *_KEPT):  # whatever is cut is done by the next
                            (folder / name).unlink(missing_ok=True)
                        folder.rmdir()

    def fence(self, guest: str) -> int:
        """Return the highest fencing number that acted on a guest, 0 before the first."""
        file = self.guest_dir(guest) / "fence"
        try:
            text = file.read_text(errors="replace").strip()
        except FileNotFoundError:
            return 0
        if text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= arguments.MOST_FENCE:
            return int(text)
        raise host_fault(
            "state_damaged",
            f"The file {file} on the host is damaged: which Teig server acts on the guest is not known.",
            "Where only one server manages this host, or the others have been stopped, remove it on the host, and try "
            f"again, which writes it anew: rm {file}",
        )

    @contextlib.contextmanager
    def changing(self, guest: str, fence: Optional[int], wait_s: float = LOCK_WAIT_S) -> Iterator[Path]:
        """Hold a guest for a whole verb and give its directory; Busy after `wait_s`, Fenced for a number too low.

        None is for what the host does by itself when it goes down or comes up: it acts under whatever number there is.
        """
        folder = self.guest_dir(guest)
        if guest in self.locked_here:
            yield folder
            return
        with locked(folder / "lock", wait_s, f"Another operation holds guest {guest}."):
            if fence is not None:
                self.raise_fence(guest, fence)
            yield folder

    def refuse_older(self, guest: str, fence: int) -> None:
        """Raise Fenced for a number lower than the highest that acted on a guest."""
        stored = self.fence(guest)
        if fence < stored:
            raise Failure(
                "fenced", f"Guest {guest} is under fence {stored}, and this request carries {fence}: it is too old.",
                "Another Teig server works on it, or has. If that one is gone for good: teig host adopt",
            )  # fmt: skip

    def raise_fence(self, guest: str, fence: int) -> None:
        """Remember a number that acts on a guest; Fenced where it is too low.

        Under a lock of its own: a job that is cancelled has the guest's.
        """
        with _fencing(self.guest_dir(guest), LOCK_WAIT_S):
            self.refuse_older(guest, fence)
            if fence > self.fence(guest):
                write_whole(self.guest_dir(guest) / "fence", f"{fence}\n".encode())


@contextlib.contextmanager
def _fencing(folder: Path, wait_s: float) -> Iterator[None]:
    """Be the only one who changes a guest's fence."""
    held = f"Another request is being carried out for guest {folder.name}."
    handle = open_locked(folder, wait_s, held, flags=os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield
    finally:
        os.close(handle)


def _is_forgotten(folder: Path) -> bool:
    """Say whether only the fence of a guest has been left, for so long that nobody can come late any more.

    A fence is written anew where somebody was told to remove it, and what it guarded is there meanwhile.
    """
    left = {path.name for path in folder.iterdir()} if _is_guest(folder) else {"?"}
    if not all(outlives(folder / name) for name in left) or ("fence" not in left and left - {"lock"}):
        return False
    last = folder / "fence" if "fence" in left else folder
    return time.time() - last.stat().st_mtime >= _LATE_S


def outlives(path: Path) -> bool:
    """Say whether a file stays when its guest's others go.

    So do its fence and lock, what says that volumes were removed, and what somebody is still writing.
    """
    return path.name in _KEPT or path.suffix == GONE or path.name.startswith(NEW)


def make_private(folder: Path) -> None:
    """Make a directory and those above it, for root only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


@contextlib.contextmanager
def locked(path: Path, wait_s: float, held: str, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a lock file, waiting at most `wait_s` seconds; Busy with the sentence `held` after that."""
    handle = open_locked(path, wait_s, held, how)
    try:
        yield
    finally:
        os.close(handle)


def open_locked(
    path: Path, wait_s: float, held: str, how: int = fcntl.LOCK_EX, flags: int = os.O_RDWR | os.O_CREAT
) -> int:
    """Return a lock file, open and locked, or a directory; Busy with the sentence `held` after `wait_s` seconds.

    One that was removed while it was waited for is nobody's lock any more: it is made anew.
    """
    odd: Optional[OSError] = None
    for _ in range(_TRIES):
        try:
            make_private(path if flags & os.O_DIRECTORY else path.parent)
            handle = os.open(path, flags | os.O_CLOEXEC, 0o600)
        except (FileNotFoundError, FileExistsError) as error:  # it is removed, or made, just now; or a link to nothing
            odd = error
            continue
        try:
            lock(handle, wait_s, held, how)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), path.stat()):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        odd = None
    raise odd or Failure("busy", held, "Try again later.")


def lock(handle: int, wait_s: float, held: str, how: int = fcntl.LOCK_EX) -> None:
    """Lock an open file, waiting at most `wait_s` seconds; Busy with the sentence `held` after that."""
    deadline = time.monotonic() + wait_s
    while not _lock_now(handle, how):
        if time.monotonic() >= deadline:
            raise Failure("busy", held, "Try again later.")
        time.sleep(_POLL_S)


def _lock_now(handle: int, how: int) -> bool:
    """Lock an open file where nobody else has it; return whether that is so."""
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN):
            raise
        return False
    return True


def write_whole(path: Path, data: bytes, mode: int = 0o600, keep: int = 0) -> None:
    """Write a file that is there whole, with its mode, or not at all, also after a power cut (fsync of it and folder).

    Where the file system is full, some of what was kept in reserve is given up for it, but for `keep` pieces.
    """
    while True:
        try:
            _write_whole(path, data, mode)
        except OSError as error:
            if error.errno not in NO_ROOM or not _give_of_reserve(path, keep):
                raise
        else:
            return


def _give_of_reserve(path: Path, keep: int) -> bool:
    """Give up a piece of what was kept in reserve in a directory above; return whether there was one more than `keep`.

    A whole file each: file systems run out of inodes too.
    """
    for folder in path.parents:
        if (folder / "guests").is_dir():
            for piece in _reserve(folder)[keep:]:
                with contextlib.suppress(FileNotFoundError):  # somebody else has given that up
                    piece.unlink()
                    return True
    return False


def _make_piece(root: Path, name: str) -> bool:
    """Make a piece of the reserve; False where the disk is full, or another agent here makes one just now."""
    part = root / f".new{_RESERVE}"
    try:
        handle = open_locked(part, 0, "Another agent makes a piece of the reserve.")
    except (Failure, OSError):
        return False
    try:
        os.posix_fallocate(handle, 0, _PIECE_BYTES)
        part.replace(root / name)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        return False
    finally:
        os.close(handle)
    return True


def _reserve(root: Path) -> list[Path]:
    """Return what is kept in reserve; that of older agents is one piece."""
    return sorted(root.glob(f"{_RESERVE}*"))


def _write_whole(path: Path, data: bytes, mode: int) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=NEW)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105  (mkstemp gives text)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108
        raise
    sync_dir(path.parent)


def sync_dir(folder: Path) -> None:
    """Make renames and removals in a directory last."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any, keep: int = 0) -> None:
    """Write plain values as JSON, whole or not at all; see `write_whole`."""
    write_whole(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode(), keep=keep)


def read_json(path: Path) -> Any:
    """Return a JSON file's values, None where there is none; a host fault where it is damaged."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise host_fault(
            "state_damaged",
            f"The file {path} on the host is damaged: {error}.",
            f"Restore it from a backup of the host. Without one, move it away and have what it described made anew; "
            f"a guest can be deleted: mv {path} {path}.damaged",
        ) from error
