"""A checkout's set-up: what is missing is named, and what is pinned is all that is needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOBODY = "#!/bin/sh\necho 1000\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose set-up needs a package that no machine has, and a PATH on which nobody is root."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "setup", folder / "setup")
    for file in ("Makefile", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / file, folder)
    (folder / "setup/packages").write_text("# a comment\nno-such-package no-such-program\nbash bash\n")
    (folder / "bin").mkdir()
    (folder / "bin/id").write_text(NOBODY)
    (folder / "bin/sudo").write_text("#!/bin/sh\nexit 1\n")
    for program in ("id", "sudo"):
        (folder / "bin" / program).chmod(0o755)
    return folder


@pytest.mark.parametrize("target", ["demo", "test"])
def test_without_root_the_missing_packages_and_the_command_are_named(checkout: Path, target: str) -> None:
    environment = {**os.environ, "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["make", "--silent", target],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "These packages are missing, and you are not allowed to install them: no-such-package\n" in done.stderr
    assert (
        "Ask an administrator to run: apt-get update && apt-get install --yes --no-install-recommends no-such-package\n"
        in done.stderr
    )
    assert not (checkout / ".venv").exists()


def test_every_dependency_is_pinned_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    names = {re.split(r"[<>=!~\[; ]", line, maxsplit=1)[0].lower() for line in wanted}
    pins = (ROOT / "constraints.txt").read_text()
    pinned = set(re.findall(r"^([a-z0-9.-]+)==[^\n]+\\\n    --hash=sha256:[0-9a-f]{64}", pins, re.MULTILINE))
    assert names <= pinned
    assert len(pinned) == len(re.findall(r"^[a-z0-9]", pins, re.MULTILINE)), "a line without a hash"


def test_constraints_name_no_registry() -> None:
    assert "://" not in (ROOT / "constraints.txt").read_text()
    assert not (ROOT / "uv.lock").exists()


def test_continuous_integration_does_what_a_newcomer_does() -> None:
    assert "make test" in (ROOT / ".ci/run").read_text()
    assert os.access(ROOT / ".ci/run", os.X_OK)
