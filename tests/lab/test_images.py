"""Building images: the recipe's hash, where packages come from, and what is left when a build fails."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from teig import process
from teig.lab import apt, images, launch, recipes
from teig.model.errors import LabFault, MissingProgram, NotFound


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_hash_covers_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "recipes"
    shutil.copytree(recipes.FOLDER, copy)
    monkeypatch.setattr(recipes, "FOLDER", copy)
    before = {name: recipes.recipe(name).hash for name in recipes.NAMES}
    (copy / "micro/files/etc/inittab").write_text("other\n")
    assert recipes.recipe("micro").hash != before["micro"]
    assert recipes.recipe("dom0").hash == before["dom0"]
    (copy / "shared/init").chmod(0o644)
    assert recipes.recipe("dom0").hash != before["dom0"]


def test_unknown_recipe_is_named() -> None:
    with pytest.raises(NotFound, match="no recipe for an image called winnt"):
        images.find("winnt")


def test_full_disk_is_seen_before_the_build(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(1 << 40, 1 << 40, 100 << 20))
    with pytest.raises(LabFault, match="too full to build image micro: 100 MiB are free"):
        images.build("micro")
    assert _left(own_cache) == []


def test_disk_that_fills_up_is_one_sentence_and_leaves_nothing(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(argv: list[str], **_more: object) -> str:
        if "mmdebstrap" in argv:
            raise process.ProcessFailed(argv, 1, "", "cp: error writing: No space left on device")
        return ""

    monkeypatch.setattr(process, "run", fail)
    with pytest.raises(LabFault, match="no space was left") as caught:
        images.build("micro")
    assert caught.value.reason == "disk_full"
    assert _left(own_cache) == []


def test_what_a_killed_build_left_is_swept_and_does_not_count(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = own_cache / "teig/images/.micro.build-dead/out"
    stale.mkdir(parents=True)
    assert images.find("micro") is None
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(1, 1, 0))
    with pytest.raises(LabFault):
        images.build("micro")
    assert _left(own_cache) == []


@pytest.mark.parametrize("name", ["cache", "my cache", "käche", "back\\slash", "link"])
def test_what_is_mounted_in_what_a_build_left_is_never_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "large-disk").mkdir()
    (tmp_path / "link").symlink_to("large-disk")
    work = tmp_path / name / ".micro.build-dead"
    (work / "root/dev").mkdir(parents=True)
    (work / "root/dev/somebody's").touch()
    real = str((work / "root/dev").resolve()).replace("\\", "\\134").replace(" ", "\\040")
    sound = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        lines = f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:5 / {real} rw - tmpfs none rw\n".encode()
        return lines if str(path) == "/proc/self/mountinfo" else sound(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    with pytest.raises(LabFault, match="Something is mounted at"):
        images._remove(work)
    assert (work / "root/dev/somebody's").exists()
    other = tmp_path / name / ".micro.build-dea"
    other.mkdir()
    images._remove(other)
    assert not other.exists()


def test_mmdebstrap_speaks_the_language_in_which_it_is_read(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(argv: list[str], *, env: dict[str, str] | None = None, **_more: object) -> str:
        if "mmdebstrap" in argv:
            german = env is None or env.get("LC_ALL") != "C"
            said = "Auf dem Gerät ist kein Speicherplatz mehr verfügbar" if german else "No space left on device"
            raise process.ProcessFailed(argv, 1, "", f"cp: {said}")
        return ""

    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setattr(process, "run", fail)
    with pytest.raises(LabFault) as caught:
        images.build("micro")
    assert caught.value.reason == "disk_full"
    assert _left(own_cache) == []


def test_missing_program_names_its_package(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _program, **_more: None)
    with pytest.raises(MissingProgram, match="apt-get install mmdebstrap"):
        images.build("micro")


def test_build_as_root_has_mounts_of_its_own() -> None:
    argv = images.mmdebstrap_argv(recipes.recipe("micro"), Path("/out"), root=True, options=[])
    assert argv[:2] == ["unshare", "--mount"]
    assert "--mode=unshare" in images.mmdebstrap_argv(recipes.recipe("micro"), Path("/out"), root=False, options=[])


def test_only_debians_own_sources_for_this_release_count(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://no.example x main\n"
        "deb [arch=amd64] http://one.example/debian bookworm main contrib\n"
        "deb http://one.example/debian trixie main\n"
        "deb [signed-by=/usr/share/keyrings/other.gpg] http://other.example bookworm main\n"
    )
    (parts / "debian.sources").write_text(
        "Types: deb deb-src\nURIs: http://two.example/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
        "Types: deb\nURIs: http://off.example\nSuites: bookworm\nComponents: main\nEnabled: no\n"
    )
    (parts / "node.list.disabled").write_text("deb http://off.example bookworm main\n")
    assert apt.sources(tmp_path) == [
        "deb http://one.example/debian bookworm main",
        "deb http://two.example/debian bookworm main",
        "deb http://two.example/debian bookworm-updates main",
    ]


def test_machine_of_another_release_takes_the_default_mirror(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://one.example/debian trixie main\n")
    assert apt.sources(tmp_path) == []


def test_started_program_ends_when_asked(tmp_path: Path) -> None:
    running = launch.start(["sleep", "600"], tmp_path / "log", tie=True)
    assert running.alive
    running.end()
    assert not running.alive


def _left(cache: Path) -> list[str]:
    return [path.name for path in (cache / "teig/images").iterdir() if not path.name.endswith(".lock")]
