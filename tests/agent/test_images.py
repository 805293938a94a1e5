"""Receiving an image: whole, or not at all."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.agent.given import FILES, IMAGE, Asking, manifest, sha256

FILE = "root.img.gz"


def _receive(asking: Asking, data: bytes) -> dict[str, Any]:
    asked = {"image": IMAGE, "file": FILE, "size": len(FILES[FILE]), "sha256": sha256(FILES[FILE])}
    assert asking.ask("image_receive", **asked)["go"]
    asking.raw(data)
    return asking.answer()


def test_an_image_arrives(asking: Asking, tmp_path: Path) -> None:
    assert asking.ask("image_present", image=IMAGE)["ok"] == {"present": False}
    asking.put_image()
    assert asking.ask("image_present", image=IMAGE)["ok"] == {"present": True}
    assert asking.ask("image_begin", image=IMAGE, manifest=manifest())["ok"] == {"missing": []}
    folder = tmp_path / "images" / IMAGE
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".json"} == FILES
    assert folder.stat().st_mode & 0o777 == 0o700


def test_wrong_bytes_leave_nothing(asking: Asking, tmp_path: Path) -> None:
    asking.ask("image_begin", image=IMAGE, manifest=manifest())
    error = _receive(asking, bytes(len(FILES[FILE])))["error"]
    assert error["kind"] == "image_corrupt"
    assert [path.name for path in (tmp_path / "images" / IMAGE).iterdir()] == ["manifest.json"]
    assert "ok" in _receive(asking, FILES[FILE])


def test_a_full_disk_is_said_and_the_channel_lives(asking: Asking, tmp_path: Path, monkeypatch: Any) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    asking.ask("image_begin", image=IMAGE, manifest=manifest())
    with monkeypatch.context() as patch:
        patch.setattr("teig.agent.disks.images.os.fsync", full)
        error = _receive(asking, FILES[FILE])["error"]
    assert (error["kind"], error["code"]) == ("host_fault", "host_disk_full")
    assert "MiB free" in error["message"]
    assert [path.name for path in (tmp_path / "images" / IMAGE).iterdir()] == ["manifest.json"]
    assert "ok" in _receive(asking, FILES[FILE])


def test_a_full_disk_at_the_first_byte(asking: Asking, monkeypatch: Any) -> None:
    def full(**_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    asking.ask("image_begin", image=IMAGE, manifest=manifest())
    with monkeypatch.context() as patch:
        patch.setattr("teig.agent.disks.images.tempfile.mkstemp", full)
        assert _receive(asking, FILES[FILE])["error"]["code"] == "host_disk_full"
    assert asking.ask("image_present", image=IMAGE)["ok"] == {"present": False}


@pytest.mark.parametrize(
    "wrong", [{"sha256": "1" * 64}, {"size": 3}, {"file": "other"}, {"image": "2" * 64}, {"file": "manifest.json"}]
)
def test_only_what_the_manifest_names_is_taken(asking: Asking, wrong: dict[str, Any]) -> None:
    asking.ask("image_begin", image=IMAGE, manifest=manifest())
    asked = {"image": IMAGE, "file": FILE, "size": len(FILES[FILE]), "sha256": sha256(FILES[FILE]), **wrong}
    assert asking.ask("image_receive", **asked)["error"]["kind"] in {"invalid", "not_found"}


def test_another_manifest_under_the_same_id(asking: Asking) -> None:
    asking.ask("image_begin", image=IMAGE, manifest=manifest())
    answer = asking.ask("image_begin", image=IMAGE, manifest=manifest(version="other"))
    assert answer["error"]["code"] == "image_differs"


def test_what_a_killed_agent_received_in_part_goes_with_the_next(asking: Asking, tmp_path: Path) -> None:
    asking.put_image()
    folder = tmp_path / "images" / IMAGE
    for name, age_s in ((".new-old", 3600), (".new-now", 0)):
        (folder / name).write_bytes(b"part")
        os.utime(folder / name, (time.time() - age_s,) * 2)
    asking.ask("image_begin", image=IMAGE, manifest=manifest())
    assert [path.name for path in folder.glob(".new-*")] == [".new-now"]
