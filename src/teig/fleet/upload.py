"""Reading the server's own copy of an image, to be sent to a host."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from teig.model.errors import ImageCorrupt
from teig.model.image import Image, ImageFile

SLOWEST_LINE: Final = 1 << 20
"""Bytes a second at which an upload may go at the least; one that stands still ends much sooner."""
_SHORT_S: Final = 60.0
_CHUNK: Final = 1 << 18
_EVERY_S: Final = 0.5
_READERS: Final = ThreadPoolExecutor(8, "teig-uploads")


class Paced:
    """Calls a check, of which one call may be too dear for each piece of a file, twice a second at the most."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._last = float("-inf")

    def __call__(self) -> None:
        """Call the check where it was not called a moment ago; what it raises goes through."""
        if time.monotonic() - self._last >= _EVERY_S:
            self._check()
            self._last = time.monotonic()


def time_s(size: int) -> float:
    """Return how many seconds the upload of so many bytes may take."""
    return _SHORT_S + size / SLOWEST_LINE


def check_local(image: Image, entry: ImageFile, path: Path, paced: Callable[[], None]) -> None:
    """Raise ImageCorrupt where the server's own copy of a file is not what the manifest promises.

    `paced` is called between its pieces.
    """
    try:
        whole = path.stat().st_size == entry.size and _sha256(path, paced) == entry.sha256
    except FileNotFoundError:
        whole = False
    if not whole:
        raise ImageCorrupt(
            f"The server's copy of {entry.file} of image {image.manifest.name} is not what its manifest promises.",
            "Build or import the image again.",
        )


async def chunks_of(path: Path, size: int) -> AsyncIterator[bytes]:
    """Yield a file's bytes, neither more nor fewer than `size`, read beside the loop: its disk may be slow."""
    beside = asyncio.get_running_loop().run_in_executor
    file = await beside(_READERS, path.open, "rb")
    try:
        left = size
        while left:
            chunk = await beside(_READERS, file.read, min(_CHUNK, left))
            if not chunk:
                raise EOFError(f"{path} became shorter while it was sent")
            left -= len(chunk)
            yield chunk
    finally:
        _READERS.submit(file.close)  # it waits for a read that is under way


def _sha256(path: Path, paced: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            paced()
    return digest.hexdigest()
