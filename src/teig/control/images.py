"""Images: registering them, checking their bytes, forgetting them.

An image's files arrive one by one in a directory named by the image's id. The image exists once all of them are there
and each has the size and SHA-256 that the manifest promises.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from teig.control.services import Services
from teig.model.errors import Conflict, HostFault, ImageCorrupt, NotFound
from teig.model.image import Image, ImageFile, Manifest
from teig.model.names import ImageId
from teig.record import dump, load
from teig.store import guests, images
from teig.store.database import Database
from teig.store.images import StoredImage

_PARTIAL = ".partial"
_CUT_SHORT_S = 600.0
"""Seconds without a byte after which nobody sends a file any more."""
_UPLOADS: Final = ThreadPoolExecutor(4, "teig-uploads")
"""Write what is uploaded, so that all other requests, operations and consoles have threads whatever a disk does."""


@dataclass(frozen=True)
class Announced:
    """An image that may be sent: its id and the names of the files that are still missing."""

    id: ImageId
    missing: tuple[str, ...]


def identity(manifest: Manifest) -> ImageId:
    """Return an image's id: the SHA-256 of its manifest in canonical JSON."""
    canonical = json.dumps(dump(manifest), sort_keys=True, separators=(",", ":"))
    return ImageId(hashlib.sha256(canonical.encode()).hexdigest())


def announce(services: Services, manifest: Manifest) -> Announced:
    """Prepare to receive an image; where all files are here already, register it at once."""
    image = Image(identity(manifest), manifest)
    folder = services.image_dir / image.id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "manifest.json", json.dumps(dump(manifest), indent=1))
        for file in _files(manifest):
            if _there(folder, file) and _sha256(folder / file.file) != file.sha256:
                (folder / file.file).unlink()  # an earlier release kept it, or the disk has spoilt it
    except OSError as error:
        raise _cannot_store(error, folder) from error
    return _register_if_whole(services, image)


def sweep(db: Database, image_dir: Path) -> None:
    """Remove what uploads and removals left behind that were under way when a server was killed.

    Others may be at work beside it: an image that is not registered, and of which nothing has changed for ten minutes,
    is what somebody has removed, or has never sent whole.
    """
    for removed in image_dir.glob(f".*{_PARTIAL}"):
        shutil.rmtree(removed, ignore_errors=True)
    for partial in image_dir.glob(f"*/.*{_PARTIAL}"):
        if _is_left(partial):
            partial.unlink(missing_ok=True)
    for folder in (path for path in image_dir.glob("*") if re.fullmatch(r"[0-9a-f]{64}", path.name)):
        with suppress(OSError):  # another server has done it meanwhile; or it cannot be done now
            if all(map(_is_left, (folder, *folder.iterdir()))):
                _remove_files(db, ImageId(folder.name), folder)


