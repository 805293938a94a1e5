"""The lab's images: built with mmdebstrap, kept by the hash of their recipe.

A build happens in a temporary folder beside its final place and is renamed there when it is whole, so what has the
final name is always a finished image. One build of an image runs at a time; what a killed one left is swept by the
next. Neighbours: `recipes` says what goes in, `apt` where packages come from.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from teig import paths, process
from teig.lab import apt, launch
from teig.lab.recipes import FOLDER, Recipe, recipe
from teig.model.errors import LabFault

Progress = Callable[[str], None]
"""Is told in a few words what is being done now."""

MIB: Final = 1 << 20
_BUILD_S = 1800
_PROGRAMS = (
    ("mmdebstrap", "mmdebstrap"), ("mke2fs", "e2fsprogs"), ("cpio", "cpio"), ("qemu-img", "qemu-utils"),
    ("unshare", "util-linux"),
)  # fmt: skip
_OCTAL = re.compile(rb"\\([0-7]{3})")
_EXCLUDED = ("doc", "man", "info", "locale", "lintian")


def silent(_text: str) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class BuiltImage:
    """A finished image: its name, its recipe's hash, and the folder with its files.

    A guest image's folder has a `manifest.json`; the lab hosts' (`dom0`) has `xen`, `kernel`, `initrd`, `root.qcow2`.
    """

    name: str
    recipe: str
    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """What `manifest.json` says; only guest images have one."""
        loaded: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        return loaded


def images_dir() -> Path:
    """Return where finished images are kept."""
    return paths.cache_dir() / "images"


def find(name: str) -> BuiltImage | None:
    """Return the image if it was built from the recipe as it is now; NotFound where there is no such recipe."""
    digest = recipe(name).hash
    folder = images_dir() / f"{name}-{digest[:12]}"
    return BuiltImage(name, digest, folder) if folder.is_dir() else None


def build(name: str, progress: Progress = silent) -> BuiltImage:
    """Return the image, built now if it was not yet.

    Raises MissingProgram for what is not installed and LabFault where the build fails or the disk is full; then nothing
    is left behind.
    """
    wanted = recipe(name)
    found = find(name)
    if found:
        return found
    for program, package in _PROGRAMS:
        process.require(program, package)
    images_dir().mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(name, progress):
        found = find(name)
        if found:
            return found
        _sweep(name)
        _check_space(wanted)
        progress(f"build image {name} from Debian's packages")
        with _work_folder(name) as work:
            _mmdebstrap(wanted, work)
            if wanted.manifest is not None:
                _write_manifest(wanted, work / "out")
            final = images_dir() / f"{name}-{wanted.hash[:12]}"
            (work / "out").rename(final)
    return BuiltImage(name, wanted.hash, final)


@contextlib.contextmanager
def _one_at_a_time(name: str, progress: Progress) -> Iterator[None]:
    with (images_dir() / f".{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"wait for another process that builds image {name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _work_folder(name: str) -> Iterator[Path]:
    work = Path(tempfile.mkdtemp(prefix=f".{name}.build-", dir=images_dir()))
    try:
        (work / "out").mkdir()
        yield work
    finally:
        _remove(work)


def _sweep(name: str) -> None:
    """Remove what killed builds of this image left. The caller holds the lock, so none of them still runs."""
    for stale in images_dir().glob(f".{name}.build-*"):
        _remove(stale)


def _remove(folder: Path) -> None:
    """Remove a folder, unless something is mounted below it: then its files are not ours to delete."""
    mounted = next((place for place in _mount_points() if place.is_relative_to(folder.resolve())), None)
    if mounted is not None:
        raise LabFault(
            f"Something is mounted at {mounted}, in what a build left.",
            f"Unmount it and try again: umount {shlex.quote(str(mounted))}",
        )
    shutil.rmtree(folder, ignore_errors=True)


def _mount_points() -> list[Path]:
    """Return where something is mounted. Spaces and the like stand there as octal numbers (proc(5))."""
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    points = (_OCTAL.sub(lambda found: bytes([int(found[1], 8)]), line.split(b" ")[4]) for line in lines)
    return [Path(os.fsdecode(point)) for point in points]


def _check_space(wanted: Recipe) -> None:
    free = shutil.disk_usage(images_dir()).free // MIB
    if free < wanted.space_mib:
        raise _disk_full(f"{free} MiB are free", wanted)


def _disk_full(what: str, wanted: Recipe) -> LabFault:
    return LabFault(
        f"The disk is too full to build image {wanted.name}: {what} at {images_dir()}.",
        f"Free at least {wanted.space_mib} MiB there, or set XDG_CACHE_HOME to a directory on a larger disk.",
        code="disk_full",
    )


def _mmdebstrap(wanted: Recipe, work: Path) -> None:
    argv = mmdebstrap_argv(wanted, work / "out", root=os.geteuid() == 0, options=apt.options())
    lines = apt.sources()
    if lines:
        argv.append("-")  # source lines come on standard input
    environment = {**os.environ, "INITRD": "No", "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    environment["LC_ALL"] = "C"  # its words are read
    if os.geteuid() == 0:
        environment["TMPDIR"] = str(work)  # where the sweep finds it; a plain user's sub-ids could not reach it there
    stdin = "".join(f"{line}\n" for line in lines).encode()
    try:
        process.run(launch.tied(argv, signal.SIGTERM), stdin=stdin, timeout_s=_BUILD_S, env=environment)
    except process.ProcessFailed as failed:
        if "No space left on device" in failed.stderr:
            raise _disk_full("no space was left", wanted) from failed
        raise LabFault(
            f"Image {wanted.name} could not be built: {_last_words(failed.stderr)}", failed.todo, code="build_failed"
        ) from failed


def _last_words(stderr: str) -> str:
    lines = [line for line in stderr.strip().splitlines() if not line.startswith("I:")]
    return " / ".join(lines[-4:]) or "mmdebstrap gave no reason."


def mmdebstrap_argv(wanted: Recipe, out: Path, *, root: bool, options: list[str]) -> list[str]:
    """Return the command that builds an image's files into the folder `out`.

    As root it runs in a mount namespace of its own, so that whatever happens no mount is left on this machine.
    """
    hook = f"--{wanted.hook}-hook="
    return [
        *(["unshare", "--mount", "--propagation", "private"] if root else []),
        "mmdebstrap",
        f"--mode={'root' if root else 'unshare'}",
        f"--variant={wanted.variant}",
        "--format=null",
        f"--include={','.join(wanted.packages)}",
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _EXCLUDED),
        *(f"--aptopt={option}" for option in options),
        f'{hook}mkdir "$1/recipe"',
        f"{hook}sync-in {FOLDER} /recipe",
        f'{hook}"$1/recipe/{wanted.name}/build.sh" "$1"',
        f"{hook}sync-out /out {out}",
        apt.SUITE,
        "/dev/null",
    ]


def _write_manifest(wanted: Recipe, folder: Path) -> None:
    raw_size = int((folder / "raw_size").read_text())
    (folder / "raw_size").unlink()
    files = {key: _described(folder / file) for key, file in _FILES.items()}
    files["root"]["raw_size"] = raw_size
    manifest = {
        "name": wanted.name,
        "version": wanted.hash[:12],
        "recipe": wanted.hash,
        "arch": "amd64",
        "files": files,
        **(wanted.manifest or {}),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


_FILES = {"kernel": "kernel", "initrd": "initrd", "root": "root.img.gz"}


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"file": path.name, "sha256": digest, "size": path.stat().st_size}
