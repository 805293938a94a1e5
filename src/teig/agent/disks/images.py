"""Images on the host: kernel, first file system and root file system, each checked while it arrives.

A file has its final name only after its bytes were checked and written out, so what is there is whole; the root file
system is checked again whenever it is read (`teig.agent.disks.volumes`).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from teig.agent.contract import spec
from teig.agent.contract.failure import Failure, host_fault
from teig.agent.contract.spec import ImageFile, Manifest
from teig.agent.host.state import State, make_private, read_json, sync_dir, write_json

_CHUNK = 1 << 18
_NEW = ".new-"
_CUT_SHORT_S = 600.0
"""Seconds without a byte after which nobody sends a file any more: a channel is ended long before."""


def image_begin(state: State, image: str, manifest: Any) -> dict[str, Any]:
    """Keep an image's manifest and return which of its files are still missing."""
    checked = spec.parse_manifest(manifest)
    folder = state.image_dir(image)
    make_private(folder)
    _remove_cut_short(folder)
    stored = read_json(folder / "manifest.json")
    if stored is not None and stored != checked.raw:
        raise Failure("conflict", f"The host holds another manifest as image {image}.", code="image_differs")
    if stored is None:
        write_json(folder / "manifest.json", checked.raw)
    return {"missing": missing(folder, checked)}


def _remove_cut_short(folder: Path) -> None:
    """Remove what arrived in part when its agent was killed: nothing was written to it for long."""
    for path in folder.glob(f"{_NEW}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _CUT_SHORT_S:
                path.unlink()


def missing(folder: Path, manifest: Manifest) -> list[str]:
    """Return the names of the files that are not there in their full size."""
    return [entry.file for entry in manifest.files if not _has(folder / entry.file, entry.size)]


def _has(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def image_present(state: State, image: str) -> dict[str, Any]:
    """Say whether all files of an image are there."""
    folder = state.image_dir(image)
    stored = read_json(folder / "manifest.json")
    return {"present": stored is not None and not missing(folder, spec.parse_manifest(stored))}


def manifest_of(state: State, image: str) -> Manifest:
    """Return the manifest of an image that is there whole; NotFound otherwise."""
    folder = state.image_dir(image)
    stored = read_json(folder / "manifest.json")
    checked = None if stored is None else spec.parse_manifest(stored)
    if checked is None or missing(folder, checked):
        raise Failure("not_found", f"The host has not got image {image} whole.", "Send it again.", code="no_image")
    return checked


class Receiver:
    """A file of an image while it arrives: its bytes go to a temporary file and through SHA-256."""

    def __init__(self, state: State, image: str, file: str, size: int, sha256: str) -> None:
        self._folder = state.image_dir(image)
        stored = read_json(self._folder / "manifest.json")
        if stored is None:
            raise Failure("not_found", f"The host has not got the manifest of image {image}.", code="no_image")
        self._entry = self._expected(spec.parse_manifest(stored), file, size, sha256)

    def _expected(self, manifest: Manifest, file: str, size: int, sha256: str) -> ImageFile:
        for entry in manifest.files:
            if entry.file == file and entry.size == size and entry.sha256 == sha256:
                return entry
        raise Failure("invalid", f"The image's manifest has no file {file} of that size and checksum.")

    def receive(self, read: Callable[[int], bytes]) -> dict[str, Any]:
        """Take exactly the file's size in bytes from `read`; whatever happens, none of them is left unread."""
        left = self._entry.size
        try:
            handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=_NEW)
            try:
                with os.fdopen(handle, "wb") as out:
                    digest = hashlib.sha256()
                    while left:
                        chunk = read(min(_CHUNK, left))
                        left -= len(chunk)
                        digest.update(chunk)
                        out.write(chunk)
                    out.flush()
                    os.fsync(out.fileno())
                self._keep(temporary, digest.hexdigest())
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)  # noqa: PTH108
        except OSError as error:
            while left:
                left -= len(read(min(_CHUNK, left)))
            raise self._failure(error) from error
        return {}

    def _keep(self, temporary: str, sha256: str) -> None:
        if sha256 != self._entry.sha256:
            raise Failure(
                "image_corrupt",
                f"The file {self._entry.file} arrived with SHA-256 {sha256}, and its manifest promises "
                f"{self._entry.sha256}.",
                "Build or import the image again.",
            )
        os.replace(temporary, self._folder / self._entry.file)  # noqa: PTH105
        sync_dir(self._folder)

    def _failure(self, error: OSError) -> Failure:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(self._folder).free
            return host_fault(
                "host_disk_full",
                f"The host's file system with {self._folder} has {free >> 20} MiB free, and the image's file "
                f"{self._entry.file} needs {self._entry.size >> 20} MiB.",
                "Make room there or remove images.",
            )
        return host_fault("host_disk", f"The host could not write {self._folder / self._entry.file}: {error}.")