def _is_left(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _CUT_SHORT_S
    except FileNotFoundError:
        return False


def _remove_files(db: Database, image: ImageId, folder: Path) -> None:
    """Remove an image's files, unless it is registered: somebody may have sent it again."""
    removed = folder.with_name(f".{image}.{uuid.uuid4().hex}{_PARTIAL}")

    def forgotten(connection: sa.Connection) -> None:
        if not images.is_known(connection, image):
            with suppress(FileNotFoundError):
                folder.rename(removed)

    db.write(forgotten)
    shutil.rmtree(removed, ignore_errors=True)


async def receive(services: Services, image_id: str, name: str, chunks: AsyncIterator[bytes]) -> Announced:
    """Take one file's bytes; ImageCorrupt where they are not the promised ones, and then nothing of them is kept."""
    image, wanted = await _aside(_expected, services, image_id, name)
    target = services.image_dir / image.id / name
    partial = target.with_name(f".{name}.{uuid.uuid4().hex}{_PARTIAL}")  # nobody else's: two may send it at once
    try:
        digest, size = await _written(partial, chunks, wanted.size)
        if size != wanted.size or digest != wanted.sha256:
            raise ImageCorrupt(
                f"The file {name} of image {image.manifest.name} is not the one that the manifest promises: "
                f"{size} bytes with SHA-256 {digest[:12]}…, not {wanted.size} bytes with "
                f"{wanted.sha256[:12]}….",
                "Build or download the image again.",
            )
        await _aside(partial.rename, target)
    except OSError as error:
        raise _cannot_store(error, target.parent) from error
    finally:
        await _aside(partial.unlink, True)
    told: Announced = await _aside(_register_if_whole, services, image)
    return told


async def _written(file: Path, chunks: AsyncIterator[bytes], most: int) -> tuple[str, int]:
    """Write what comes into a file; return its SHA-256 and its size. It ends where that is more than `most`."""
    digest, size = hashlib.sha256(), 0
    sink = await _aside(file.open, "wb")
    try:
        async for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            if size > most:
                break
            await _aside(sink.write, chunk)
        await _aside(sink.flush)
        await _aside(os.fsync, sink.fileno())
    finally:
        await _aside(sink.close)
    return digest.hexdigest(), size


async def _aside(work: Callable[..., Any], *args: object) -> Any:
    """Do what may wait for a slow disk in one of the uploads' own threads."""
    return await asyncio.get_running_loop().run_in_executor(_UPLOADS, work, *args)


def listed(services: Services) -> list[StoredImage]:
    """Return all registered images, by name, the newest first."""
    return services.db.read(images.listed)


def named(services: Services, name: str) -> StoredImage:
    """Return the newest image of a name."""
    return services.db.read(lambda connection: images.named(connection, name))


def remove(services: Services, name: str) -> None:
    """Forget the newest image of a name and delete its files; Conflict while a guest was made from it."""
    image = named(services, name).image
    folder = services.image_dir / image.id

    def unused(connection: sa.Connection) -> None:
        user = guests.images_in_use(connection).get(image.id)
        if user is not None:
            raise Conflict(
                f"The guest {user} boots from image {name}.",
                "Delete the guests of an image first.",
                code="image_in_use",
            )
        images.remove(connection, image.id)

    services.db.write(unused)  # for good, before its files go
    try:
        _remove_files(services.db, image.id, folder)
    except OSError as error:
        raise HostFault(
            f"Image {name} is forgotten, but its files could not be removed: {error.strerror or error} ({folder}).",
            "Remove them there; the server does when it is next started, if it can.",
        ) from error


def _cannot_store(error: OSError, folder: Path) -> HostFault:
    return HostFault(f"The server cannot store the image: {error.strerror or error} ({folder}).", "Make room there.")


def _register_if_whole(services: Services, image: Image) -> Announced:
    folder = services.image_dir / image.id

    def missing() -> tuple[str, ...]:
        return tuple(file.file for file in _files(image.manifest) if not _there(folder, file))

    def register(connection: sa.Connection) -> tuple[str, ...]:
        gone = missing()  # since somebody removed the image
        if not gone:
            images.add(connection, image, services.now())
        return gone

    return Announced(image.id, missing() or services.db.write(register))


def _expected(services: Services, untrusted_id: str, untrusted_name: str) -> tuple[Image, ImageFile]:
    known = {path.name: path for path in services.image_dir.iterdir()} if services.image_dir.is_dir() else {}
    folder = known.get(untrusted_id)
    if folder is None:
        raise NotFound("That image was not announced.", "Send its manifest first.", code="no_image")
    manifest = load(Manifest, json.loads((folder / "manifest.json").read_text()))
    for file in _files(manifest):
        if file.file == untrusted_name:
            return Image(ImageId(folder.name), manifest), file
    raise NotFound(f"The image {manifest.name} has no file of that name.", code="no_file")


def _files(manifest: Manifest) -> tuple[ImageFile, ImageFile, ImageFile]:
    return manifest.files.kernel, manifest.files.initrd, manifest.files.root


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}{_PARTIAL}")
    partial.write_text(text, encoding="utf-8")
    partial.rename(path)


def _there(folder: Path, file: ImageFile) -> bool:
    path = folder / file.file
    return path.is_file() and path.stat().st_size == file.size
