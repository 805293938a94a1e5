"""What is left of images that were forgotten, or never came whole: nothing, and nothing that somebody is at work on."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from teig.control import images
from teig.control.services import Services
from teig.model.errors import HostFault, NotFound
from teig.store import schema
from tests.simulated import CONTENTS, manifest


@pytest.fixture
def folder(services: Services) -> Path:
    """The files of an image that is registered."""
    known = images.announce(services, manifest("spare"))
    folder = services.image_dir / known.id
    for name in known.missing:
        (folder / name).write_bytes(CONTENTS[name])
    assert images.announce(services, manifest("spare")).missing == ()
    return folder


def age(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        os.utime(path, (time.time() - 3600,) * 2)


def test_files_whose_removal_was_cut_are_swept(
    services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server was killed between the two, or could not."""

    def refused(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refused)
        with pytest.raises(HostFault, match="is forgotten, but its files could not be removed: Permission denied"):
            images.remove(services, "spare")
    with pytest.raises(NotFound):
        images.remove(services, "spare")
    images.sweep(services.db, services.image_dir)
    assert folder.exists(), "somebody may be sending it again"
    age(folder)
    images.sweep(services.db, services.image_dir)
    assert not folder.exists()
    assert not list(services.image_dir.glob(".*"))


def test_what_is_registered_or_has_just_changed_is_not_swept(services: Services, folder: Path) -> None:
    age(folder)
    copy = services.image_dir / f"{folder.name}.bak"
    shutil.copytree(folder, copy)
    age(copy)
    services.db.write(lambda connection: connection.execute(schema.images.update().values(manifest={"name": 5})))
    other = services.image_dir / images.announce(services, manifest("half")).id
    age(other)
    (other / "vmlinuz").write_bytes(b"some")
    images.sweep(services.db, services.image_dir)
    assert folder.exists(), "it is registered, though its row is damaged"
    assert copy.exists()
    assert other.exists()
